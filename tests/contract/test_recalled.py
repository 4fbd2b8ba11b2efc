"""What a backup takes of the LRS from the one before it, in both forms: what is the same, and that every sum is true."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.clients.kubernetes.answers import Page, page_of
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.catalog import Catalog, Cluster
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.manifest import Manifest, sanitise
from kubectl_lrs.model.names import manifest_path
from kubectl_lrs.model.recall import Recall
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import Backup, Repository
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.pool import condemned
from kubectl_lrs.repository.pool.check import pool
from kubectl_lrs.repository.pool.condemned import Name
from kubectl_lrs.stores.lrs import keep
from kubectl_lrs.stores.lrs.collect import LrsCollector
from kubectl_lrs.stores.lrs.recall import Beside
from kubectl_lrs.stores.lrs.saved import INDEX_FILE, RAW_FILE, BackupSource
from kubectl_lrs.usecases.backup import back_up
from kubectl_lrs.usecases.making import Destination
from tests.builders.fake_kube import LRS, FakeKube
from tests.builders.pools import made, opened
from tests.builders.sealing import Notes

HERE = Cluster(server="https://127.0.0.1", uid="here", context="one")
COUNT, PAGE = 60, 20


def lrs(number: int, *, namespace: str = "a", version: int = 1, kind: str = "app", **spec: Any) -> Manifest:
    """As a server has it."""
    metadata = {"name": f"lrs-{number:03}", "namespace": namespace, "uid": f"{namespace}-{number}"}
    labels = {"datarobot-lrs-type": kind}
    return {
        "apiVersion": f"{LRS.group}/{LRS.version}",
        "kind": LRS.kind,
        "metadata": {**metadata, "resourceVersion": str(version), "generation": version, "labels": labels},
        "spec": {"number": number, "text": "y", **spec},
        "status": {"ready": True},
    }


class Listed(FakeKube):
    """Lists as an API server does, in pages; `before`: what is done before the second one."""

    before: Callable[[], object] = staticmethod(lambda: None)

    def pages(
        self,
        _resource: Resource,
        namespace: str | None = None,
        *,
        name: str = "",
        selector: str = "",
        recall: Recall | None = None,
        **_: Any,
    ) -> Iterator[Page]:
        """`selector`: a type alone, or all."""
        wanted = selector.partition(" in (")[2].rstrip(")")
        there = [
            each
            for (space, called), each in sorted(self.objects.items())
            if namespace in (None, space) and name in ("", called)
            if not wanted or each["metadata"]["labels"]["datarobot-lrs-type"] == wanted
        ]
        for start in range(0, max(1, len(there)), PAGE):
            if start:
                self.before()
            answer = {"metadata": {"resourceVersion": "7"}, "items": there[start : start + PAGE]}
            yield page_of(json.dumps(answer, separators=(",", ":")).encode(), recall)


@dataclass
class Ground:
    """A repository of one form, opened anew for each act; `written`: the names of the manifests that the last backup wrote."""

    open: Callable[[], Repository]
    memory: Memory | None
    written: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)

    def back_up(
        self,
        objects: Sequence[Manifest],
        name: str,
        *,
        cluster: Cluster = HERE,
        before: Callable[[], object] = lambda: None,
        **of: Any,
    ) -> Backup:
        """One, which is whole, and says of each object what the server does."""
        selection, kube = Selection(**of), Listed(objects)
        kube.before = before
        self.written.clear()
        back_up(
            {"resources": LrsCollector(kube, LRS, selection, cluster)},  # type: ignore[arg-type]
            destination=Destination(repository=self.open(), name=name),
            cluster=cluster,
            selection=selection,
            profile="lrs",
            levels={},
            progress=self.notes,
        )
        made_ = self.open().find(name)
        kinds = of.get("types", ())
        self.require(made_, [each for each in objects if not kinds or each["metadata"]["labels"]["datarobot-lrs-type"] in kinds])
        return made_

    @staticmethod
    def require(backup: Backup, objects: Sequence[Manifest]) -> None:
        """Every byte is what a backup without an earlier one would have."""
        assert list(backup.damages(share=1.0)) == []
        wanted = {}
        for each in objects:
            text = dump(sanitise(each)).encode()
            wanted[manifest_path(each["metadata"]["namespace"], each["metadata"]["name"])] = hashlib.sha256(text).hexdigest()
        assert {path: digest for path, digest in backup.sums() if path.startswith("lrs/")} == wanted
        source = BackupSource(backup)
        assert sorted((each.namespace, each.name) for each in source) == sorted(
            (each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects
        )
        facts = backup.catalog.tiers["resources"]
        assert (facts["objects"], sum(facts["types"].values())) == (len(objects), len(objects))
        assert facts["bytes"] == sum(len(dump(sanitise(each)).encode()) for each in objects)
        index = [json.loads(line) for line in backup.lines(INDEX_FILE)]
        assert {each["path"]: each["sha256"] for each in index} == wanted


@pytest.fixture(params=["plain", "pooled"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Each form in turn."""
    if request.param == "plain":
        (tmp_path / "folder").mkdir(mode=0o700)
        found = Ground(lambda: PlainRepository(tmp_path / "folder"), None)
    else:
        memory = Memory()
        made(memory)
        found = Ground(lambda: opened(memory), memory)

    def noted(manifest: Manifest) -> str:
        found.written.append(manifest["metadata"]["name"])
        return dump(manifest)

    monkeypatch.setattr(keep, "dump", noted)
    return found


