"""Names of container images: how they are read, found in an LRS, and mapped to another registry. Pure."""
