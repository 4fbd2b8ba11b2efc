"""Servers, networks, disks and signals that make trouble."""
