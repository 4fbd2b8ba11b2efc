"""Repositories: made only where nothing is; shown, checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.model.errors import DamageError, ExitCode, UsageError
from kubectl_lrs.repository import open_repository
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases import repository
from kubectl_lrs.usecases.copy import Copying
from tests.builders.sealing import nights


def _pool(folder: Path, count: int = 3) -> Path:
    """A pool with so many backups, on a path."""
    nights(folder / "plain", count)
    repository.make(str(folder / "pool"))
    copying = Copying(
        source=open_repository(str(folder / "plain")), target=open_repository(str(folder / "pool")), progress=Silent()
    )
    assert copying.run(copying.chosen(())).exit_code() is ExitCode.DONE
    return folder / "pool"


def test_made_in_a_new_folder(folder: Path) -> None:
    location, identifier = repository.make(str(folder / "pool"))
    assert location == f"file://{folder}/pool"
    shown = repository.show(str(folder / "pool"))
    assert shown.pool
    assert (shown.form, shown.backups, shown.pool.id, shown.pool.reserve) == ("pooled", 0, identifier, 16 << 20)
    assert open_repository(str(folder / "pool")).names() == []


def test_made_in_an_empty_folder(folder: Path) -> None:
    (folder / "pool").mkdir(mode=0o700)
    repository.make(str(folder / "pool"))
    assert repository.show(str(folder / "pool")).form == "pooled"


@pytest.mark.parametrize("what", ["a file", "a pool", "plain backups", "something else", "something hidden", "no folder above"])
def test_not_made_over_anything(folder: Path, what: str) -> None:
    path = folder / "place"
    if what == "a file":
        path.write_text("x")
    elif what == "a pool":
        repository.make(str(path))
    elif what == "plain backups":
        nights(path, 1)
    elif what == "no folder above":
        path = folder / "nowhere" / "place"
    else:
        path.mkdir(mode=0o700)
        (path / (".hidden" if what == "something hidden" else "other")).write_text("x")
    before = sorted(folder.rglob("*"))
    with pytest.raises(UsageError) as caught:
        repository.make(str(path))
    assert caught.value.hint
    assert sorted(folder.rglob("*")) == before
    if what == "plain backups":
        assert "need no init" in str(caught.value)
        assert "copy" in caught.value.hint


def test_plain_backups_share_what_they_share(folder: Path) -> None:
    nights(folder / "plain", 3)
    shown = repository.show(str(folder / "plain"))
    there = {
        (found.st_dev, found.st_ino): found.st_size for p in (folder / "plain").rglob("*") if (found := p.stat()) and p.is_file()
    }
    assert (shown.form, shown.backups, shown.bytes) == ("plain", 3, sum(there.values()))


def test_a_pool_is_shown(folder: Path) -> None:
    shown = repository.show(str(_pool(folder)))
    assert shown.pool
    assert (shown.backups, shown.unreadable, shown.held, shown.pool.condemned, shown.pool.forgotten) == (3, 0, 0, 0, 0)
    there = [path for path in (folder / "pool").rglob("*") if path.is_file() and path.name != "lrs-repository.json"]
    assert shown.bytes == sum(path.stat().st_size for path in there)
    assert shown.pool.pool.objects == len([path for path in there if path.suffix == ".zip"])


def test_a_whole_pool_is_whole(folder: Path) -> None:
    before = None
    pool = _pool(folder)
    before = sorted(pool.rglob("*"))
    found = repository.check(str(pool), Silent())
    assert (found.damages, found.exit_code(), found.backups) == ((), ExitCode.DONE, 3)
    assert (found.rights.may_write, found.rights.refuses_another, found.rights.may_delete) == (True, True, True)
    assert [path for path in sorted(pool.rglob("*")) if path.is_file()] == [path for path in before if path.is_file()]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("packs/*/*.zip", "gone, or cut short"),
        ("backups/night-1.*/refs.gz", "refs.gz: gone"),
        ("backups/night-1.*/index-0.gz", "index-0.gz: gone"),
        ("backups/night-1.*/catalog.json", "catalog.json: gone"),
    ],
)
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_what_is_gone_is_named(folder: Path, what: str, said: str, how: str) -> None:
    pool = _pool(folder)
    victim = next(iter(sorted(pool.glob(what))))
    if how == "gone":
        victim.unlink()
    else:
        victim.chmod(0o600)
        victim.write_bytes(victim.read_bytes()[:-1])
    found = repository.check(str(pool), Silent())
    assert found.exit_code() is ExitCode.DIFFERENCE
    assert any(said in each.what and each.path.startswith("night-") for each in found.damages), found.damages


def test_a_seal_that_was_altered_is_named(folder: Path) -> None:
    pool = _pool(folder)
    seal = next(pool.glob("backups/night-0.*/backup.json"))
    seal.chmod(0o600)
    seal.write_bytes(seal.read_bytes().replace(b"night-0", b"night-9"))
    found = repository.check(str(pool), Silent())
    assert [each.path for each in found.damages if each.path.startswith("night-0")]


@pytest.mark.parametrize("key", ["holds/x", "condemned/x"])
def test_what_steers_removal_must_be_readable(folder: Path, key: str) -> None:
    pool = _pool(folder, 1)
    (pool / key).parent.mkdir(exist_ok=True)
    (pool / key).write_text("x")
    found = repository.check(str(pool), Silent())
    assert [each.path for each in found.damages] == ["repository"]
    with pytest.raises(DamageError):
        repository.show(str(pool))


def test_plain_backups_are_not_checked_here(folder: Path) -> None:
    nights(folder / "plain", 1)
    with pytest.raises(UsageError, match="each whole by itself"):
        repository.check(str(folder / "plain"), Silent())
