"""Installed by pip and by krew."""
