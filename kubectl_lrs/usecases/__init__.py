"""The use cases. No click, no printing, no client of a third party: everything they need is handed to them."""
