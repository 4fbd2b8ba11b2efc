"""Every path over objects: four times as many are four times the work, and not sixteen times. Counted, never timed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from kubectl_lrs.consistency import Application, Deployed, ImageAt, Inventory, LostFile, LrsObject, Occurrence, SparkSession
from kubectl_lrs.consistency import Document as LrsDocument
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.manifest import split_list
from kubectl_lrs.model.names import BACKUP_PREFIX
from kubectl_lrs.model.plan import Action, Finding, Plan, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.model.retention import Candidate, Rules, decide
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.check import check_view
from kubectl_lrs.render.diff import comparison_view, difference_data
from kubectl_lrs.render.restore import plan_view, report_view
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.sums import in_order, line, parsed_sums
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.mentions import APPLICATIONS, LRS_DOCUMENTS, Document
from kubectl_lrs.stores.deployments.journal import PREFIX, SUFFIX, FileJournalWriter, Journal, open_journals
from kubectl_lrs.stores.images.find import ImageFilter
from kubectl_lrs.stores.lrs.creation_order import WaitingRoom, creation_order
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.evidence import alterations
from kubectl_lrs.usecases.check import report_of
from kubectl_lrs.usecases.diff import Differ, Entry, Origin
from kubectl_lrs.usecases.scan import Scan
from tests.builders import ownership
from tests.builders.counted import lines
from tests.builders.said import listed
from tests.builders.sealing import sealed

FEW = 60
NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)

Act = Callable[[], object]


def _id(number: int) -> str:
    return f"{number:024x}"


def _lrs(number: int, *, namespaces: int = 1, **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": f"ns-{number % namespaces}", "name": f"lrs-{number:06}", "labels": {"app": _id(number)}}
    return {"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": metadata, "spec": spec or {"of": _id(number)}}


# ---- owners and cycles


def _chain(count: int, step: int) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Each is owned by the one before it (1) or after it (-1)."""
    return {("n", str(each)): {("n", str(each - step))} for each in range(count)}


def owners_in_a_chain(count: int) -> Act:
    return lambda: creation_order(_chain(count, 1), there=_chain(count, 1))


def owners_in_a_chain_backwards(count: int) -> Act:
    return lambda: creation_order(_chain(count, -1), there=_chain(count, -1))


def owners_of_all(count: int) -> Act:
    hub = ("n", "hub")
    others = {("n", str(each)) for each in range(count)}
    star = {hub: others, **{each: {hub} for each in others}}
    return lambda: creation_order(star, there=star)


def cycles_on_cycles(count: int) -> Act:
    owners = {("n", f"{n}{side}"): {("n", f"{n}{other}")} for n in range(count) for side, other in ("ab", "ba")}
    for n in range(1, count):
        owners["n", f"{n}a"].add(("n", f"{n - 1}b"))
    return lambda: creation_order(owners, there=owners)


def waiting_for_owners(count: int) -> Act:
    """The last one comes first: all wait."""

    def act() -> None:
        room: WaitingRoom[str] = WaitingRoom({str(each) for each in range(count)})
        for each in reversed(range(count)):
            room.must_wait(str(each), [str(each - 1)] if each else [], str(each))
        left = ["0"]
        while left:
            left += room.done(left.pop())

    return act


# ---- one pass over LRS and documents


def _scan(manifests: list[dict[str, Any]], documents: list[Document]) -> Scan:
    scan = Scan(now=NOW, stale_after=timedelta(hours=24), references=listed(["apps/a"]))
    scan.read(manifests, documents, ImageFilter(), Silent())
    return scan


def _documents(count: int) -> list[Document]:
    applications = [Document(APPLICATIONS, _id(each), {"name": f"app {each}", "status": "running"}) for each in range(count)]
    speaking = [Document(LRS_DOCUMENTS, _id(each), {"of": _id(each), "like": _id(each - 1)}) for each in range(count)]
    return [*applications, *speaking]


def mentions_in_documents(count: int) -> Act:
    manifests = [_lrs(each, image=f"registry.example.com/app/{each}:1", also=_id(each + 1)) for each in range(count)]
    return lambda: _scan(manifests, _documents(count))


def mentions_in_many_namespaces(count: int) -> Act:
    manifests = [_lrs(each, namespaces=count, serviceAccountName=f"sa-{each}") for each in range(count)]
    return lambda: _scan(manifests, [])


def mentions_of_lost_files(count: int) -> Act:
    scan = _scan([_lrs(each) for each in range(count)], _documents(count))
    return lambda: [scan.ids_in(f"files/{_id(each)}/{each}") for each in range(count)]


