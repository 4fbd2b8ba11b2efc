"""Which LRS a word means: a name, an id, an application's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.usecases import holding
from kubectl_lrs.usecases.holding import applications_of, holds, lacking, resolved

ONE, TWO, GONE = "65f00001c0ffee0000000001", "65f00002c0ffee0000000002", "65f00003c0ffee0000000003"


def _lrs(name: str, namespace: str = "ns", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec}


class _Backup:
    """LRS and documents of custom_applications."""

    name = "b"

    def __init__(self, *objects: dict[str, Any], applications: dict[str, str] | None = None) -> None:
        self._objects = objects
        self.applications = applications or {}
        self.catalog = type("C", (), {"tiers": {"resources": {}, **({"mongo": {}} if applications else {})}})

    def lines(self, _relative: str) -> list[str]:
        return [json.dumps(each) for each in self._objects]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is that of the objects, and documents are as they are given."""
    monkeypatch.setattr(holding, "index", lambda backup: [each["metadata"] for each in backup._objects])
    monkeypatch.setattr(holding, "names_in", lambda backup: backup.applications)


BACKUP: Any = _Backup(
    _lrs(f"app-{ONE}"),
    _lrs("model", deployment=TWO),
    _lrs("twin", "a"),
    _lrs("twin", "b"),
    applications={ONE: "sales", GONE: "lost"},
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        (f"app-{ONE}", f"app-{ONE}"),
        (f"ns/app-{ONE}", f"ns/app-{ONE}"),
        (ONE, f"ns/app-{ONE}"),
        (ONE.upper(), f"ns/app-{ONE}"),
        ("sales", f"ns/app-{ONE}"),
        (TWO, "ns/model"),
        ("twin", "twin"),
        ("a/twin", "a/twin"),
    ],
)
def test_what_a_word_means(word: str, meant: str) -> None:
    assert holds(BACKUP, [word])
    assert resolved(BACKUP, [word]) == [(word, meant)]


@pytest.mark.parametrize("word", ["nobody", "lost", GONE, ONE[:-1], "c/twin", "ns/model2", ""])
def test_what_is_not_there(word: str) -> None:
    assert not holds(BACKUP, [word])
    assert not holds(BACKUP, ["model", word])
    assert resolved(BACKUP, [word]) == [(word, word)], "whoever looks for it says that it is not there"


def test_an_id_of_several_is_not_guessed() -> None:
    backup: Any = _Backup(_lrs(f"a-{ONE}"), _lrs(f"b-{ONE}"))
    with pytest.raises(UsageError, match="is of 2 LRS: ns/a-"):
        resolved(backup, [ONE])
    named: Any = _Backup(_lrs(f"a-{ONE}"), _lrs("b", of=ONE))
    assert resolved(named, [ONE]) == [(ONE, f"ns/a-{ONE}")], "the one that is called so goes before those that speak of it"


def test_a_list_that_cannot_be_read_may_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_backup: Any) -> Any:
        raise DamageError("torn")

    monkeypatch.setattr(holding, "index", broken)
    assert holds(BACKUP, ["x"])


def test_whose_each_is(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = [each["metadata"] for each in BACKUP._objects]
    assert applications_of(BACKUP, objects) == {("ns", f"app-{ONE}"): (ONE, "sales")}
    both = [{"namespace": "ns", "name": f"{ONE}-{GONE}"}]
    assert applications_of(BACKUP, both) == {}, "of two applications"
    alone: Any = _Backup(*BACKUP._objects)
    assert applications_of(alone, objects) == {}, "no documents"

    def damaged(_backup: Any) -> Any:
        raise DamageError("damaged")

    monkeypatch.setattr(holding, "names_in", damaged)
    assert applications_of(BACKUP, objects) == {}


def test_what_is_lacking_is_found_by_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []

    def index(backup: Any) -> list[Any]:
        looks.append(backup)
        return [each["metadata"] for each in backup._objects]

    monkeypatch.setattr(holding, "index", index)
    words = ["model", "nobody", "sales", "a/twin", "c/twin", TWO, GONE]
    assert lacking(BACKUP, words) == [word for word in words if not holds(BACKUP, [word])] == ["nobody", "c/twin", GONE]
    looks.clear()
    assert lacking(BACKUP, [f"name-{n}" for n in range(100)]) == [f"name-{n}" for n in range(100)]
    assert len(looks) == 1


def test_what_cannot_be_read_may_hold_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_backup: Any) -> Any:
        raise DamageError("damaged")

    monkeypatch.setattr(holding, "index", broken)
    assert lacking(BACKUP, ["nobody"]) == []
