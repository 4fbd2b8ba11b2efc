"""The product as a container image: made of what an installation or a krew archive holds, pushed by the client for registries."""
