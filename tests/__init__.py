"""The tests, and what they and the demonstration stand on."""