# ---- check


def _inventory(count: int) -> Inventory:
    """Nothing agrees: each object has its finding, and most are whose."""
    places = [Occurrence("lrs", f"ns/lrs-{each}", "spec.image", frozenset((_id(each),))) for each in range(count)]
    return Inventory(
        scope="namespace ns",
        objects=[
            LrsObject(namespace="ns", name=f"o-{each}", type="x", ids=frozenset((_id(-~each * 7),))) for each in range(count)
        ],
        applications=[Application(id=_id(each), name=f"app {each}", status="running", in_database=True) for each in range(count)],
        documents=[LrsDocument(id=_id(10**6 + each), mentions=frozenset((_id(10**6 - each),))) for each in range(count)],
        deployments=[Deployed(id=_id(10**7 + each), label="d", status="active", is_custom=True) for each in range(count)],
        sessions=[SparkSession(namespace="ns", name=f"s-{each}", age="2d") for each in range(count)],
        images=[ImageAt(reference=f"r/i:{each}", is_missing=True, places=(place,)) for each, place in enumerate(places)],
        files=[LostFile(path=f"f/{each}", place=place) for each, place in enumerate(places)],
        keys=[],
    )


def check(count: int) -> Act:
    return lambda: check_view(report_of(_inventory(count), target="t", backup="", instant=NOW, only=(), notes=()))


# ---- diff


class _Side:
    """Objects in order, from memory."""

    namespace = None
    being_deleted: list[str]

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.being_deleted = []
        self.origin = Origin(label="a side", server="s")
        self._objects = objects

    def entries(self, _texts: Any = None) -> Iterator[Entry]:
        return (Entry(f"{each['metadata']['namespace']}/{each['metadata']['name']}", each) for each in self._objects)

    def texts(self) -> Iterator[str]:
        return iter(())

    def covers(self, _manifest: dict[str, Any]) -> bool:
        return True


def diff_of_objects(count: int) -> Act:
    """A third on both sides and changed, a third on each alone."""
    before = [_lrs(each, n=each) for each in range(count) if each % 3]
    after = [_lrs(each, n=-each) for each in range(count) if each % 3 != 1]
    return lambda: comparison_view(Differ(_Side(before), _Side(after), Selection(), Silent()).run(difference_data))


def fields_of_one_object(count: int) -> Act:
    sent, answer = ({"metadata": {"name": "a"}, "spec": {f"f{n}": [{"a": n + more}] for n in range(count)}} for more in (0, 1))
    return lambda: alterations(sent, answer, lambda manifest: manifest)


# ---- plans and reports


def _plan(count: int) -> Plan:
    actions = list(Action)
    steps = [LrsStep(namespace="n", name=f"l-{n}", action=actions[n % len(actions)], reason="why") for n in range(count)]
    findings = tuple(Finding(Severity.WARNING, f"finding {n}", details=(f"of {n}",)) for n in range(count))
    return Plan(source="b", target="t", parts=(StorePlan(store="resources", target="t", steps=steps, findings=findings),))


def plan_shown(count: int) -> Act:
    plan = _plan(count)
    return lambda: plan_view(plan)


def report_shown(count: int) -> Act:
    """Half was done, the rest was not tried."""
    plan = _plan(count)

    def act() -> None:
        report = Report(source="b", target="t")
        for step in plan.parts[0].steps[::2]:
            report.add(Outcome.of(step, Result.FAILED, "why"))
        report.add_not_tried(plan.parts[0])
        report_view(report, dry_run=False)
        report.exit_code()

    return act


# ---- backups


def retention(count: int) -> Act:
    rules = Rules(last=3, counts={"daily": 7, "monthly": 12}, within=timedelta(days=3), ages={"weekly": timedelta(days=90)})
    backups = [Candidate(name=str(n), instant=NOW - timedelta(hours=n), group=n % 2) for n in range(count)]
    return lambda: decide(backups, rules)


class _Lines:
    """A list of sums that is read by lines."""

    def __init__(self, entries: list[tuple[bytes, bytes]]) -> None:
        self._left = list(map(line, entries))[::-1]

    def readline(self, _most: int) -> bytes:
        return self._left.pop() if self._left else b""


def sums(count: int) -> Act:
    entries = [(f"lrs/n/{n:06}.yaml".encode(), b"0" * 64) for n in range(count)]
    nowhere: BinaryIO = None  # type: ignore[assignment]  so few need no room on the disk

    def act() -> None:
        for _ in in_order(entries[::-1], nowhere):
            pass
        for _ in parsed_sums(_Lines(entries), "sums"):  # type: ignore[arg-type]
            pass

    return act


