"""The test bed: a real control plane, built once and started on loopback. Standard library only, so that it runs first."""
