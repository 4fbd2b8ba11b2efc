"""Tab completion: what can stand at a word, the shells' scripts, and the shim that kubectl calls. It changes nothing."""
