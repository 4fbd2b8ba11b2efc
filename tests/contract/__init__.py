"""One suite for everything of one kind: the doors to third parties."""
