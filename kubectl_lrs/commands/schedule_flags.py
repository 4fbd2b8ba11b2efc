"""The settings of nightly runs, as flags."""

from __future__ import annotations

from kubectl_lrs.model.flags import Group, Options, flag
from kubectl_lrs.model.nightly import BACKUP, PARTS, PROVE, PRUNE


def _cron(part: str, default: str, what: str) -> str:
    word, key = ("--cron", "cron") if part == BACKUP else (f"--{part}-cron", f"{part}Cron")
    return flag(word, key=f"schedule.{key}", default=default, metavar="CRON", shown=True, group=Group.MEANT, help=f"When {what}.")


def _environment(part: str) -> tuple[str, ...]:
    return flag(
        f"--{part}-env",
        key=f"schedule.{part}Env",
        default=(),
        metavar="SECRET,...",
        commas=True,
        group=Group.CREDENTIALS,
        help=f"Secrets whose keys are the environment of {part}.",
    )


def _files(part: str) -> str:
    return flag(
        f"--{part}-files",
        key=f"schedule.{part}Files",
        default="",
        metavar="SECRET",
        group=Group.CREDENTIALS,
        help=f"Secret that has the files which the installation file names for {part}; each is a key, by its name.",
    )


def _annotations(part: str) -> tuple[str, ...]:
    return flag(
        f"--{part}-annotation",
        key=f"schedule.{part}Annotations",
        default=(),
        metavar="KEY=VALUE",
        group=Group.CREDENTIALS,
        help=f"An annotation of the service account of {part}, as workload identities need it; may be repeated.",
    )


class Settings(Options):
    """What is made."""

    image: str = flag(
        "--image", key="schedule.image", default="", metavar="IMAGE", group=Group.MEANT, help="Image that has kubectl lrs."
    )
    parts: tuple[str, ...] = flag(
        "--parts",
        key="schedule.parts",
        default=(),
        metavar="PART,...",
        commas=True,
        offered=PARTS,
        group=Group.MEANT,
        help=f"What is run, each with credentials of its own: {', '.join(PARTS)}; {BACKUP} and {PRUNE} where none is given.",
    )
    cron: str = _cron(BACKUP, "17 1 * * *", "the backup begins, as five fields of cron")
    prune_cron: str = _cron(PRUNE, "17 5 * * *", "prune begins")
    prove_cron: str = _cron(PROVE, "17 7 * * 0", "prove begins")
    time_zone: str = flag(
        "--time-zone",
        key="schedule.timeZone",
        default="Etc/UTC",
        metavar="ZONE",
        shown=True,
        group=Group.MEANT,
        help="The time zone of these, such as Europe/Berlin.",
    )
    name: str = flag(
        "--schedule-name",
        key="schedule.name",
        default="lrs",
        metavar="NAME",
        shown=True,
        group=Group.MEANT,
        help="What the names of all objects begin with.",
    )
    backup_env: tuple[str, ...] = _environment(BACKUP)
    prune_env: tuple[str, ...] = _environment(PRUNE)
    prove_env: tuple[str, ...] = _environment(PROVE)
    backup_files: str = _files(BACKUP)
    prune_files: str = _files(PRUNE)
    prove_files: str = _files(PROVE)
    backup_annotations: tuple[str, ...] = _annotations(BACKUP)
    prune_annotations: tuple[str, ...] = _annotations(PRUNE)
    prove_annotations: tuple[str, ...] = _annotations(PROVE)
    pull_secrets: tuple[str, ...] = flag(
        "--image-pull-secret",
        key="schedule.imagePullSecrets",
        default=(),
        metavar="SECRET,...",
        commas=True,
        group=Group.CREDENTIALS,
        help="Secrets by which nodes pull the image.",
    )
    shards: str = flag(
        "--shards",
        key="schedule.shards",
        default="",
        metavar="N|auto",
        group=Group.MEANT,
        help="Have pods of a Job copy the files of a backup, N at once: cut into about N segments, of 10 GiB at most.",
    )
    memory: str = flag(
        "--memory",
        key="schedule.memory",
        default="1Gi",
        metavar="QUANTITY",
        shown=True,
        group=Group.OTHER,
        help="Memory that a pod may use.",
    )
    room: str = flag(
        "--room",
        key="schedule.room",
        default="2Gi",
        metavar="QUANTITY",
        shown=True,
        group=Group.OTHER,
        help="Room for the temporary files of a pod.",
    )
    user: int = flag(
        "--run-as-user",
        key="schedule.runAsUser",
        default=65532,
        metavar="UID",
        least=0,
        shown=True,
        group=Group.OTHER,
        help="User that a pod runs as; 0 leaves it to the cluster, as OpenShift wants it.",
    )
