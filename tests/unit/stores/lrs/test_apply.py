"""A restore of LRS that own each other: one pass over the source, and the truth about each, whatever the shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs.creation_order import WaitingRoom
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import StoredLrs
from tests.builders.memory_kube import LRS, NAMESPACE, MemoryKube, refusing

LENGTH = 1100
"""More than functions may call each other."""
SHORT = 100
Graph = Mapping[str, Iterable[str]]


class Source:
    """LRS in memory, each with its owners by name; `reads` counts the objects that were read."""

    description = "memory"
    version = "v1"
    kind = "LRS"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.passes = 0
        self.reads = 0

    def __iter__(self) -> Iterator[StoredLrs]:
        self.passes += 1
        for name, owners in self.graph.items():
            self.reads += 1
            yield StoredLrs(
                {
                    "apiVersion": LRS.api_version,
                    "kind": LRS.kind,
                    "metadata": {"name": name, "namespace": NAMESPACE},
                    "spec": {"image": "saved"},
                },
                owners=tuple({"apiVersion": LRS.api_version, "kind": LRS.kind, "name": each, "uid": "old"} for each in owners),
                sum=name.encode(),
            )


def _restorer(source: Source, kube: MemoryKube, directory: Path, existing: Existing = Existing.SKIP) -> LrsRestorer:
    return LrsRestorer(
        source,
        RestoreOptions(selection=Selection(), existing=existing),
        kube=cast(KubeClient, kube),
        resource=LRS,
        directory=directory,
        cluster="x",
        stop=kube.stop,
    )


def _applied(
    source: Source, kube: MemoryKube, directory: Path, *, existing: Existing = Existing.SKIP, workers: int = 4
) -> tuple[StorePlan, dict[str, tuple[Result, str]]]:
    restorer = _restorer(source, kube, directory, existing)
    plan = restorer.plan(Silent())
    source.reads = source.passes = 0
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=workers, timeout=5), report, Silent())
    return plan, {each.name: (each.result, each.message) for each in report.outcomes}


def _chain(length: int) -> dict[str, list[str]]:
    return {f"n{number:04}": [f"n{number - 1:04}"] if number else [] for number in range(length)}


def _owner(kube: MemoryKube, name: str) -> str | None:
    owners = kube.objects[name]["metadata"].get("ownerReferences")
    return owners[0]["uid"] if owners else None


@pytest.mark.parametrize("is_reversed", [False, True], ids=["owners first", "owners last"])
def test_chain_is_restored_in_one_pass(tmp_path: Path, is_reversed: bool) -> None:
    """The source is read once, whatever the order, and every object once: 2,000 reads and not 4,000,000."""
    length = SHORT if is_reversed else LENGTH
    chain = _chain(length)
    kube = MemoryKube()
    source = Source(dict(reversed(chain.items())) if is_reversed else chain)
    _, outcomes = _applied(source, kube, tmp_path)
    assert (source.passes, source.reads) == (1, length)
    assert set(outcomes.values()) == {(Result.CREATED, "")}
    assert kube.created == list(chain)
    assert kube.calls["create"] == length
    for name, owners in chain.items():
        assert _owner(kube, name) == (kube.objects[owners[0]]["metadata"]["uid"] if owners else None)


def test_nothing_is_held_but_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of ownership never more than what is in work; of objects without owners not one."""
    most = 0
    before = WaitingRoom.must_wait

    def counted(self: Any, key: str, after: Any, thing: Any) -> bool:
        nonlocal most
        waits = before(self, key, after, thing)
        most = max(most, sum(map(len, self._waiting.values())))
        return waits

    monkeypatch.setattr(WaitingRoom, "must_wait", counted)
    _applied(Source({f"n{number:04}": [] for number in range(SHORT)}), MemoryKube(), tmp_path)
    assert most == 0
    _applied(
        Source({f"n{number:04}": [f"n{number - 1:04}"] if number % 2 else [] for number in range(SHORT)}), MemoryKube(), tmp_path
    )
    assert most <= 4 * 4, "pairs: an owned one waits while its owner is in work"


def test_cycle_is_cut_once(tmp_path: Path) -> None:
    kube = MemoryKube()
    names = [f"n{number:04}" for number in range(SHORT)]
    source = Source({name: [names[number - 1]] for number, name in enumerate(names)})
    _, outcomes = _applied(source, kube, tmp_path)
    assert source.passes == 1
    assert {result for result, _ in outcomes.values()} == {Result.CREATED}
    assert sum("dropped" in message for _, message in outcomes.values()) == 1
    assert sum(_owner(kube, name) is None for name in names) == 1


def test_owner_that_fails_is_no_reason_to_wait_for_ever(tmp_path: Path) -> None:
    """What it owns is made without it, and says so; what that owns is as it was saved."""
    kube = MemoryKube(refusing("n0003"))
    _, outcomes = _applied(Source(_chain(8)), kube, tmp_path)
    assert outcomes["n0003"] == (Result.FAILED, "n0003 is refused")
    assert outcomes["n0004"] == (Result.CREATED, "owner not there, dropped: LRS/n0003")
    assert {result for name, (result, _) in outcomes.items() if name != "n0003"} == {Result.CREATED}
    assert _owner(kube, "n0005") == kube.objects["n0004"]["metadata"]["uid"]


# ---- recreating


def _journals(directory: Path) -> list[Path]:
    return list(directory.glob("*.json"))


