"""What was begun and is not done, on whatever cluster: the journals beside the backups and in this user's state.

Nothing is changed, and nobody is asked whether it still is so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import state

if TYPE_CHECKING:
    from kubectl_lrs.runtime.copies import Copies

BEGINNING, SUFFIX = "lrs_", ".json"
"""How the name of every journal begins and ends: where nothing is called so, nobody who knows them need be imported."""


@dataclass(frozen=True, kw_only=True)
class OpenJournal:
    """`kind`: the command that began it. `left`: of how many things; `waits_for`: the command that ends it, and for what.

    `of`: of which application, cluster or operator. `created`: empty where it does not say.
    """

    kind: str
    path: Path
    left: int
    what: str
    waits_for: str
    of: str = ""
    created: str = ""


def open_journals(directory: Path) -> tuple[list[OpenJournal], list[LrsError]]:
    """(those that are open, why others cannot be told)."""
    found: list[OpenJournal] = []
    problems: list[LrsError] = []
    if not _may_be_any(directory):
        return found, problems
    for look in (_of_deployments, _of_restores, _of_pauses):
        try:
            found += look(directory)
        except (LrsError, OSError) as error:
            problems.append(error if isinstance(error, LrsError) else LrsError(f"{error.filename}: {error.strerror}"))
    return found, problems


def _may_be_any(directory: Path) -> bool:
    """Whether anything is called like a journal; also where that cannot be told, which whoever looks says then."""
    try:
        names = [name for folder in (directory, *state.folders()) for name in _names(folder)]
    except OSError:
        return True
    return any(name.startswith(BEGINNING) and name.endswith(SUFFIX) for name in names)


def _of_deployments(directory: Path) -> Iterator[OpenJournal]:
    from kubectl_lrs.stores.deployments import journal as deployments
    from kubectl_lrs.stores.deployments.statuses import OURS

    for journal in deployments.open_journals(directory, states=state.folders()):
        left = sum(entry.state in OURS for entry in journal.entries.values())
        yield OpenJournal(
            kind="deactivate",
            path=journal.path,
            left=left,
            what=f"{left} of {len(journal.entries)} deployments wait",
            waits_for="activate" if left else "deactivate",
            of=journal.endpoint,
            created=journal.created,
        )


def _of_restores(directory: Path) -> Iterator[OpenJournal]:
    from kubectl_lrs.stores.common.journals import RECREATE_PREFIX

    for each in _gathered(directory, RECREATE_PREFIX):
        objects = each.document.get("objects")
        if isinstance(objects, dict) and objects:
            yield OpenJournal(
                kind="restore",
                path=each.paths[0],
                left=len(objects),
                what=f"{len(objects)} LRS were deleted and are not created again, such as {min(map(str, objects))}",
                waits_for="restore --existing recreate",
                of=str(each.document.get("cluster", "")),
            )


def _of_pauses(directory: Path) -> Iterator[OpenJournal]:
    from kubectl_lrs.stores.common.journals import OPERATOR_PREFIX

    for each in _gathered(directory, OPERATOR_PREFIX):
        if operator := each.document.get("operator"):
            yield OpenJournal(
                kind="restore",
                path=each.paths[0],
                left=1,
                what=f"operator {operator} is paused; it had {each.document.get('replicas')} replicas",
                waits_for="restore --pause-operator",
                of=str(operator),
            )


def _gathered(directory: Path, prefix: str) -> Iterator[Copies]:
    """Each journal of a kind once, whichever cluster it is of."""
    from kubectl_lrs.runtime.copies import gather

    states = {folder.name: folder for folder in state.folders()}
    named = (name for name in _names(directory) if name.startswith(prefix) and name.endswith(SUFFIX))
    beside = {name.removeprefix(prefix).removesuffix(SUFFIX) for name in named}
    seen: set[Path] = set()
    for whom in sorted({*states, *beside}):
        for each in gather(directory / f"{prefix}{whom}{SUFFIX}", states.get(whom), prefix):
            if seen.isdisjoint(each.paths):
                seen.update(each.paths)
                yield each


def _names(folder: Path) -> list[str]:
    """What is in it; nothing where it is not there."""
    try:
        return os.listdir(folder)  # noqa: PTH208  a Path for each backup takes its time
    except (FileNotFoundError, NotADirectoryError):
        return []
