"""The LRS objects in a backup: one YAML manifest each, the objects as the server gave them, an index, and the CRD."""
