"""HDFS as far as no name node is needed: where the library has no rename that says what it did, a look has to do."""

from __future__ import annotations

from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from kubectl_lrs.backends.base import KeyExistsError, Skipped, get, put
from kubectl_lrs.backends.hdfs import Hierarchy
from kubectl_lrs.backends.local_upload import is_unfinished
from kubectl_lrs.model.errors import DeniedError, LrsError


@pytest.fixture
def hierarchy(folder: Any) -> Hierarchy:
    """On fsspec's local file system, as libhdfs' is asked through pyarrow."""
    local = LocalFileSystem(auto_mkdir=False, use_listings_cache=False, skip_instance_cache=True)
    (folder / "root").mkdir()
    return Hierarchy(local, str(folder / "root"), "hdfs://h/root", ())


def test_what_is_put_is_what_is_got(hierarchy: Hierarchy) -> None:
    for key in ("a/b", "a.txt", "a/c/d", "b"):
        put(hierarchy, key, key.encode())
    assert [(each.key, get(hierarchy, each.key)) for each in hierarchy.list()] == [
        (key, key.encode()) for key in ("a.txt", "a/b", "a/c/d", "b")
    ]
    assert [each.key for each in hierarchy.list("a/", after="a/b")] == ["a/c/d"]
    put(hierarchy, "b", b"another", replace=True)
    assert get(hierarchy, "b") == b"another"


@pytest.mark.parametrize(
    ("prefix", "after", "asked"),
    [
        ("", "", ["", "a", "a/b", "c"]),
        ("c/", "", ["", "c"]),
        ("a/b", "", ["", "a", "a/b"]),
        ("a/x", "", ["", "a"]),
        ("d", "", [""]),
        ("", "b", ["", "c"]),
        ("", "a/b/1", ["", "a", "a/b", "c"]),
    ],
)
def test_a_list_asks_for_no_folder_in_which_no_such_key_can_be(
    hierarchy: Hierarchy, folder: Any, monkeypatch: pytest.MonkeyPatch, prefix: str, after: str, asked: list[str]
) -> None:
    for key in ("a/1", "a/b/1", "a/b/2", "c/1"):
        put(hierarchy, key, b"x")
    real, found = hierarchy._system.ls, []

    def ls(path: str, **options: Any) -> Any:
        found.append(path.removeprefix(str(folder / "root")).lstrip("/"))
        return real(path, **options)

    monkeypatch.setattr(hierarchy._system, "ls", ls)
    keys = [each.key for each in hierarchy.list(prefix, after=after)]
    assert found == asked
    assert keys == [each for each in ("a/1", "a/b/1", "a/b/2", "c/1") if each.startswith(prefix) and each > after]


def test_one_that_comes_meanwhile_is_not_overwritten_and_nothing_is_left(hierarchy: Hierarchy, folder: Any) -> None:
    upload = hierarchy.upload("a/b", 1, iter([b"1"]), {}, replace=False)
    put(hierarchy, "a/b", b"theirs")
    with pytest.raises(KeyExistsError):
        upload.commit()
    assert get(hierarchy, "a/b") == b"theirs"
    assert not [each for each in (folder / "root").rglob("*") if is_unfinished(each.name)]


def test_one_that_cannot_be_replaced_is_there_as_it_was(
    hierarchy: Hierarchy, folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hierarchy, "a/b", b"old")
    upload = hierarchy.upload("a/b", 3, iter([b"new"]), {}, replace=True)
    real, calls = hierarchy._system.mv, []

    def mv(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError("no more")
        real(source, target)

    monkeypatch.setattr(hierarchy._system, "mv", mv)
    with pytest.raises(LrsError):
        upload.commit()
    assert len(calls) == 3
    assert get(hierarchy, "a/b") == b"old"
    assert not [each for each in (folder / "root").rglob("*") if is_unfinished(each.name)]


def test_a_part_of_another_run_is_told_of_and_left(hierarchy: Hierarchy, folder: Any) -> None:
    part = folder / "root" / f".lrs-part-{'0' * 16}"
    part.write_bytes(b"half")
    left: list[tuple[str, Skipped]] = []
    assert list(hierarchy.list(skipped=lambda key, what, _error: left.append((key, what)))) == []
    assert left == [(part.name, Skipped.UNFINISHED)]
    assert part.exists()


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", "a:b", "x" * 256, "a\0"])
def test_keys_that_it_cannot_have(hierarchy: Hierarchy, key: str) -> None:
    assert hierarchy.refuses(key)


class _Closed:
    """A directory that may not be listed, in one that may."""

    def ls(self, path: str, **_: Any) -> list[dict[str, Any]]:
        if path.endswith("/closed"):
            raise PermissionError(path)
        return [{"name": f"{path}/closed", "type": "directory"}, {"name": f"{path}/open", "type": "file", "size": 1}]


def test_a_directory_that_cannot_be_listed_is_told_of() -> None:
    hierarchy = Hierarchy(_Closed(), "/root", "hdfs://h/root", ())
    left: list[tuple[str, Skipped, LrsError | None]] = []
    assert [each.key for each in hierarchy.list(skipped=lambda *what: left.append(what))] == ["open"]
    assert [(key, what, type(error)) for key, what, error in left] == [("closed", Skipped.UNREADABLE, DeniedError)]
    with pytest.raises(DeniedError):
        list(hierarchy.list())
