"""The flags and the help of `kubectl lrs clean-spark`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Quiet, Tables, Yes
from kubectl_lrs.model.flags import Group, Options, flag
from kubectl_lrs.stores.spark.flags import CleanOptions


class Flags(Options):
    """Where sessions are looked for."""

    all_namespaces: bool = flag("-A", "--all-namespaces", default=False, group=Group.MEANT, help="All namespaces; overrides -n.")
    selector: str = flag(
        "-l",
        "--selector",
        default="",
        metavar="SELECTOR",
        group=Group.MEANT,
        help="Only objects with these labels (app=web,tier!=cache).",
    )


HELP = """Delete Spark sessions, as before a backup.

These are the LRS with the label datarobot-lrs-type=spark_app; without them the application does not connect to
stale ones after a restore. They are shown first. Each is deleted by its uid, so that one born meanwhile stays, and
is waited for; what is stuck is named with the finalizers that hold it and the likely cause. Do it while the LRS
operator still runs, before the application is scaled down: the operator takes the finalizers off.
"""


command = lrs_command(
    "clean-spark",
    Flags,
    CleanOptions,
    Yes,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("Which sessions there are in the context's namespace", "@ clean-spark --dry-run=client"),
        ("Delete them after a question, and wait until they are gone", "@ clean-spark"),
        ("Stale ones of every namespace, without a question", "@ clean-spark -A --older-than 24h --yes"),
        ("As the first step of a backup", "@ backup --clean-spark"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
