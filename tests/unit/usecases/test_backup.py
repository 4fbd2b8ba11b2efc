"""A backup as the use case makes it: where nothing is found, and what is said of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Cluster, Missing
from kubectl_lrs.model.errors import (
    DeniedError,
    ExitCode,
    InterruptedRunError,
    LrsError,
    NothingFoundError,
    UnreachableError,
    UsageError,
)
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.backup import instead, where
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Progress, Silent
from kubectl_lrs.stores.base import Facts
from kubectl_lrs.stores.lrs.instead import Instead
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.builders.sealing import RESOURCES, Written

FILES = {"files": 3}


class _Unexpected:
    def collect(self, _writer: FolderWriter, _progress: Progress) -> Facts:
        raise AssertionError("nothing of it is wanted")


def _back_up(
    place: Path, selection: Selection, *, objects: int, allow_empty: bool = False, extras: tuple[str, ...] = (), **others: object
) -> Path:
    tiers = {"resources": Written({**RESOURCES, "objects": objects}), **others}
    path, _ = back_up(
        tiers,  # type: ignore[arg-type]
        destination=Destination(repository=PlainRepository(place), name="saved"),
        cluster=Cluster(server="https://127.0.0.1"),
        selection=selection,
        profile="lrs",
        levels={},
        progress=Silent(),
        allow_empty=allow_empty,
        extras=extras,
    )
    return Path(path)


@pytest.mark.parametrize("selection", [Selection(types=("a",)), Selection(selector="a=b"), Selection(excluded_types=("a",))])
def test_nothing_that_was_named(tmp_path: Path, selection: Selection) -> None:
    """Not even where another store holds something, which is then not copied at all."""
    place = tmp_path / "backups"
    with pytest.raises(NothingFoundError) as caught:
        _back_up(place, selection, objects=0, files=_Unexpected())
    assert caught.value.exit_code is ExitCode.PARTIAL
    assert list(place.iterdir()) == []
    assert _back_up(place, selection, objects=0, allow_empty=True).is_dir()


@pytest.mark.parametrize("selection", [Selection(), Selection(namespace="a")])
def test_nothing_at_all(tmp_path: Path, selection: Selection) -> None:
    place = tmp_path / "backups"
    with pytest.raises(NothingFoundError):
        _back_up(place, selection, objects=0, files=Written({"files": 0}))
    assert list(place.iterdir()) == []
    assert _back_up(place, selection, objects=0, files=Written(FILES)).is_dir()


class _Failing:
    """Writes one file, and fails."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def collect(self, writer: FolderWriter, _progress: Progress) -> Facts:
        writer.write("begun", b"1")
        raise self._error


@pytest.mark.parametrize("error", [UnreachableError("away"), DeniedError("no"), UsageError("wrong"), LrsError("odd")])
def test_an_extra_that_cannot_be_had_is_missing(tmp_path: Path, error: LrsError) -> None:
    place = tmp_path / "backups"
    path = _back_up(place, Selection(), objects=1, extras=("deployments",), deployments=_Failing(error))
    folder = SealedFolder.open(path)
    assert folder.catalog.missing == (Missing(store="deployments", reason=str(error)),)
    assert list(folder.catalog.tiers) == ["resources"]
    assert list(folder.damages()) == []
    assert folder.paths() == []


def test_what_was_asked_for_by_name_ends_it(tmp_path: Path) -> None:
    place = tmp_path / "backups"
    with pytest.raises(UnreachableError) as caught:
        _back_up(place, Selection(), objects=1, deployments=_Failing(UnreachableError("away")))
    assert "--no-deployments leaves it out" in caught.value.hint
    with pytest.raises(InterruptedRunError):
        _back_up(place, Selection(), objects=1, extras=("deployments",), deployments=_Failing(InterruptedRunError("stop")))
    assert list(place.iterdir()) == []


def test_where_was_looked() -> None:
    assert where(Selection(), is_named=False) == "all namespaces"
    assert where(Selection(namespace="a", types=("b",), selector="c=d"), is_named=True) == "namespace a, --type b, -l c=d"
    assert where(Selection(namespace="a"), is_named=False) == "namespace a (the context's; -n names another, -A all)"


def test_what_there_is() -> None:
    types: Counter[str] = Counter({"deployment": 8, "spark_app": 4, "my_tool": 1})
    said = list(instead(Selection(namespace="a", types=("deployments", "mytool", "q")), Instead(types)))
    assert said[:2] == ["did you mean --type deployment?", "did you mean --type my_tool?"]
    assert said[2] == "there is: deployment (8), my_tool (1), spark_app (4)"
    said = list(instead(Selection(namespace="a"), Instead(Counter({"spark_app": 4}))))
    assert said[0] == "there is: spark_app (4, left out by default, --type spark_app takes it)"
    said = list(instead(Selection(namespace="a"), Instead(namespaces=Counter({"b": 7}))))
    assert said[0] == "there is no LRS at all in a; there are LRS in: b (7)"
