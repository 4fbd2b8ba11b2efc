"""How fast and how lean, beside the tools that people use today, in one run on one machine."""
