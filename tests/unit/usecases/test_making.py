"""A backup that fails while it is made: what is left, and how it reads."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import InterruptedRunError, LrsError
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.runtime.trust import OWN
from kubectl_lrs.usecases.making import put_away_unless_sealed
from tests.builders.sealing import Notes


@pytest.mark.parametrize(
    ("error", "said", "kept"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left; no backup was made", False),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; no backup was made", True),
        (FileExistsError(errno.EEXIST, "File exists", "x"), "x: File exists; no backup was made", True),
        (KeyboardInterrupt(), "interrupted; no backup was made", True),
        (LrsError("the storage says no"), "the storage says no", True),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_a_failure_leaves(folder: Path, error: BaseException, said: str, *, kept: bool) -> None:
    repository, notes = PlainRepository(folder / "backups"), Notes()
    writer = repository.prepare(trust=OWN, trust_previous=False, progress=notes).begin("one")
    kind = InterruptedRunError if isinstance(error, KeyboardInterrupt) else LrsError

    def broken() -> None:
        with put_away_unless_sealed(writer, repository, notes):
            writer.write("images/blobs/sha256/a", b"x")
            raise error

    with pytest.raises(kind) as caught:
        broken()
    assert said in str(caught.value)
    assert repository.names() == []
    assert (folder / "backups" / ".one").exists() == kept
