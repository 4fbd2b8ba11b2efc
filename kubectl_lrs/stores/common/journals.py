"""Journals of a restore: what was begun and must be put right if the run is killed. Where they lie, and writing them.

A line is on the disk before the act that it speaks of. Pausing the operator notes how many replicas it had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.copies import Copies, add_mirror, gather, new_id
from kubectl_lrs.runtime.state import token
from kubectl_lrs.runtime.trust import OWN, Trust

OPERATOR_PREFIX = "lrs_operator_paused_"
RECREATE_PREFIX = "lrs_recreate_"
SUFFIX = ".json"


@dataclass(frozen=True)
class PauseJournal:
    """Where the pause of an operator is noted, and whose note and lock are believed there. `state`: where it is noted too."""

    path: Path
    trust: Trust = OWN
    state: Path | None = None

    def noted(self) -> list[Copies]:
        """All pauses that have not ended well, the one that is noted at `path` first."""
        return gather(self.path, self.state, OPERATOR_PREFIX, self.trust)

    def write(self, document: Mapping[str, Any]) -> None:
        """Note it at each place; LrsError where it cannot be."""
        with writing(self.path):
            save(own(self.noted(), self.path, self.state, OPERATOR_PREFIX), document)

    def close(self, operator: str) -> None:
        """The operator is what it was: no note speaks of it any more."""
        with writing(self.path):
            for each in self.noted():
                if each.document.get("operator") == operator:
                    each.remove()


def operator_journal(directory: Path, cluster: str, trust: Trust = OWN, state: Path | None = None) -> PauseJournal:
    """That of a cluster's operator."""
    return PauseJournal(directory / f"{OPERATOR_PREFIX}{token(cluster)}{SUFFIX}", trust, state)


def own(found: list[Copies], path: Path, state: Path | None, prefix: str) -> Copies:
    """Of those that were found the one at the path, else a new one there; it is in the state too from now on."""
    mine = next((each for each in found if each.paths[0] == path), None) or Copies(id=new_id(), paths=[path])
    add_mirror(mine, state, prefix)
    return mine


def save(journal: Copies, document: Mapping[str, Any]) -> None:
    """Put a journal on the disk; LrsError where that fails, so that nothing is begun that could not be put right."""
    with writing(journal.paths[0]):
        journal.write(document)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A failure of the disk in the block is one of the journal (LrsError)."""
    try:
        yield
    except OSError as error:
        raise LrsError(
            f"{error.filename if _is_a_journal(error) else path}: the journal cannot be written: {error.strerror}",
            hint="name a folder that can be with --backup-dir, and one for the state with LRS_STATE_DIR",
        ) from error


def _is_a_journal(error: OSError) -> bool:
    """Whether the failure names a file, and not the hidden one that a journal is written to first."""
    return bool(error.filename) and not Path(str(error.filename)).name.startswith(".")
