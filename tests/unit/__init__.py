"""The package in small, without any server. It mirrors the package."""