# ---- formats


def list_of_objects(count: int) -> Act:
    text = '{"kind":"List","items":[' + ",".join('{"a":{"b":[1]}}' for _ in range(count)) + "]}"
    return lambda: list(split_list(text))


def yaml_of_one_object(count: int) -> Act:
    return lambda: dump({"spec": [{f"key-{n}": {"value": str(n)}} for n in range(count)]})


@pytest.mark.parametrize(
    "path",
    [
        owners_in_a_chain, owners_in_a_chain_backwards, owners_of_all, cycles_on_cycles, waiting_for_owners,
        mentions_in_documents, mentions_in_many_namespaces, mentions_of_lost_files, check, diff_of_objects,
        fields_of_one_object, plan_shown, report_shown, retention, sums, list_of_objects, yaml_of_one_object,
    ],
    ids=lambda path: path.__name__,
)  # fmt: skip
def test_four_times_as_many_are_four_times_the_work(path: Callable[[int], Act]) -> None:
    path(4 * FEW)()  # what is imported, compiled and kept once
    _grows(path, FEW)


def _grows(path: Callable[[int], Act], count: int) -> None:
    few, many = lines(path(count)), lines(path(4 * count))
    assert few > count, "it is not run at all"
    assert many < 4.4 * few, f"{few} lines for {count}, {many} for {4 * count}"


@pytest.mark.parametrize("shape", [ownership.chain, ownership.backwards, ownership.star, ownership.ladder])
@pytest.mark.parametrize("lost", [(), ("n00001",), "last"], ids=["all come back", "one is lost", "the last is lost"])
@pytest.mark.parametrize("changed", ["first", "all"])
def test_what_goes_with_an_owner(shape: Callable[[int], dict[str, list[str]]], lost: tuple[str, ...] | str, changed: str) -> None:
    def path(count: int) -> Act:
        graph = shape(count)
        missing = (f"n{count - 1:05}",) if lost == "last" else lost
        return lambda: ownership.decided(graph, ["n00000"] if changed == "first" else graph, missing=missing)

    _grows(path, 50)


def _key(name: str) -> tuple[str, str]:
    return "n", name


def test_many_cycles_that_hang_on_each_other() -> None:
    """A ladder of 2,000 cycles of two, each owned by the one before; and one thing that all others own, and that owns all."""
    owners = {_key(f"{n}{side}"): {_key(f"{n}{other}")} for n in range(2_000) for side, other in ("ab", "ba")}
    for n in range(1, 2_000):
        owners[_key(f"{n}a")].add(_key(f"{n - 1}b"))
    placed = creation_order(owners, there=owners)
    assert all(placed[_key(f"{n - 1}b")] < placed[_key(f"{n}a")] for n in range(1, 2_000))
    star = {_key("hub"): {_key(str(n)) for n in range(2_000)}, **{_key(str(n)): {_key("hub")} for n in range(2_000)}}
    assert len(creation_order(star, there=star)) == 2_001


def test_journals_that_stay(folder: Path) -> None:
    """Each deactivation leaves one beside the backups, and a copy of it in the state."""

    def opened(count: int) -> Act:
        backups, state = folder / f"backups-{count}", folder / f"state-{count}"
        for place in (backups, state):
            place.mkdir(mode=0o700)
        for number in range(count):
            journal = Journal(path=backups / f"{PREFIX}{number:04}{SUFFIX}", endpoint="e", created="2026")
            journal.put_into(state)
            FileJournalWriter(journal).write()
        return lambda: open_journals(backups, states=[state])

    _grows(opened, 15)


def test_backups_in_a_folder(folder: Path) -> None:
    def listed(count: int) -> Act:
        place = folder / f"of-{count}"
        made = sealed(place.parent, lambda writer: writer.write("a", b"a"), f"first-of-{count}")
        place.mkdir(mode=0o700)
        for number in range(count):
            shutil.copytree(made.path, place / f"{BACKUP_PREFIX}{number:04}")
        return lambda: PlainRepository(place).scan()

    _grows(listed, 15)


@pytest.mark.parametrize("growth", [1, 2])
def test_what_grows_with_the_square_is_found(growth: int) -> None:
    """The measure itself: the product's `line` is called n times, or n times n."""

    def path(count: int) -> Act:
        return lambda: [line((b"a", b"b")) for _ in range(count**growth)]

    assert (lines(path(4 * FEW)) < 4.4 * lines(path(FEW))) is (growth == 1)
