"""How to talk to each third party: the only input and output to others. Plain data in and out, errors translated."""
