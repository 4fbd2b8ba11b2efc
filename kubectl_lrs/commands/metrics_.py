"""The flags and the help of `kubectl lrs metrics`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups

HELP = """Print metrics of the backups in Prometheus' text form.

For each cluster and profile: the instants of the newest sealed backup, of the newest whole one and of the oldest,
how many there are, what the newest holds and lacks; and how large the repository is. Besides, what the last nightly
runs of this user came to: when they began, their exit status, how long they took, when the last one went well.
Nothing is written, and no cluster is asked. `run nightly --metrics-file` has the same written each night.
"""


command = lrs_command(
    "metrics",
    Backups,
    help=HELP,
    examples=[("As a file for node_exporter's textfile collector", "@ metrics --backup-dir /var/backups/lrs > lrs.prom")],
    exits=(0, 1, 2, 4, 5, 130),
)
