"""What can be said of deleting Spark sessions on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.flags import Group, Options, flag

DEFAULT_TIMEOUT = "5m"
DEFAULT_WORKERS = 16


class CleanOptions(Options):
    """Which sessions are deleted, and how."""

    older_than: str = flag(
        "--older-than",
        default="",
        metavar="DURATION",
        group=Group.MEANT,
        help="Only sessions older than this (45m, 24h, 7d).",
    )
    wait: bool = flag(
        "--wait", key="spark.wait", off="--no-wait", default=True, shown=True, group=Group.HOW, help="Wait until they are gone."
    )
    timeout: str = flag(
        "--timeout",
        key="spark.timeout",
        default=DEFAULT_TIMEOUT,
        metavar="DURATION",
        shown=True,
        group=Group.HOW,
        help="For all of it.",
    )
    parallel: int = flag(
        "--parallel",
        key="spark.parallel",
        default=DEFAULT_WORKERS,
        least=1,
        most=64,
        shown=True,
        group=Group.HOW,
        help="Sessions deleted at once.",
    )
    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client", "server"),
        group=Group.HOW,
        help="Show the sessions, or ask the server about each deletion.",
    )
    operator: str = flag(
        "--operator",
        key="operator",
        default="",
        metavar="NAMESPACE/NAME",
        group=Group.OBJECTS,
        help="The operator's Deployment, which is looked at when a session is stuck; found by itself as a rule.",
    )


class CleanFirst(Options):
    """Whether sessions are deleted before something else is done."""

    clean_spark: bool = flag(
        "--clean-spark",
        default=False,
        group=Group.HOW,
        help="First delete the Spark sessions of the same namespaces and labels, as clean-spark does.",
    )
    yes: bool = flag("-y", "--yes", default=False, group=Group.HOW, help="Do not ask before --clean-spark deletes.")
