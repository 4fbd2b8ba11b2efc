"""One application of a backup against what is live: what cannot be had or told, and what no side was taken for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.base import Item
from kubectl_lrs.stores.common.mentions import Document
from kubectl_lrs.usecases import diff_application
from kubectl_lrs.usecases.diff_application import LiveApplication, LiveStores, had

A = "65f00001c0ffee0000000001"
IMAGE = "registry.example.com/custom-apps/managed-image:one"


def named(*things: tuple[str, str]) -> Belongings:
    return Belongings(id=A, things=tuple(Belonging(tier=tier, name=name, why="") for tier, name in things))


class _Live(LiveApplication):
    """Nothing is live but what a test says."""

    def _lrs(self) -> Any:
        return iter([Document("lrs", f"ns/app-{A}", {"metadata": {"labels": {}, "annotations": {}}, "spec": {}})])


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(diff_application, "whole", lambda _kube, read: read())

    def made(before: Belongings, *tiers: str, saved: dict[str, list[Item]], **stores: Any) -> _Live:
        module = SimpleNamespace(
            groups=lambda _folder: {"collection custom_applications": 1},
            items=lambda _folder, _groups, only: [each for each in saved.get("any", []) if each.key.decode() in only],
            shown=bytes.decode,
        )
        monkeypatch.setattr(diff_application, "compare_module", lambda _tier: module)
        folder = SimpleNamespace(name="b", catalog=SimpleNamespace(tiers=dict.fromkeys(tiers, None)))
        there = {"documents": "away", "images": None, "storage": "no URL", **stores}
        given = LiveStores(kube=None, resource=None, namespace=None, **there)  # type: ignore[arg-type]
        return _Live(given, folder, before, Silent())  # type: ignore[arg-type]

    return made


def test_what_cannot_be_had_is_named(live: Any) -> None:
    before = named(("mongo", f"custom_applications/{A}"), ("files", "p"))
    found, not_compared = live(before, "mongo", "files", saved={}).compare()
    assert found == []
    assert [(each.part, each.why) for each in not_compared] == [
        ("mongo", "away"), ("images", "b does not hold it"), ("files", "no URL")
    ]  # fmt: skip


def test_an_image_of_which_nobody_tells_is_no_difference(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"one": "sha256:1", "two": "", "three": UnreachableError("away"), "four": "sha256:other"}

    def there(_access: Any, reference: Any, _domain: Any) -> str:
        answer = answers[reference.tag]
        if isinstance(answer, LrsError):
            raise answer
        return str(answer)

    monkeypatch.setattr(diff_application, "digest_there", there)
    access = SimpleNamespace(uses_secrets=False, allowed=["registry.example.com"], domain=lambda _reference: None)
    names = [IMAGE.replace("one", each) for each in answers] + ["other.example.com/a/b:one"]
    saved = {"any": [Item(each.encode(), b"sha256:1") for each in names]}
    found, _ = live(named(*(("images", each) for each in names)), "images", saved=saved, images=access).compare()
    assert [(kind.value, name.rpartition(":")[2]) for kind, name in found[0].differences] == [
        ("changed", "four"),
        ("removed", "two"),
    ]
    assert (found[0].equal, found[0].untold) == (1, 2)


def test_what_is_live_is_found_by_itself(live: Any) -> None:
    assert [each.name for each in live(named(), saved={}).after.things] == [f"ns/app-{A}"]


def test_had() -> None:
    def away() -> str:
        raise LrsError("away", hint="look")

    assert had(lambda: 1) == 1
    assert had(away) == "away (look)"
