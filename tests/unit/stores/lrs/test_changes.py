"""What became of the LRS after they were listed: each kind of change, and what cannot be told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import ApiError, DeniedError, ExpiredError, LrsError, UnreachableError
from kubectl_lrs.model.meanwhile import What
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.lrs import changes
from kubectl_lrs.stores.lrs.changes import Look
from kubectl_lrs.stores.lrs.collect import LrsCollector
from kubectl_lrs.stores.lrs.saved import INDEX_FILE
from tests.builders.fake_kube import LRS, FakeKube


def _lrs(name: str, *, uid: str = "", version: str = "1", generation: int | None = 1, **metadata: Any) -> dict[str, Any]:
    made = {"name": name, "namespace": "a", "uid": uid or f"uid-{name}", "resourceVersion": version, **metadata}
    return {"metadata": made | ({"generation": generation} if generation is not None else {}), "spec": {}}


@pytest.fixture
def writer(tmp_path: Path) -> FolderWriter:
    """A backup with one, two and three."""
    made = FolderWriter(tmp_path, "saved")
    _tier(FakeKube([_lrs("one"), _lrs("two"), _lrs("three", generation=None)])).collect(made, Silent())
    return made


def _tier(kube: FakeKube) -> LrsCollector:
    return LrsCollector(kube, LRS, Selection())  # type: ignore[arg-type]


def _look(kube: FakeKube) -> Look:
    return Look(kube, LRS, Selection())  # type: ignore[arg-type]


def _seen(look: Look) -> dict[str, str]:
    return {each.name: str(each.what) for each in look.seen().changes}


@pytest.mark.parametrize(
    ("now", "wanted", "touched"),
    [
        ([_lrs("one"), _lrs("two"), _lrs("three", generation=None)], {}, 0),
        ([_lrs("one", version="2"), _lrs("two", version="3"), _lrs("three", generation=None)], {}, 2),
        ([_lrs("one", version="2", generation=2), _lrs("two"), _lrs("three", generation=None)], {"one": "changed"}, 0),
        ([_lrs("one"), _lrs("two"), _lrs("three", version="9", generation=None)], {}, 1),
        ([_lrs("one"), _lrs("two")], {"three": "deleted"}, 0),
        ([_lrs("one"), _lrs("two", uid="another"), _lrs("three", generation=None)], {"two": "made anew"}, 0),
        ([_lrs("one"), _lrs("two", deletionTimestamp="x"), _lrs("three", generation=None)], {"two": "deleted"}, 0),
        ([_lrs("one"), _lrs("two"), _lrs("three", generation=None), _lrs("four")], {"four": "made"}, 0),
        ([_lrs("one"), _lrs("two"), _lrs("three", generation=None), _lrs("four", deletionTimestamp="x")], {}, 0),
        ([], dict.fromkeys(("one", "two", "three"), "deleted"), 0),
    ],
)
def test_each_kind_of_change(writer: FolderWriter, now: list[dict[str, Any]], wanted: dict[str, str], touched: int) -> None:
    look = _look(FakeKube(now))
    look.compare(writer)
    assert _seen(look) == wanted
    assert look.seen().touched == touched
    assert look.seen().resource_version == "7"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (UnreachableError("away"), What.GONE),
        (DeniedError("no"), What.GONE),
        (ApiError("odd", status=500), What.GONE),
        (None, What.DELETED),
    ],
)
def test_one_that_is_gone_is_only_called_deleted_where_the_server_says_so(
    writer: FolderWriter, answer: Exception | None, wanted: What
) -> None:
    look = _look(FakeKube([_lrs("one"), _lrs("two")], [None, answer]))
    look.compare(writer)
    assert _seen(look) == {"three": wanted}


def test_of_many_that_are_gone_only_so_many_are_asked_for(writer: FolderWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "ASKED", 1)
    kube = FakeKube()
    look = _look(kube)
    look.compare(writer)
    assert sorted(_seen(look).values()) == ["deleted", "gone", "gone"]
    assert len(kube.asked) == 2


def test_no_other_right_than_list_is_needed(writer: FolderWriter) -> None:
    kube = FakeKube([*THERE[:2], _lrs("four")])
    look = _look(kube)
    assert list(look.fetch(look.compare(writer)))
    assert {verb for verb, _, _ in kube.asked} == {"list"}


def _names(writer: FolderWriter) -> list[str]:
    with writer.reading(INDEX_FILE) as file:
        return [json.loads(line)["name"] for line in gzip.decompress(file.read()).splitlines()]


THERE = [_lrs("one"), _lrs("two"), _lrs("three", generation=None)]


def test_what_was_made_is_taken_in_or_named(writer: FolderWriter) -> None:
    kube = FakeKube([*THERE, _lrs("four"), _lrs("five")], [None, None, DeniedError("not you")])
    tier = _tier(FakeKube(THERE))
    tier.collect(FolderWriter(writer.path.parent, "other"), Silent())
    tier._kube, tier._look = kube, _look(kube)  # type: ignore[assignment]
    facts = tier.confirm(writer, Silent(), take_in=True)
    (missing,) = facts["missing"]
    assert (missing.store, missing.kind, missing.reason) == ("resources", "LRS", "not you")
    (taken,) = {"four", "five"} - {missing.name.partition("/")[2]}
    assert _names(writer)[-1] == taken
    assert facts["objects"] == 4
    assert {each["name"]: each["what"] for each in facts["meanwhile"]["lrs"]} == {
        taken: "taken in",
        missing.name.partition("/")[2]: "made",
    }
    again = tier.confirm(writer, Silent(), take_in=False)
    assert again["objects"] == 4


def test_one_that_is_gone_again_is_not_missed(writer: FolderWriter) -> None:
    kube = FakeKube([*THERE, _lrs("four")])
    look = _look(kube)
    (born,) = look.compare(writer)
    kube.objects.pop(("a", "four"))
    assert list(look.fetch([born])) == []
    assert _seen(look) == {"four": "deleted"}
    assert look.missing == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnreachableError("away"), "away"),
        (DeniedError("no"), "no"),
        (ExpiredError("old", status=410), "the API server gave up its snapshot 3 times before the list was whole"),
        (ApiError("odd", status=500), "odd"),
    ],
)
def test_a_look_that_is_not_answered_is_missing(writer: FolderWriter, error: LrsError, said: str) -> None:
    tier = _tier(FakeKube(THERE, [error] * 3))
    facts = tier.confirm(writer, Silent(), take_in=True)
    (missing,) = facts["missing"]
    assert (missing.kind, missing.reason.rpartition(": ")[2]) == ("look", said)
    assert facts["meanwhile"]["resourceVersion"] == ""


def test_a_list_that_expires_begins_anew(writer: FolderWriter) -> None:
    look = _look(FakeKube([*THERE, _lrs("four")], [ExpiredError("old", status=410)]))
    look.compare(writer)
    assert _seen(look) == {"four": "made"}
