"""The statuses of deployments in a backup: each once, by whoever sees it first, and back out without trust."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.deployments import collect
from kubectl_lrs.stores.deployments.collect import FILE, DeploymentsCollector, saved
from kubectl_lrs.stores.deployments.statuses import State
from tests.builders.scripted_api import ScriptedApi, account
from tests.builders.sealing import sealed

A, B, C = (digit * 24 for digit in "abc")


def _backup(place: Path, tier: DeploymentsCollector) -> tuple[SealedFolder, dict[str, Any]]:
    facts: dict[str, Any] = {}

    def work(writer: FolderWriter) -> None:
        facts.update(tier.collect(writer, Silent()))

    name = f"of-{len(os.listdir(place))}"  # without one the second of a test waits until the clock gives it another
    return sealed(place, work, name, others={"deployments": {}}), facts


def _tier(**statuses: str) -> DeploymentsCollector:
    return DeploymentsCollector([account(ScriptedApi(**statuses))])


def test_what_is_saved_is_read(folder: Path) -> None:
    one, two = ScriptedApi(**{A: "active", B: "inactive"}), ScriptedApi(**{B: "active", C: "errored"})
    two.notes["deployments"] = "a list that lacks some"
    backup, facts = _backup(folder, DeploymentsCollector([account(one, "o", "u"), account(two, "p", "v")]))
    held = saved(backup)
    assert held is not None
    assert [(each.id, each.status, each.organisation) for each in held.deployments] == [
        (A, "active", "o"),
        (B, "inactive", "o"),
        (C, "errored", "p"),
    ], "the first that sees one counts"
    assert all(each.is_custom and each.label == f"label {each.id}" for each in held.deployments)
    assert (held.endpoint, held.users) == (one.endpoint, {"o": "u", "p": "v"})
    assert [(each.id, each.state) for each in held.entries()] == [(A, State.DEACTIVATED)], "what was active then"
    assert (facts["deployments"], facts["statuses"]) == (3, {"active": 1, "errored": 1, "inactive": 1})
    missing = [(each.store, each.kind, each.reason) for each in facts["missing"]]
    assert missing == [("deployments", "list", "a list that lacks some")], "what may lack keeps it from being whole"


def test_what_was_on_its_way_is_an_entry_that_we_have_not_changed(folder: Path) -> None:
    held = saved(_backup(folder, _tier(**{A: "launching", B: "stopping", C: "unheard-of"}))[0])
    assert held is not None
    assert [(each.id, each.before, each.state) for each in held.entries()] == [
        (A, "launching", State.UNCHANGED),
        (C, "unheard-of", State.UNCHANGED),
    ]


def test_none_are_a_list_too(folder: Path) -> None:
    backup, facts = _backup(folder, _tier())
    held = saved(backup)
    assert held is not None
    assert (held.deployments, held.entries(), facts["deployments"]) == ([], [], 0)


def test_a_backup_without_them(folder: Path) -> None:
    assert saved(sealed(folder, lambda _writer: None)) is None


def _with(place: Path, change: Callable[[dict[str, Any]], Any]) -> SealedFolder:
    """A backup that was sealed with another document."""
    made, _ = _backup(place, _tier(**{A: "active"}))
    document = json.loads((made.path / FILE).read_text())
    changed = change(document)
    text = json.dumps(document if changed is None else changed)
    return sealed(place, lambda writer: writer.write(FILE, text.encode()), "other", others={"deployments": {}})


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(kind="another"),
        lambda d: d.update(formatVersion="1"),
        lambda d: d.update(deployments=None),
        lambda d: d["deployments"][0].update(id="../../x"),
        lambda d: d["deployments"][0].pop("label"),
        lambda d: d["organisations"][0].pop("user"),
        lambda _d: [],
        lambda _d: 7,
    ],
)
def test_what_is_none_is_damage(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(DamageError, match=r"deployments\.json: not a valid list"):
        saved(_with(folder, change))


def test_one_of_a_later_version(folder: Path) -> None:
    with pytest.raises(UsageError, match="format 2 is newer"):
        saved(_with(folder, lambda d: d.update(formatVersion=2)))


def test_one_that_was_altered_since(folder: Path) -> None:
    backup, _ = _backup(folder, _tier(**{A: "active"}))
    (backup.path / FILE).write_bytes((backup.path / FILE).read_bytes().replace(b"active", b"errors"))
    with pytest.raises(DamageError, match="altered"):
        saved(backup)


def test_one_that_could_not_be_read_back_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, _ = _backup(folder, _tier(**{A: "active"}))
    size = (backup.path / FILE).stat().st_size
    monkeypatch.setattr(collect, "MAX_SIZE", size - 1)
    with pytest.raises(LrsError, match=f"{FILE}: it would have {size} bytes"):
        _backup(folder, _tier(**{A: "active"}))
    with pytest.raises(DamageError, match="larger than"):
        saved(backup)
