"""`python -m kubectl_lrs`: the same as the `kubectl-lrs` launcher."""

from kubectl_lrs.cli import main

main()
