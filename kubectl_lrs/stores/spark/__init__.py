"""Spark sessions: finding those that are live, deleting them and seeing them go."""
