"""A whole restore of LRS that own each other: four times as many are four times the work, whatever becomes of them.

Counted in lines of the product that are run, and in requests; never timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import StoredLrs
from tests.builders.counted import lines
from tests.builders.memory_kube import LRS, NAMESPACE, MemoryKube, refusing

FEW = 40
Graph = Mapping[str, Iterable[str]]


class Source:
    """LRS in memory, each with its owners by name."""

    description, version, kind = "memory", "v1", "LRS"

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __iter__(self) -> Iterator[StoredLrs]:
        for name, owners in self._graph.items():
            yield StoredLrs(_manifest(name, "saved"), owners=tuple(map(_owner, owners)), sum=name.encode())


def _manifest(name: str, image: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": LRS.api_version, "kind": LRS.kind, "metadata": metadata, "spec": {"image": image}}


def _owner(name: str) -> dict[str, str]:
    return {"apiVersion": LRS.api_version, "kind": LRS.kind, "name": name, "uid": f"live-{name}"}


def _chain(count: int) -> dict[str, list[str]]:
    return {f"n{number:04}": [f"n{number - 1:04}"] if number else [] for number in range(count)}


def _backwards(count: int) -> dict[str, list[str]]:
    return dict(reversed(_chain(count).items()))


def _star(count: int) -> dict[str, list[str]]:
    return {f"n{number:04}": ["n0000"] if number else [] for number in range(count)}


SHAPES = [_chain, _backwards, _star]


class Live(MemoryKube):
    """With all of them, as others than they were saved. What it counts itself is not the product's."""

    def fill(self, graph: Graph, changed: Iterable[str]) -> None:
        others = set(changed)
        for name, owners in graph.items():
            metadata = {"uid": f"live-{name}", "resourceVersion": "1", "generation": 1}
            manifest = _manifest(name, "live" if name in others else "saved")
            manifest["metadata"] |= metadata | ({"ownerReferences": list(map(_owner, owners))} if owners else {})
            self.objects[name] = manifest


def _restored(graph: Graph, kube: MemoryKube, directory: Path, existing: Existing) -> Report:
    directory.mkdir()
    restorer = LrsRestorer(
        Source(graph),
        RestoreOptions(selection=Selection(), existing=existing),
        kube=cast(KubeClient, kube),
        resource=LRS,
        directory=directory,
        cluster="x",
        stop=kube.stop,
    )
    report = Report(source="", target="")
    restorer.apply(restorer.plan(Silent()), ApplyOptions(workers=2, timeout=5), report, Silent())
    return report


def _work(act: Callable[[int], tuple[Report, MemoryKube]], wanted: Callable[[int], dict[Result, int]]) -> None:
    """It grows as the objects do, in lines and in requests, and each becomes what is wanted."""
    counted, asked = [], []
    for count in (FEW, 4 * FEW):
        done: list[tuple[Report, MemoryKube]] = []
        counted.append(lines(lambda count=count, done=done: done.append(act(count))))
        ((report, kube),) = done
        assert dict(report.counts()) == wanted(count)
        asked.append(kube.calls.total())
    assert counted[1] < 4.4 * counted[0], counted
    assert asked[1] <= 4.4 * asked[0], asked


@pytest.mark.parametrize("shape", SHAPES)
def test_created(tmp_path: Path, shape: Callable[[int], Graph]) -> None:
    def act(count: int) -> tuple[Report, MemoryKube]:
        kube = MemoryKube()
        return _restored(shape(count), kube, tmp_path / str(count), Existing.SKIP), kube

    _work(act, lambda count: {Result.CREATED: count})


def _last(graph: Graph) -> str:
    return max(graph)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("changed", ["the first", "all"])
def test_recreated(tmp_path: Path, shape: Callable[[int], Graph], changed: str) -> None:
    """The first takes all along that it owns, and what these own."""

    def act(count: int) -> tuple[Report, MemoryKube]:
        graph, kube = shape(count), Live()
        kube.fill(graph, graph if changed == "all" else [min(graph)])
        return _restored(graph, kube, tmp_path / str(count), Existing.RECREATE), kube

    _work(act, lambda count: {Result.RECREATED: count})


@pytest.mark.parametrize("shape", [_chain, _backwards])
def test_refused_from_the_far_end(tmp_path: Path, shape: Callable[[int], Graph]) -> None:
    """The server would not take the last one again, so none of those that would take it along is deleted."""

    def act(count: int) -> tuple[Report, MemoryKube]:
        graph, kube = shape(count), Live(refusing(_last(_chain(count))))
        kube.fill(graph, graph)
        return _restored(graph, kube, tmp_path / str(count), Existing.RECREATE), kube

    _work(act, lambda count: {Result.FAILED: 1, Result.CONFLICT: count - 1})


@pytest.mark.parametrize("shape", SHAPES)
def test_all_are_refused(tmp_path: Path, shape: Callable[[int], Graph]) -> None:
    def act(count: int) -> tuple[Report, MemoryKube]:
        graph, kube = shape(count), Live(refusing(*_chain(count)))
        kube.fill(graph, graph)
        return _restored(graph, kube, tmp_path / str(count), Existing.RECREATE), kube

    _work(act, lambda count: {Result.FAILED: count})
