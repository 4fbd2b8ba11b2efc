"""Where a file's content lies in a backup: names that stay apart, stay inside, and fit every file system."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.repository.plain.sealed import MAX_DEPTH
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.stores.files import saved
from kubectl_lrs.stores.files.match import Found, Where
from kubectl_lrs.stores.files.saved import (
    FOLDER,
    MAX_WHERE,
    Index,
    SavedFile,
    around,
    backup_path,
    line_of,
    parsed,
    path_of,
    read,
    sum_in,
    write,
)
from tests.builders.sealing import sealed

_segment = st.one_of(
    st.sampled_from(
        ["", ".", "..", "~", "~file", "~long", "a", "A", "a~file", "%2e", "con", "a:b", "a\\b", "\x00", "\n", "é", "é"]
    ),
    st.text(max_size=12),
    st.text(min_size=200, max_size=300),
)
PATHS = st.lists(_segment, min_size=1, max_size=60).map("/".join)


def test_a_plain_path_stays_readable() -> None:
    assert backup_path("apps/65f0/src_1/app-2.py", is_folder_too=False) == "files/apps/65f0/src_1/app-2.py"


@given(PATHS, st.booleans())
def test_no_path_leaves_the_folder_or_breaks_its_bounds(path: str, is_folder_too: bool) -> None:
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    place = backup_path(path, is_folder_too=is_folder_too)
    parts = place.split("/")
    assert parts[0] == FOLDER
    assert re.fullmatch(r"[a-z0-9._%~/-]+", place)
    assert not {"", ".", ".."} & set(parts)
    assert len(parts) <= MAX_DEPTH
    assert max(map(len, parts)) <= 255
    assert len(place) <= 1100


@given(PATHS, PATHS)
def test_two_paths_have_two_places_even_where_case_is_folded(one: str, two: str) -> None:
    places = [backup_path(each, is_folder_too=folded).lower() for each in (one, two) for folded in (False, True)]
    if one != two:
        assert len({places[0], places[2]}) == 2
        assert len({places[1], places[3]}) == 2
        assert places[0] != places[3]
        assert places[1] != places[2]


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "A", "%41", "a/", "/a", "a//b", "a/b", "a/./b", "a/../b", "~", "~/~", ""],
        ["x" * 1024, "x" * 1023 + "y", "é" * 512, "/" * 1024, "a/" * 512, "../" * 300],
        ["long/" + "n" * 255, "long/" + "n" * 254 + "m", "long/" + "N" * 255],
    ],
)
def test_all_of_them_can_be_made_side_by_side(tmp_path: Path, paths: list[str]) -> None:
    folders = {path[:at] for path in paths for at in range(len(path)) if path[at] == "/"}
    for path in paths:
        place = tmp_path / backup_path(path, is_folder_too=path in folders)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x") as file:
            file.write(path)
    made = [file for folder, _, names in os.walk(tmp_path) for file in (Path(folder, name) for name in names)]
    assert sorted(file.read_text() for file in made) == sorted(paths)


def test_a_name_that_is_not_utf_8() -> None:
    raw = os.fsdecode(b"caf\xe9.txt")
    assert backup_path(raw, is_folder_too=False) == "files/caf%e9.txt"
    assert backup_path("café.txt", is_folder_too=False) == "files/caf%c3%a9.txt"


# ---- files.json


def _entry(**more: Any) -> SavedFile:
    return SavedFile(**{"path": "a", "size": 1, "etag": "m", "found": Found("all"), **more})


def _index(*entries: SavedFile, **folders: dict[str, str]) -> Index:
    return Index(url="file:///d", level="copy", entries=list(entries), folders=folders)


def _listed(folder: Path, index: Index) -> Index | None:
    name = f"of-{len(os.listdir(folder))}"  # without one the second of a test waits until the clock gives it another
    found = read(sealed(folder, lambda writer: write(writer, index), name, others={"files": {"files": 1}}))
    return replace(found, entries=list(found.entries)) if found else None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_listed_is_read(folder: Path, count: int) -> None:
    index = _index(*(_entry(path=f"{number}", attributes={"mode": number}) for number in range(count)), a={"mode": "7"})
    assert _listed(folder, index) == index


@pytest.mark.parametrize("said", ["-1", "true", '"1"', "NaN", "1e400", "[]", str(2**63)])
def test_a_time_of_change_that_is_none(said: str) -> None:
    line = line_of(_entry(modified=1.5))
    assert parsed(line).modified == 1.5
    assert parsed(line_of(_entry())).modified is None
    assert parsed(line.replace(b"1.5", b"null")).modified is None, "as if it was not said"
    with pytest.raises(ValueError, match="no time"):
        parsed(line.replace(b"1.5", said.encode()))


def test_where_a_file_is_named_has_bounds() -> None:
    where = Where("c", "d" * 5000, "f" * 5000)
    back = parsed(line_of(_entry(found=Found("path", where))))
    assert back.found.where == Where("c", "d" * MAX_WHERE, "f" * MAX_WHERE)


_WORDS = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(['","sha256":"', "\\", "\udcff", "/", ""])
_ENTRIES = st.builds(
    SavedFile,
    path=_WORDS,
    size=st.integers(0, 2**63 - 1),
    etag=_WORDS,
    found=st.builds(Found, _WORDS, st.none() | st.builds(Where, _WORDS, _WORDS, _WORDS)),
    file=_WORDS,
    sha256=st.sampled_from(["a" * 64, "0" * 64]),
    attributes=st.dictionaries(_WORDS, st.integers() | _WORDS, max_size=3),
    modified=st.none() | st.floats(0, 1e12),
)


@given(_ENTRIES)
def test_a_line_is_what_the_encoder_of_json_writes(entry: SavedFile) -> None:
    where = entry.found.where
    data: dict[str, Any] = {"path": entry.path, "size": entry.size, "marker": entry.etag, "foundBy": entry.found.by}
    data |= {} if where is None else {"source": where.source, "document": where.document, "field": where.field}
    data |= {"file": entry.file, "sha256": entry.sha256} if entry.file else {}
    data |= {"attributes": entry.attributes} if entry.attributes else {}
    data |= {} if entry.modified is None else {"modified": entry.modified}
    assert line_of(entry) == json.dumps(data, separators=(",", ":")).encode()
    assert path_of(line_of(entry)) == entry.path


def _around(entry: SavedFile) -> tuple[bytes, bytes]:
    return around(entry.path, entry.size, entry.etag, entry.found, entry.file, entry.attributes, entry.modified)


@given(_ENTRIES, _ENTRIES)
def test_the_sum_is_told_where_a_line_says_nothing_else(one: SavedFile, other: SavedFile) -> None:
    for said, now in ((one, one), (one, other), (one, replace(one, attributes=other.attributes, modified=other.modified))):
        is_same = bool(said.file) and replace(said, sha256="") == replace(now, sha256="")
        is_same = is_same and [*said.attributes] == [*now.attributes]  # in their order, as they are written
        before, after = _around(now)
        assert sum_in(line_of(said), before, after) == (said.sha256 if is_same else "")
        told = (said.path, said.size, said.etag, said.found, said.file)
        is_alike = bool(said.file) and told == (now.path, now.size, now.etag, now.found, now.file)
        assert sum_in(line_of(said), before, None) == (said.sha256 if is_alike else "")


@pytest.mark.parametrize(
    "line", [b"", b"{", b'{"path":', b'{"path":7,"size":1}', b'{"path":"a', b'{"size":1,"path":"a"}', b"\xff"]
)
def test_a_line_that_does_not_begin_with_a_path(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        path_of(line)
    assert sum_in(line, *_around(_entry(file="f"))) == ""


@pytest.mark.parametrize("part", ["MAX_LINE", "MAX_HEAD"])
def test_a_line_that_could_not_be_read_back_is_not_written(folder: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    index = _index(_entry(attributes={"a": "x" * 500}), b={"mode": "y" * 500})
    writer = FolderWriter(folder, "probe")
    write(writer, index)
    lines = (writer.path / saved.FILE).read_bytes().splitlines(keepends=True)
    writer.put_away(keep=False)
    length = len(lines[0] if part == "MAX_HEAD" else lines[1])
    monkeypatch.setattr(saved, part, length)
    assert _listed(folder, index) == index
    monkeypatch.setattr(saved, part, length - 1)
    with pytest.raises(LrsError, match=r"a line of files\.json: it would have"):
        _listed(folder, index)


def test_a_line_that_is_too_long_is_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup = sealed(folder, lambda writer: write(writer, _index(_entry())), others={"files": {"files": 1}})
    monkeypatch.setattr(saved, "MAX_LINE", 10)
    with pytest.raises(DamageError, match="a line is too long"):
        read(backup)
