"""Notes beside backups: what was left is read back as it was, or it is an error; and it is no part of the backup."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.backends.base import KeyExistsError, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.repository.pool import inspect, notes
from kubectl_lrs.repository.pool.layout import CHECK, is_of_backup
from kubectl_lrs.repository.pool.notes import PoolNotes
from kubectl_lrs.repository.pool.removal import Removal
from kubectl_lrs.repository.pool.repository import PooledRepository
from kubectl_lrs.repository.pool.sight import look
from kubectl_lrs.repository.pool.survey import survey
from tests.builders.pooled import GRACE, mark, place_of, write_backup

HOUR = 3600.0


class Pool:
    """A repository with one backup, and a clock that is set."""

    def __init__(self, tmp_path: Any) -> None:
        self.time = 1_790_000_000.0
        self.backend = Memory()
        self.backend.clock = lambda: self.time
        mark(self.backend)
        self.place = place_of(self.backend)
        self.id = write_backup(self.place, "night", [b"content"])
        self.repository = PooledRepository(self.backend, state=tmp_path)
        (self.backup,) = self.repository.scan()[0]
        self.key = self.id.key(CHECK)

    def prune(self, *going: Any) -> None:
        sight = look(self.place)
        removal = Removal(self.place, sight, survey(self.place, sight, going))
        removal.sweep()
        for each in going:
            removal.forget(each)
        removal.mark(going)

    def there(self) -> list[str]:
        return [each.key for each in self.backend.list("backups/")]


@pytest.fixture
def pool(tmp_path: Any) -> Pool:
    return Pool(tmp_path)


def test_what_is_left_is_read_back(pool: Pool) -> None:
    assert pool.repository.notes.read(pool.backup) is None
    pool.repository.notes.write(pool.backup, {"errors": ["ü"]})
    found = pool.repository.notes.read(pool.backup)
    assert found is not None
    assert found["errors"] == ["ü"]
    with pytest.raises(KeyExistsError):
        pool.repository.notes.write(pool.backup, {"errors": []})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"kind": "lrs-check"}', b"[" * 100_000])
def test_what_is_not_as_it_was_is_an_error(pool: Pool, data: bytes) -> None:
    put(pool.backend, pool.key, data)
    with pytest.raises(DamageError, match="damaged"):
        pool.repository.notes.read(pool.backup)


def test_more_than_is_read_is_not_left(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MAX_SIZE", 100)
    with pytest.raises(LrsError, match="more than is kept"):
        pool.repository.notes.write(pool.backup, {"errors": ["x" * 100]})
    put(pool.backend, pool.key, b"x" * 101)
    with pytest.raises(DamageError):
        PoolNotes(pool.backend).read(pool.backup)


def test_it_is_no_part_of_the_backup_and_goes_with_it(pool: Pool) -> None:
    pool.repository.notes.write(pool.backup, {"errors": []})
    assert not is_of_backup(CHECK), "no seal may name it"
    assert not list(inspect.damages(PooledRepository(pool.backend, state=pool.repository.journals)))
    pool.time += GRACE + HOUR
    pool.prune()
    assert pool.key in pool.there(), "it stays as long as the backup, however long that is"
    pool.prune(pool.id)
    pool.time += GRACE + HOUR
    pool.prune()
    assert pool.there() == []
