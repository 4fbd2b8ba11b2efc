"""What the vendor's script or `kubectl get lrs -o yaml` saved: a folder of manifests, or a file of one or many.

The vendor's script (https://docs.datarobot.com, "Back up long running services") writes a file for each LRS into a folder
`lrs_backup_YYYY_mm_dd_HH_MM`, by the clock of its machine; where its `kubectl get` fails it leaves an empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.names import BACKUP_PREFIX
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository.plain.files import reading
from kubectl_lrs.runtime.paths import is_file, is_folder
from kubectl_lrs.sources.others import OthersBackup, of_path
from kubectl_lrs.stores.lrs.loose import LooseLrs
from kubectl_lrs.stores.lrs.others import OthersLrs
from kubectl_lrs.stores.lrs.plain_files import EXTENSIONS, all_empty, is_plain_folder, passed_over, take_in

PROGRAM = "plain manifests"
HEAD = 64 << 10
"""Bytes of a file in which it says what it is."""

NAMED = 5
"""Entries that are not read, and are named."""

ENDINGS = f"only files in it whose names end with {', '.join(EXTENSIONS)} are"

EMPTY = "its file is empty, as a kubectl get leaves it that failed"
_NAMED = f"{BACKUP_PREFIX}%Y_%m_%d_%H_%M"


def is_manifests(path: Path) -> bool:
    """Whether it is a folder of manifests and no part of a backup of ours, or a file whose name says so."""
    return is_plain_folder(path) or (path.name.endswith(EXTENSIONS) and is_file(path))


def is_object(path: Path) -> bool:
    """Whether a JSON file surely holds an object of Kubernetes or a list of them, and no other document."""
    try:
        with reading(str(path)) as file:
            return b'"apiVersion"' in file.read(HEAD)
    except OSError:
        return False


def opened(path: Path) -> OthersBackup:
    """All of them, read. A file that is empty is missing, and named; UsageError where all are, or one is no LRS."""
    name = path.resolve().name  # of the current directory, too
    lrs = LooseLrs(printable(name))
    empty = take_in(lrs, [path])
    if not lrs.keys:
        raise all_empty(empty)
    missing = [Missing(store=RESOURCES, kind="LRS", name=Path(each).stem, reason=EMPTY, where=each) for each in empty]
    named = _instant(name)
    identity = of_path(path, PROGRAM, named, "by its name and the time zone of this machine")
    made = OthersBackup(identity, [OthersLrs(lrs, missing=missing)])
    if is_folder(path) and (passed := passed_over(path)):
        made.warning = f"{made.location}: not read of it: {', '.join(passed[:NAMED])}{_more(passed)}; {ENDINGS}"
    return made


def _more(passed: Sequence[str]) -> str:
    return f" and {len(passed) - NAMED} more" if len(passed) > NAMED else ""


def _instant(name: str) -> datetime | None:
    """What the name of the vendor's folder says; None where it says nothing."""
    try:
        return datetime.strptime(name, _NAMED).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
