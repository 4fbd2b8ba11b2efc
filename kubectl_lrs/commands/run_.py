"""The flags and the help of `kubectl lrs run`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Silent, Tables
from kubectl_lrs.model.flags import Group, Options, Source, argument, flag
from kubectl_lrs.model.nightly import PARTS

NIGHTLY, SEGMENT = "nightly", "segment"


class Flags(Options):
    """What is run."""

    what: str | None = argument("what", default=None, metavar="nightly|segment", choices=(NIGHTLY, SEGMENT))
    parts: tuple[str, ...] = flag(
        "--part",
        default=(),
        choices=PARTS,
        group=Group.MEANT,
        help="Only this part, as a pod does that has no credentials for the others; may be repeated.",
    )
    segment: str = flag(
        "--segment", default="", metavar="NAME", group=Group.MEANT, help="With segment: the one that is to be copied."
    )


class Nightly(Options):
    """How a nightly run goes."""

    clean_spark: bool = flag(
        "--clean-spark", key="nightly.cleanSpark", default=False, group=Group.HOW, help="First delete Spark sessions, unasked."
    )
    check_fails: bool = flag(
        "--check-fails",
        key="nightly.checkFails",
        default=False,
        group=Group.HOW,
        help="Every error that check finds counts for the exit status, and not new ones alone.",
    )
    fresh: str = flag(
        "--fresh",
        key="nightly.fresh",
        default="26h",
        metavar="DURATION",
        shown=True,
        group=Group.HOW,
        help="How old the newest backup may be to --part prune alone, which removes nothing else, and to --part prove.",
    )


def _url_in(name: str, key: str, what: str) -> str:
    return flag(
        name,
        key=f"notify.{key}",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help=f"File with the URL {what}.",
    )


class Notify(Options):
    """Who is told."""

    metrics_file: str = flag(
        "--metrics-file",
        key="notify.metricsFile",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help="Write metrics there in Prometheus' text form, as node_exporter's textfile collector reads them (NAME.prom).",
    )
    pushgateway_file: str = _url_in("--pushgateway-file", "pushgatewayFile", "of a Prometheus Pushgateway that gets the metrics")
    heartbeat_start_file: str = _url_in("--heartbeat-start-file", "heartbeatStartFile", "that is called when the run begins")
    heartbeat_success_file: str = _url_in(
        "--heartbeat-success-file", "heartbeatSuccessFile", "that is called when it ends with 0"
    )
    heartbeat_failure_file: str = _url_in(
        "--heartbeat-failure-file", "heartbeatFailureFile", "that gets the report (POST) when it ends with anything else"
    )
    events: bool = flag(
        "--events",
        key="notify.events",
        off="--no-events",
        default=True,
        shown=True,
        group=Group.OUTPUT,
        help="Make an Event on the CronJob that LRS_CRONJOB names, in the pod's namespace.",
    )


HELP = """Do what is done each night: backup, verify, check, prune; tell how it went.

What is saved, where, and what is kept says the installation file, which there must be (--config, LRS_CONFIG). The
steps: clean-spark where nightly.cleanSpark asks for it; a backup; verify of that backup; check; prune by the rules of
retention. Each is done whatever became of the others, but for these: what was not sealed is not verified, and prune
removes nothing unless the backup of this run is sealed (partial ones too) and verified. A prune that would remove
more than half of a group is left to a person.

One report tells what became of each step, and the worst exit status is that of the run: 1, then 5, 4, 3, 0; 2 and an
interruption end it at once. An error that check finds counts when the run before did not find it. A group of backups
of which none was whole for 14 days is an error by itself (1). Where LRS_CRONJOB is set, the process ends with 0 in
place of 3, so that the Job has not failed; report, metrics and Event say 3.

The parts can run apart, with credentials of their own: `backup` (clean-spark, backup, verify, check), `prune`, and
`prove`, which rehearses the newest backup and is done where --part prove asks for it alone. Without --part the
other two are done as far as their credentials are here: backup needs a cluster, prune rules of retention.
Where neither can be done, the run fails.
All of them are about the backups that this installation makes (cluster, namespace, profile and selection of its file):
prune removes none of another one that lies in the same place, nor one that was made by hand of less.
`prune` by itself goes by the newest, which must be younger than --fresh, and verifies it. A proof of one that is older
is done in part (3).

`run segment` copies one segment of the files of a backup that another machine makes by backup --shards, which says what
segments are called. It needs the repository (--backup-dir) and the storage of the files (files.url of the installation
file, or LRS_FILES_URL), and no cluster. What is another version by then is not copied, and that run is told.
"""


command = lrs_command(
    "run",
    Flags,
    Nightly,
    Notify,
    Backups,
    Tables,
    Silent,
    help=HELP,
    examples=[
        ("All of it, in cron; nothing is printed where all is well", "@ run nightly -q --config prod.yaml"),
        ("With metrics for node_exporter", "@ run nightly --metrics-file /var/lib/node_exporter/lrs.prom"),
        ("What a pod without the right to delete does", "@ run nightly --part backup"),
        ("A part of a backup of another machine", "@ run segment --segment 5f0c...-3 --backup-dir s3://backups/lrs"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
