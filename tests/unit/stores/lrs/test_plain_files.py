"""LRS out of plain manifests: all is read and checked before the first one is given out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.lrs.plain_files import FilesSource

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "of another life"}


def _lrs(name: str = "a", **other: Any) -> dict[str, Any]:
    return {
        "apiVersion": "lrs.datarobot.com/v1",
        "kind": "LRS",
        "metadata": {"name": name, "namespace": "n", "uid": "of another life", **other},
        "spec": {"image": name},
        "status": {"phase": "Running"},
    }


def _source(folder: Path, *documents: Any, recursive: bool = False) -> FilesSource:
    for number, each in enumerate(documents):
        (folder / f"{number}.yaml").write_text(each if isinstance(each, str) else json.dumps(each))
    return FilesSource([folder], recursive=recursive, default_namespace="default")


def test_objects_lists_and_several_documents(folder: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [_lrs("b"), _lrs("c", ownerReferences=[OWNER])]}
    source = _source(folder, _lrs(), listed, "---\n".join(json.dumps(_lrs(name)) + "\n" for name in "de"))
    found = list(source)
    assert [each.name for each in found] == ["a", "b", "c", "d", "e"]
    assert (source.version, source.kind) == ("v1", "LRS")
    assert "uid" not in found[0].manifest["metadata"]
    assert found[2].owners == (OWNER,)
    assert [each.name for each in source] == [each.name for each in found], "it may be read again"
    assert len({each.sum for each in found}) == 5


def test_one_without_a_namespace_gets_the_default_and_the_same_one_twice_is_one(folder: Path) -> None:
    bare = {**_lrs(), "metadata": {"name": "a"}}
    found = list(_source(folder, bare, bare, {**bare, "metadata": {"name": "a", "namespace": "default"}}))
    assert [(each.namespace, each.name) for each in found] == [("default", "a")]


def test_folders(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "d.yml").write_text(json.dumps(_lrs("deep")))
    (folder / "notes.txt").write_text("no manifest")
    assert [each.name for each in _source(folder, _lrs())] == ["a"]
    assert {each.name for each in _source(folder, _lrs(), recursive=True)} == {"a", "deep"}


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        ([""], "empty"),
        (["[1]"], "not a Kubernetes object"),
        ([{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}], "is not an LRS"),
        ([{**_lrs(), "metadata": {}}], "line 1"),
        ([{**_lrs(), "metadata": {"name": "../x", "namespace": "n"}}], "line 1"),
        ([_lrs(), {**_lrs("b"), "apiVersion": "lrs.datarobot.com/v2"}], "one version after the other"),
        ([_lrs(), {**_lrs(), "spec": {}}], "is there twice and differs"),
        ([{"apiVersion": "v1", "kind": "List", "items": []}], "no LRS in it"),
        ([_lrs(), "a: ["], "not YAML"),
    ],
)
def test_what_is_refused_before_the_first_object(folder: Path, documents: list[Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        _source(folder, *documents)
    assert said in f"{caught.value} {caught.value.hint}"


def test_what_is_not_there(folder: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        FilesSource([folder / "nowhere.yaml"], recursive=False)
