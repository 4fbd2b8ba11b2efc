"""The Mongo tier: the collections that custom applications live in."""
