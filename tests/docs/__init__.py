"""The documents, the runbooks and the demo say what is so."""
