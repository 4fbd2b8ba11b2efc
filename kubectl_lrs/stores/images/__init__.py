"""Images: what LRS and Mongo documents name, copied out of its registry and pushed back. Unaware of the other tiers."""
