"""Each command, as a user calls it, against real servers."""