ALL = [lrs(number) for number in range(COUNT)]
NAMES = [each["metadata"]["name"] for each in ALL]


def test_what_did_not_change_is_not_written_again(ground: Ground) -> None:
    first = ground.back_up(ALL, "one")
    assert ground.written == NAMES
    second = ground.back_up(ALL, "two")
    assert ground.written == []
    assert second.catalog.stored["newFiles"] == 0
    assert second.identity == first.identity


def test_what_changed_came_or_went(ground: Ground) -> None:
    ground.back_up(ALL, "one")
    now = [each for each in ALL if each["metadata"]["name"] not in ("lrs-000", "lrs-030", "lrs-059")]
    now[4], now[40] = lrs(5, version=2, more=1), lrs(42, version=2)
    now.append(lrs(700))
    ground.back_up(now, "two")
    assert ground.written == ["lrs-005", "lrs-042", "lrs-700"]
    ground.back_up(now, "three")
    assert ground.written == []


def test_changed_and_changed_back_is_another_state(ground: Ground) -> None:
    ground.back_up(ALL, "one")
    ground.back_up([lrs(0, version=2, more=1), *ALL[1:]], "two")
    back = ground.back_up([lrs(0, version=3), *ALL[1:]], "three")
    assert ground.written == ["lrs-000"]
    assert back.catalog.stored["newFiles"] == 2, "the two lists of them all; its manifest is one that an earlier backup has"


def test_the_same_name_in_several_namespaces(ground: Ground) -> None:
    there = [lrs(number, namespace=space) for space in ("a", "a-b", "b") for number in range(7)]
    ground.back_up(there, "one")
    there[8] = lrs(1, namespace="a-b", version=2, more=1)
    ground.back_up(there, "two")
    assert ground.written == ["lrs-001"]


def test_what_is_being_deleted_is_left_out_again(ground: Ground) -> None:
    ground.back_up(ALL, "one")
    going = lrs(3, version=2)
    going["metadata"]["deletionTimestamp"] = "2026-11-28T00:00:00Z"
    kube = Listed([*ALL[:3], going, *ALL[4:]])
    repository = ground.open()
    back_up(
        {"resources": LrsCollector(kube, LRS, Selection(), HERE)},  # type: ignore[arg-type]
        destination=Destination(repository=repository, name="two"),
        cluster=HERE,
        selection=Selection(),
        profile="lrs",
        levels={},
        progress=ground.notes,
    )
    two = ground.open().find("two")
    ground.require(two, [*ALL[:3], *ALL[4:]])
    assert [each["name"] for each in two.catalog.tiers["resources"]["skipped"]] == ["lrs-003"]


@pytest.mark.parametrize(
    "now",
    [replace(HERE, context="renamed"), replace(HERE, server="https://other.example.com"), replace(HERE, version="v9")],
    ids=["context", "server", "version"],
)
def test_the_same_cluster_by_another_name(ground: Ground, now: Cluster) -> None:
    ground.back_up(ALL, "one")
    ground.back_up(ALL, "two", cluster=now)
    assert ground.written == []


def test_nothing_is_recalled_of_another_cluster(ground: Ground) -> None:
    ground.back_up(ALL, "one")
    ground.back_up(ALL, "two", cluster=replace(HERE, uid="other"))
    assert ground.written == NAMES


def test_of_another_selection(ground: Ground) -> None:
    there = [lrs(number, kind="app" if number % 3 else "notebook") for number in range(COUNT)]
    ground.back_up(there, "all")
    ground.back_up(there, "some", types=("notebook",))
    assert ground.written == []
    there[3] = lrs(3, kind="notebook", version=2, more=1)
    ground.back_up(there, "again")
    assert ground.written == ["lrs-003"], "the newest is of another selection, and there is one of the same"


