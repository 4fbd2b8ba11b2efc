"""HTTP to registries, to the application's API and to wherever they redirect. The only user of `requests`."""
