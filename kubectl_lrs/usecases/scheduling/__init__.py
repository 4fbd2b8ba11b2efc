"""Nightly runs in the cluster: the objects that they need, how these get there, and what became of the runs."""
