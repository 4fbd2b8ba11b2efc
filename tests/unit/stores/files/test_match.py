"""Which objects belong to the saved documents: by path, by id, by folder; what is missing; and nothing else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.stores.files.match import ALL, FileMatcher, Found, Where, folders_of
from tests.builders.said import listed

ID = "65f0c0ffee0123456789abcd"
OTHER = "65f0c0ffee0123456789abce"
HERE = Where("workspace_items", ID, "storage.path")


def _names(path: str) -> tuple[str, ...]:
    return f"pre/fix/{path}", f"bucket/pre/fix/{path}", f"s3://bucket/pre/fix/{path}"


class _Documents:
    """What they say, held against a storage that has the files that are asked for."""

    def __init__(self, ids: tuple[str, ...], take_all: bool) -> None:
        self.said: list[tuple[Where, str]] = []
        self._ids = ids
        self._take_all = take_all
        self._paths: list[str] = []

    def found(self, path: str) -> Found | None:
        self._paths.append(path)
        return self._matched()[1]

    def missing(self) -> list[tuple[str, Where]]:
        return self._matched()[0].missing()

    def _matched(self) -> tuple[FileMatcher, Found | None]:
        references = listed(self._paths, _names)
        for where, text in self.said:
            references.add(where, text)
        for each in self._ids:
            references.add_id(Where("custom_applications", each, "_id"), each)
        matcher = FileMatcher(references, take_all=self._take_all)
        return matcher, [*map(matcher.found, self._paths), None][-2 if self._paths else -1]


def _belonging(*texts: str, ids: tuple[str, ...] = (), take_all: bool = False, where: Where = HERE) -> _Documents:
    made = _Documents(ids, take_all)
    made.said += [(where, text) for text in texts]
    return made


@pytest.mark.parametrize(
    "text",
    [
        "apps/x/app.py",
        "/apps/x/app.py",
        "pre/fix/apps/x/app.py",
        "s3://bucket/pre/fix/apps/x/app.py",
        "s3://bucket/pre/fix/apps/x/app.py?versionId=3",
        "s3://another/place/apps/x/app.py",
        "/mnt/old/apps/x/app.py",
        "https://host/apps%2Fx/app.py#top",
        '{"path": "apps/x/app.py", "size": 3}',
        "copied from apps/x/app.py, twice",
    ],
)
def test_a_path_that_stands_in_a_document(text: str) -> None:
    assert _belonging(text).found("apps/x/app.py") == Found("path", HERE)


@pytest.mark.parametrize(
    "text",
    ["app.py", "x/app.py", "apps/x/app.pyc", "apps/x/app", "Apps/x/app.py", "see x/app.py", "other/apps/x/app.py", "", " ", "/"],
)
def test_what_is_only_like_a_path_is_none(text: str) -> None:
    assert _belonging(text).found("apps/x/app.py") is None


def test_a_bare_name_at_the_top_must_be_the_whole_string() -> None:
    assert _belonging("app.py").found("app.py") == Found("path", HERE)
    assert _belonging("run app.py now").found("app.py") is None
    assert _belonging("/mnt/old/app.py").found("app.py") is None


@pytest.mark.parametrize("path", [f"data/{ID}/kv.db", f"{ID}/a", f"kv/{ID}", f"up/{ID}.tar.gz", f"up/app_{ID}_1.bin"])
def test_a_part_of_the_path_is_the_id_of_a_document(path: str) -> None:
    assert _belonging(ids=(ID,)).found(path) == Found("id", Where("custom_applications", ID, "_id"))


@pytest.mark.parametrize("path", [f"data/{OTHER}/kv.db", f"a/{ID}0", f"a/f{ID}", f"a/{ID.upper()}", ID[:-1]])
def test_another_id_is_none(path: str) -> None:
    assert _belonging(ids=(ID,)).found(path) is None


@pytest.mark.parametrize("identifier", ["", "all", "65f0", f"{ID}0", ID.upper(), "g" * 24])
def test_what_is_no_id_makes_nothing_belong(identifier: str) -> None:
    assert _belonging(ids=(identifier,)).found(f"data/{identifier}/x") is None


def test_an_id_in_any_text_is_no_document() -> None:
    assert _belonging(OTHER).found(f"data/{OTHER}/x") is None


def test_a_folder_that_a_document_names() -> None:
    matcher = _belonging("workspaces/main/")
    assert matcher.found("workspaces/main/src/deep/a.py") == Found("folder", HERE)
    assert matcher.found("workspaces/other/a.py") is None
    assert matcher.missing() == []


def test_a_folder_of_one_part_is_too_common_a_word() -> None:
    assert _belonging("data").found("data/x/y") is None


def test_all_takes_the_rest_and_still_says_how_the_others_were_found() -> None:
    matcher = _belonging("apps/a", ids=(ID,), take_all=True)
    assert matcher.found("apps/a") == Found("path", HERE)
    assert matcher.found(f"x/{ID}/y") == Found("id", Where("custom_applications", ID, "_id"))
    assert matcher.found("x/y") is ALL


def test_missing_is_what_names_this_storage_and_is_not_there() -> None:
    matcher = _belonging("s3://bucket/pre/fix/a/gone", "/bucket/pre/fix/b/gone?", "s3://bucket/other/c", "/usr/lib/x", "d/e")
    assert [path for path, _ in matcher.missing()] == ["a/gone", "b/gone?"]


def test_missing_is_what_stands_in_a_field_of_paths() -> None:
    matcher = _belonging("apps/there", "apps/gone", "pre/fix/apps/gone2")
    assert matcher.found("apps/there")
    assert matcher.missing() == [("apps/gone", HERE), ("apps/gone2", HERE)]


def test_a_field_of_another_kind_is_not_drawn_in() -> None:
    matcher = _belonging("apps/there")
    matcher.said.append((Where("workspace_items", ID, "mimeType"), "text/plain"))
    matcher.said.append((Where("other", ID, "storage.path"), "text/html"))
    assert matcher.found("apps/there")
    assert matcher.missing() == []


def test_without_one_that_is_there_a_relative_path_may_be_anything() -> None:
    assert _belonging("apps/a", "apps/b").missing() == []


def test_a_url_of_another_place_in_a_field_of_paths_is_not_missing_here() -> None:
    matcher = _belonging("apps/there", "https://example.com/logo", "s3://elsewhere/x/y", "/etc/passwd")
    assert matcher.found("apps/there")
    assert matcher.missing() == []


def test_a_folder_that_is_there_is_not_missing() -> None:
    matcher = _belonging("s3://bucket/pre/fix/apps", "s3://bucket/pre/fix/apps/x", "s3://bucket/pre/fix/none")
    assert matcher.found("apps/x/file")
    assert [path for path, _ in matcher.missing()] == ["none"]


def test_folders_of() -> None:
    assert folders_of(["a/b/c", "a/d", "e"]) == {"a", "a/b"}


_part = st.text(string.ascii_letters + string.digits + "._-äß ", min_size=1, max_size=8).filter(lambda text: text == text.strip())
_path = st.lists(_part, min_size=2, max_size=5).map("/".join)


@given(st.lists(_path, min_size=1, max_size=20, unique=True), st.data())
def test_exactly_the_objects_named_belong_whatever_they_are_called(paths: list[str], data: st.DataObject) -> None:
    named = set(data.draw(st.lists(st.sampled_from(paths), unique=True)))
    matcher = _belonging(*named)
    folders = folders_of(paths)
    for path in paths:
        found = matcher.found(path)
        if path in named:
            assert found == Found("path", HERE)
        elif found is not None:  # a named path may be a folder of it, or its end after a blank
            ends = {piece.strip("/") for text in named for piece in text.split(" ")}
            assert path in ends or any(path.startswith(f"{each}/") for each in named | (ends & folders) | ends)


@given(st.lists(st.text(max_size=60), max_size=30), _path)
def test_any_text_may_be_read(texts: list[str], path: str) -> None:
    matcher = _belonging(*texts)
    matcher.found(path)
    for missing, where in matcher.missing():
        assert missing
        assert where.document == ID
