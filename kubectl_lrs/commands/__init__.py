"""One verb per file: flags → options → an operation → a view → the exit code. Thin; no logic of its own."""