def _live(kube: MemoryKube, graph: Graph, *changed: str) -> None:
    """What the source holds, live, with these changed."""
    for name, owners in graph.items():
        metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE, "uid": f"live-{name}", "resourceVersion": "7"}
        if owners:
            metadata["ownerReferences"] = [
                {"apiVersion": LRS.api_version, "kind": LRS.kind, "name": each, "uid": f"live-{each}"} for each in owners
            ]
        image = "changed" if name in changed else "saved"
        spec = {"image": image}
        kube.objects[name] = {"apiVersion": LRS.api_version, "kind": LRS.kind, "metadata": metadata, "spec": spec}


def test_chain_is_recreated_with_its_head(tmp_path: Path) -> None:
    graph = _chain(50)
    kube, source = MemoryKube(), Source(graph)
    _live(kube, graph, "n0000")
    _, outcomes = _applied(source, kube, tmp_path, existing=Existing.RECREATE)
    assert {result for result, _ in outcomes.values()} == {Result.RECREATED}
    assert source.passes == 2, "once to ask the server about each, before the first is deleted"
    assert kube.created == list(graph)
    assert all(not each["metadata"]["uid"].startswith("live") for each in kube.objects.values())
    assert _journals(tmp_path) == []


@pytest.mark.parametrize("refused", ["n0000", "n0002", "n0004"])
def test_nothing_of_a_chain_is_deleted_where_one_of_it_would_not_be_taken_again(tmp_path: Path, refused: str) -> None:
    graph = {**_chain(5), "other": []}
    kube, source = MemoryKube(refusing(refused)), Source(graph)
    _live(kube, graph, "n0000", "other")
    before = {name: each["metadata"]["uid"] for name, each in kube.objects.items()}
    _, outcomes = _applied(source, kube, tmp_path, existing=Existing.RECREATE)
    after = {name: each["metadata"]["uid"] for name, each in kube.objects.items()}
    assert outcomes["other"][0] is Result.RECREATED
    assert {name: uid for name, uid in after.items() if name != "other"} == {n: u for n, u in before.items() if n != "other"}
    result, said = outcomes["n0000"]
    if refused == "n0000":
        assert result is Result.FAILED
        assert said.startswith("not deleted: the server would not take it again: n0000-trial-")
    else:
        assert result is Result.CONFLICT
        assert said.startswith(f"it owns {refused}, which would be deleted with it and could not be made again: {refused}-trial-")
    rest = {name for name in graph if name not in ("n0000", "other")}
    assert {outcomes[name] for name in rest} == {(Result.UNCHANGED, "its owner is not recreated")}
    assert _journals(tmp_path) == []


def test_one_that_is_not_taken_again_is_not_deleted(tmp_path: Path) -> None:
    kube = MemoryKube(refusing("one"))
    _live(kube, {"one": []}, "one")
    _, outcomes = _applied(Source({"one": []}), kube, tmp_path, existing=Existing.RECREATE)
    assert outcomes["one"][1].startswith("not deleted: the server would not take it again: one-trial-")
    assert (kube.objects["one"]["metadata"]["uid"], kube.calls["delete"]) == ("live-one", 0)


def test_who_is_owned_since_the_plan_is_not_lost(tmp_path: Path) -> None:
    """Somebody is asked, and says yes; meanwhile the object came to own another one."""
    kube, source = MemoryKube(), Source({"one": []})
    _live(kube, {"one": []}, "one")
    restorer = _restorer(source, kube, tmp_path, Existing.RECREATE)
    plan = restorer.plan(Silent())
    _live(kube, {"one": [], "born": ["one"]}, "one")
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=2, timeout=5), report, Silent())
    (outcome,) = report.outcomes
    assert outcome.result is Result.CONFLICT
    assert outcome.message == "it owns born, which would be deleted with it and is not part of the plan; not recreated"
    assert kube.calls["delete"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"image": "changed again"}}, "changed by somebody else since it was planned"),
        ({"metadata": {"finalizers": ["example.com/hold"]}}, "changed by somebody else since it was planned"),
        ({"metadata": {"uid": "another"}}, "made anew by somebody else since it was planned"),
        ({"metadata": {"resourceVersion": "9"}, "status": {"phase": "Running"}}, ""),
    ],
    ids=["spec", "finalizers", "another object", "status"],
)
def test_the_object_is_looked_at_again_right_before_it_is_deleted(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    kube = MemoryKube()
    _live(kube, {"one": []}, "one")
    restorer = _restorer(Source({"one": []}), kube, tmp_path, Existing.RECREATE)
    plan = restorer.plan(Silent())
    live = kube.objects["one"]
    kube.objects["one"] = {**live, **change, "metadata": {**live["metadata"], **change.get("metadata", {})}}
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=2, timeout=5), report, Silent())
    (outcome,) = report.outcomes
    assert said in outcome.message
    assert outcome.result is (Result.CONFLICT if said else Result.RECREATED)
    assert kube.calls["delete"] == (0 if said else 1)


def test_a_stop_that_comes_in_the_rehearsal_deletes_nothing(tmp_path: Path) -> None:
    graph = _chain(5)
    kube = MemoryKube()
    _live(kube, graph, "n0000")
    restorer = _restorer(Source(graph), kube, tmp_path, Existing.RECREATE)
    plan = restorer.plan(Silent())
    kube.trouble = lambda _manifest: kube.stop.set()
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=1, timeout=5), report, Silent())
    assert kube.calls["delete"] == 0
