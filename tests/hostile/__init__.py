"""Backups and answers that mean harm."""
