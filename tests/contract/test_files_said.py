"""What is kept of what documents say of files: the answer is as if it were all, and it does not grow."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import sorting
from kubectl_lrs.stores.files import match, named
from kubectl_lrs.stores.files.inspect import listed_in, presence
from kubectl_lrs.stores.files.match import FileMatcher, References, Where
from kubectl_lrs.stores.files.named import Named
from kubectl_lrs.stores.files.selected import Listed
from kubectl_lrs.stores.files.storage import Storage
from tests.builders.said import alone, listed

IDS = ["65f0c0ffee0123456789abcd", "65f0c0ffee0123456789abce"]
ROOTS = [("",), ("pre/fix", "bucket/pre/fix", "s3://bucket/pre/fix"), ("/mnt/s", "file:///mnt/s"), ("bucket", "s3://bucket")]
BEFORE = [
    "",
    "/",
    "pre/fix/",
    "s3://bucket/pre/fix/",
    "s3://bucket/",
    "/mnt/s/",
    "file:///mnt/s/",
    "/mnt/old/",
    "see ",
    '{"p": "',
]
AFTER = ["", "/", "?v=1", "#t", '", 3}', " now", "\n", "/more"]

_part = st.sampled_from(["a", "data", "x.py", "", "ä", "a b", "pre", "bucket", IDS[0], f"app_{IDS[1]}.tar"]) | st.text(max_size=3)
_path = st.lists(_part, min_size=1, max_size=4).map("/".join)


def _texts(paths: list[str]) -> st.SearchStrategy[str]:
    around = st.tuples(st.sampled_from(BEFORE), st.sampled_from(paths) | _path, st.sampled_from(AFTER)).map("".join)
    return around | st.sampled_from([*IDS, "", " ", "/"]) | st.text(max_size=8)


class _Everything(Named):
    """As if a text could always mean something."""

    def __contains__(self, text: object) -> bool:
        return True


_sizes = st.fixed_dictionaries(
    {
        "MAX_MISSING": st.sampled_from([1, 2, 10_000]),
        "MOST_SEEN": st.sampled_from([1, 8_000]),
        "BITS": st.sampled_from([1, 128]),
        "LEAST": st.sampled_from([8, 1 << 16]),
        "MOST_ALONE": st.sampled_from([0, 50_000]),
    }
)
_place = st.sampled_from([Where("items", document, field) for document in "123" for field in "fgh"])


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[str], list[tuple[Where, str]]]:
    """Paths, and what is said of them."""
    paths = draw(st.lists(_path, min_size=1, max_size=6, unique=True))
    return paths, draw(st.lists(st.tuples(_place, _texts(paths)), max_size=12))


@given(_cases(), st.lists(st.sampled_from([*IDS, "x"]), max_size=2), st.sampled_from(ROOTS), st.booleans(), _sizes)
def test_nothing_that_is_left_out_would_have_changed_the_answer(
    case: tuple[list[str], list[tuple[Where, str]]], ids: list[str], roots: tuple[str, ...], take_all: bool, sizes: dict[str, int]
) -> None:
    paths, said = case

    def answer(kind: type[Named]) -> tuple[Any, ...]:
        references = References(kind(paths, len(paths), lambda path: tuple(f"{root}/{path}" if root else path for root in roots)))
        for each in ids:
            references.add_id(Where("apps", each, "_id"), each)
        for where, text in said:
            if kind is _Everything or references.concerns(text):
                references.add(where, text)
        matcher = FileMatcher(references, take_all=take_all)
        return [matcher.found(path) for path in paths], matcher.missing(), references.says_anything

    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(match if hasattr(match, name) else named, name, size)
        assert answer(Named) == answer(_Everything)


def _kept(references: References) -> int:
    whole = sum(len(texts.first) for texts in references.fields.values() if texts)
    return len(references.tokens) + len(references.ids) + len(references.fields) + whole


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "a b/{}",
        "registry.example.com/app/{}:1",
        "s3://bucket/pre/fix/{}/gone",
        "/mnt/s/{}?x=1",
        "see a/{}, twice",
        "{}/a/b",
    ],
)
def test_what_is_kept_does_not_grow_with_the_documents(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(match, "MAX_MISSING", 30)
    monkeypatch.setattr(match, "MOST_SEEN", 30)
    kept = []
    for count in (100, 400):
        references = listed(["a/b", "c"], lambda path: (f"pre/fix/{path}", f"s3://bucket/pre/fix/{path}"))
        for number in range(count):
            references.add_id(Where("apps", str(number), "_id"), f"{number:024x}")
            references.add(Where("items", str(number), "path"), text.format(number))
        kept.append(_kept(references))
        assert len(references._seen) <= 30
    assert kept[1] <= kept[0] + 5, "a few may look like names"


@pytest.mark.parametrize("when", ["no folder", "full while it is written", "cannot be read back"])
def test_a_folder_for_temporary_files_that_is_of_no_use_is_said(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    backend = Memory()
    for number in range(5):
        put(backend, f"a/{number}", b"1")
    monkeypatch.setattr(sorting, "AT_ONCE", 2)

    def fails(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    if when == "no folder":
        monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    elif when == "full while it is written":
        monkeypatch.setattr(sorting.marshal, "dumps", fails)
    with pytest.raises(LrsError, match="the folder for temporary files: No space left") as told:
        _look(Storage(backend), lambda: monkeypatch.setattr(sorting.os, "pread", fails))
    assert "TMPDIR" in told.value.hint


def _look(storage: Storage, meanwhile: Callable[[], None]) -> None:
    with Listed() as kept:
        listed_in(kept, storage)
        meanwhile()
        presence(storage, kept, listed([], alone))
