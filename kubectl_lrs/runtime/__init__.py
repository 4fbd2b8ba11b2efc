"""What long work stands on: work at once, cancelling, progress, locks, journals. It knows nothing of the work."""
