"""Bytes at keys, wherever they are kept: a path, S3, and what fsspec reaches. They do not know what the bytes mean."""
