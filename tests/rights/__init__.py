"""Exactly the rights that the documents give, each taken away in turn; and logins."""