def test_of_another_version_of_this_program(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kubectl_lrs.usecases.backup.TOOL", "kubectl-lrs 0.0.9")
        ground.back_up(ALL, "one")
    ground.back_up(ALL, "two")
    assert ground.written == NAMES


def test_an_index_that_says_nothing_of_the_manifests(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        line = keep.index_line
        patch.setattr(keep, "index_line", lambda manifest, path, **_of: line(manifest, path))
        with pytest.raises(KeyError):
            ground.back_up(ALL, "old")
    ground.back_up(ALL, "new")
    assert ground.written == NAMES


def test_two_at_once(ground: Ground) -> None:
    ground.back_up(ALL, "one")
    changed = [lrs(0, version=2, more=1), *ALL[1:]]
    inner = Ground(ground.open, ground.memory)
    other: list[Backup] = []

    def beside() -> None:
        if not other:
            other.append(inner.back_up(changed, "other"))

    mine = ground.back_up(changed, "mine", before=beside)
    assert mine.identity == other[0].identity


# ---- what must not be believed


@pytest.mark.parametrize("file", [RAW_FILE, INDEX_FILE])
def test_the_earlier_backup_is_damaged(ground: Ground, file: str) -> None:
    one = ground.back_up(ALL, "one")
    if ground.memory is None:
        spoilt = Path(one.location) / file
        spoilt.chmod(0o600)
        spoilt.write_bytes(_other(spoilt.read_bytes()))
        spoilt.chmod(0o400)
    else:
        (key,) = {part.key for each in one.entries(file) for part in each.parts}  # type: ignore[attr-defined]
        stat, data = ground.memory._objects[key]
        ground.memory._objects[key] = stat, _other(data)
    ground.back_up([*ALL[:7], lrs(7, version=2, more=1), *ALL[8:]], "two")
    assert ground.written == NAMES


def _other(data: bytes) -> bytes:
    return bytes(byte ^ 1 for byte in data)


def test_what_is_condemned_meanwhile_is_written_anew() -> None:
    memory = Memory()
    made(memory)
    ground = Ground(lambda: opened(memory), memory)
    ground.back_up(ALL, "one")
    names = [Name(stat.key, stat.size) for _, stat in pool(memory)]
    assert list(condemned.write(memory, names, now=memory.now()))
    two = ground.back_up(ALL, "two")
    assert two.catalog.stored["linkedFiles"] == 0
    assert not {part.key for each in two.entries() for part in each.parts} & {name.key for name in names}  # type: ignore[attr-defined]


def test_what_is_condemned_while_it_is_read_gets_a_copy() -> None:
    memory = Memory()
    made(memory)
    ground = Ground(lambda: opened(memory), memory)
    ground.back_up(ALL, "one")
    names = [Name(stat.key, stat.size) for _, stat in pool(memory)]
    done: list[object] = []

    def condemn() -> None:
        done.extend(() if done else condemned.write(memory, names, now=memory.now()))

    two = ground.back_up(ALL, "two", before=condemn)
    assert done
    assert not {part.key for each in two.entries() for part in each.parts} & {name.key for name in names}  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "while it is read"])
def test_the_earlier_backup_is_forgotten_meanwhile(is_late: bool) -> None:
    memory = Memory()
    made(memory)
    ground = Ground(lambda: opened(memory), memory)
    ground.back_up(ALL, "one")

    def forget() -> None:
        for stat in list(memory.list("backups/")):
            if "/one." in stat.key:
                memory.delete(stat.key)

    if is_late:
        ground.back_up(ALL, "two", before=forget)
    else:
        forget()
        ground.back_up(ALL, "two")


def test_nothing_is_believed_of_files_that_prove_to_be_damaged_at_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(lambda: PlainRepository(tmp_path), None)
    ground.back_up(ALL, "one")
    ends = []

    class Damaged(io.BytesIO):
        """Says only at its end that it is not what was sealed, as what comes in pieces does."""

        def read(self, size: int | None = -1, /) -> bytes:
            if not (data := super().read(size)):
                ends.append(1)
                raise DamageError("altered")
            return data

    def reading(self: Any, relative: str) -> Any:
        data = (tmp_path / "one" / relative).read_bytes()
        return Damaged(data) if relative == RAW_FILE else io.BytesIO(data)

    written: list[str] = []
    monkeypatch.setattr("kubectl_lrs.repository.plain.earlier.EarlierBackup.reading", reading)
    monkeypatch.setattr(keep, "dump", lambda manifest: written.append(manifest["metadata"]["name"]) or dump(manifest))
    ground.back_up(ALL, "two")
    assert ends
    assert written[-COUNT:] == NAMES, "after what had to be, all that was recalled"
    assert any("altered; nothing of it is used" in said for said in ground.notes.said)


