"""Image registries themselves: the distribution API, logins, contents, its errors as ours."""
