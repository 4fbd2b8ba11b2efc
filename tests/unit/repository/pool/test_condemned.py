"""Condemned lists: what was written is read, all of it or an error, and a list counts from when it was there."""

from __future__ import annotations

import gzip

import pytest

from kubectl_lrs.backends.base import get, put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.pool import condemned
from kubectl_lrs.repository.pool.condemned import List, Name
from kubectl_lrs.repository.pool.layout import blob_key, condemned_key, pool_key

NOW = 1_790_000_000.0
SESSION = "0" * 32
NAMES = [Name("backups/a.b/catalog.json", 7), *(Name(blob_key(f"{at:02x}" * 32, SESSION), at) for at in range(5))]


def memory() -> Memory:
    return Memory(clock=lambda: NOW)


def written(names: list[Name] = NAMES) -> tuple[Memory, List]:
    backend = memory()
    (made,) = condemned.write(backend, names, now=NOW)
    return backend, made


def test_what_is_written_is_read() -> None:
    backend, made = written()
    assert list(condemned.read(backend, made.key)) == NAMES
    assert condemned.lists(backend) == [List(made.key, NOW)]


def test_many_names_are_several_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condemned, "MOST", 2)
    backend = memory()
    made = list(condemned.write(backend, NAMES, now=NOW))
    assert [len(list(condemned.read(backend, each.key))) for each in made] == [2, 2, 2]


def test_no_names_are_no_list() -> None:
    backend = memory()
    assert not list(condemned.write(backend, [], now=NOW))
    assert not list(backend.list())


def test_it_counts_from_when_it_was_there_and_never_from_before() -> None:
    other, made = written()
    backend, text = memory(), get(other, made.key)
    put(backend, condemned_key(NOW - 10**6, SESSION), text)  # it came late: its name is older than it is
    put(backend, condemned_key(NOW + 10**6, SESSION), text)  # or the clock was wrong
    assert [each.since for each in condemned.lists(backend)] == [NOW, NOW + 10**6]
    assert not List("x", None).is_mature(NOW, 0)
    assert List("x", NOW - 5).is_mature(NOW, 5)
    assert not List("x", NOW - 4.9).is_mature(NOW, 5)


@pytest.mark.parametrize("cut", ["half", "no end", "a name less", "a name more", "a bit", "nothing", "no gzip"])
def test_one_that_is_not_as_it_was_is_an_error_before_a_name_is_given(cut: str) -> None:
    backend, made = written()
    data = get(backend, made.key)
    lines = gzip.decompress(data).splitlines(keepends=True)
    bad = {
        "half": data[: len(data) // 2],
        "no end": gzip.compress(b"".join(lines[:-1])),
        "a name less": gzip.compress(b"".join([*lines[:2], *lines[3:]])),
        "a name more": gzip.compress(b"".join([*lines[:3], lines[2], *lines[3:]])),
        "a bit": gzip.compress(gzip.decompress(data).replace(b"catalog", b"catalof")),
        "nothing": b"",
        "no gzip": b"".join(lines),
    }[cut]
    put(backend, made.key, bad, replace=True)
    with pytest.raises(DamageError):
        next(condemned.read(backend, made.key))
    with pytest.raises(DamageError):
        condemned.tokens(backend)


def test_one_of_a_newer_version() -> None:
    backend, made = written()
    text = gzip.decompress(get(backend, made.key)).replace(b'"formatVersion": 1', b'"formatVersion": 2')
    put(backend, made.key, gzip.compress(text), replace=True)
    with pytest.raises(UsageError, match="newer"):
        next(condemned.read(backend, made.key))


def test_what_is_no_list_is_an_error() -> None:
    backend = memory()
    put(backend, "condemned/notes.txt", b"")
    with pytest.raises(DamageError, match="notes"):
        condemned.lists(backend)


def test_tokens_are_those_of_the_pool() -> None:
    backend, _ = written()
    assert list(condemned.tokens(backend)) == [found.token for each in NAMES if (found := pool_key(each.key))]


def test_a_list_of_which_nothing_is_left_says_so_and_goes() -> None:
    backend, made = written()
    condemned.mark_swept(backend, made)
    condemned.mark_swept(backend, made)  # another prune does it too
    (there,) = condemned.lists(backend)
    assert there.swept == NOW
    condemned.drop(backend, there)
    assert not list(backend.list())


def test_a_marker_without_its_list() -> None:
    backend, made = written()
    condemned.mark_swept(backend, made)
    backend.delete(made.key)
    assert condemned.lists(backend) == []
    assert condemned.leftover_markers(backend, []) == [made.marker]