# ---- beside a list, line by line


def _beside(objects: Sequence[Manifest], lines: Sequence[str] | None = None) -> Beside:
    raw = [json.dumps(each, separators=(",", ":")) for each in objects]
    said = lines if lines is not None else [_line(each) for each in objects]
    return Beside(*(io.BytesIO(gzip.compress("".join(f"{each}\n" for each in text).encode())) for text in (raw, said)), "one")


def _line(manifest: Manifest, **other: Any) -> str:
    metadata = manifest["metadata"]
    path = manifest_path(metadata["namespace"], metadata["name"])
    entry = json.loads(keep.index_line(manifest, path, sha256="0" * 64, size=7))
    return json.dumps({**entry, **other})


def _text(manifest: Manifest) -> str:
    return json.dumps(manifest, separators=(",", ":"))


def test_only_the_very_text_is_recalled() -> None:
    beside = _beside(ALL[:3])
    assert beside.at("x" + _text(ALL[1]), 1) is None, "it is not the next one"
    found = beside.at("x" + _text(ALL[0]) + ",", 1)
    assert found is not None
    assert (found.namespace, found.name, found.size) == ("a", "lrs-000", 7)
    assert beside.at(_text(lrs(1, version=2)), 0) is None
    assert beside.beside(_text(lrs(1, version=2)), 0, lrs(1, version=2)) is None
    assert beside.at(_text(ALL[2]), 0), "one that changed is passed over"
    assert beside.at(_text(ALL[2]), 0) is None, "all are gone by"
    assert beside.doubt() == ""


@pytest.mark.parametrize(
    "other",
    [
        {"sha256": None},
        {"size": "7"},
        {"size": True},
        {"path": "lrs/a/other.yaml"},
        {"uid": "another"},
        {"name": "other"},
        {"name": "lrs-000", "path": manifest_path("a", "lrs-000")},
        {"namespace": "b", "path": manifest_path("b", "lrs-001")},
        {"namespace": 1},
        {"type": None},
    ],
)
def test_an_index_that_is_not_of_these_objects(other: dict[str, Any]) -> None:
    beside = _beside(ALL[:2], [_line(ALL[0]), _line(ALL[1], **other)])
    assert beside.at(_text(ALL[0]), 0)
    assert beside.at(_text(ALL[1]), 0) is None
    assert "does not say" in beside.doubt()


def test_a_line_of_two_objects_does_not_hide_the_second() -> None:
    both = f"{_text(ALL[0])},{_text(ALL[1])}"
    beside = Beside(*(io.BytesIO(gzip.compress(f"{line}\n".encode())) for line in (both, _line(ALL[0]))), "one")
    answer = json.dumps({"metadata": {"resourceVersion": "7"}, "items": ALL[:2]}, separators=(",", ":"))
    found = page_of(answer.encode(), beside)
    assert [each["metadata"]["name"] for _, each in found.items] == ["lrs-000", "lrs-001"]
    assert found.recalled == {}


def test_one_that_names_a_version_of_its_own_is_read_and_the_others_recalled() -> None:
    there = [ALL[0], lrs(1, env=[{"resourceVersion": "9"}]), ALL[2]]
    beside = _beside(there)
    answer = json.dumps({"metadata": {"resourceVersion": "7"}, "items": there}, separators=(",", ":"))
    assert set(page_of(answer.encode(), beside).recalled) == {0, 2}
    assert beside.doubt() == ""


@pytest.mark.parametrize("lines", [[], [_line(ALL[0])], [*map(_line, ALL[:2]), _line(ALL[2])], ["[]"] * 2, ["{"] * 2])
def test_an_index_of_another_length(lines: list[str]) -> None:
    beside = _beside(ALL[:2], lines)
    recalled = beside.at(_text(ALL[0]), 0), beside.at(_text(ALL[1]), 0)
    assert bool(beside.doubt()) == any(recalled)


def test_catalogs_name_the_version_that_made_them(ground: Ground) -> None:
    made_: Catalog = ground.back_up(ALL[:1], "one").catalog
    assert made_.tool.startswith("kubectl-lrs ")
