"""How data is written and read: YAML, BSON, command lines. Pure, and without trust in what is read."""
