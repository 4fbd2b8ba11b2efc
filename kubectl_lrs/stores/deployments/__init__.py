"""The deployments of the application, through its API: which are active, and taking them down and up again."""
