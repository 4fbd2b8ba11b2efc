"""What belongs to each store, and how it goes into a backup and back. The tiers do not know of each other."""
