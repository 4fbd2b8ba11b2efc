"""What goes together with --app and what does not; which parts hold something of an application."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.commands.restore_app import lines, look_again, own_lrs, replaces, tiers_of
from kubectl_lrs.commands.restore_parts import refuse_contradictions
from kubectl_lrs.commands.shared import OneApplication, Selecting
from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files.flags import RestoreOptions as FilesOptions
from kubectl_lrs.stores.images.flags import RestoreOptions as ImagesOptions
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.stores.mongo.flags import RestoreOptions as MongoOptions

ONLY = Belongings(
    id="a1",
    things=(
        Belonging(tier="resources", name="n/a", why=""),
        Belonging(tier="resources", name="n/b", why="", others=("churn",)),
        Belonging(tier="images", name="i", why=""),
    ),
    untold=("it holds no files",),
)


def given(*options: Any) -> Any:
    there = {type(each): each for each in options}
    return SimpleNamespace(of=lambda kind: there.get(kind) or kind())


def backup(*tiers: str) -> Any:
    return SimpleNamespace(name="b", catalog=SimpleNamespace(tiers={each: {} for each in ("resources", *tiers)}, has_lrs=True))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((OneApplication(app="a"), MongoOptions(ids=("c/1",))), "--mongo-id names documents"),
        ((OneApplication(app="a"), MongoOptions(only=("c",))), "says nothing with --app"),
        ((OneApplication(app="a"), MongoOptions(existing=Existing.DROP)), "and --app means some documents"),
        ((MongoOptions(ids=("c/1",), existing=Existing.DROP),), "and --mongo-id means some documents"),
        ((MongoOptions(existing=Existing.REPLACE),), "for the documents of --app or --mongo-id"),
        ((OneApplication(app="a"), Selecting(types=("t",))), "choose LRS"),
    ],
)
def test_what_does_not_go_together(options: tuple[Any, ...], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        refuse_contradictions(given(*options))


@pytest.mark.parametrize(
    "options",
    [
        (),
        (MongoOptions(existing=Existing.DROP),),
        (OneApplication(app="a"), MongoOptions(existing=Existing.REPLACE)),
        (MongoOptions(ids=("c/1",), existing=Existing.REPLACE),),
    ],
)
def test_what_does(options: tuple[Any, ...]) -> None:
    refuse_contradictions(given(*options))


def test_the_parts_that_hold_something() -> None:
    assert own_lrs(ONLY) == ("n/a",)
    assert tiers_of((), backup("mongo", "images"), ONLY) == ["images", "resources"]
    assert tiers_of(("images",), backup("images"), ONLY) == ["images"]
    with pytest.raises(UsageError, match="--tier mongo: b holds nothing there of application a1"):
        tiers_of(("mongo",), backup("mongo", "images"), ONLY)
    with pytest.raises(UsageError, match="holds nothing of application a2"):
        tiers_of((), backup("images"), Belongings(id="a2"))


def test_what_is_said_of_it() -> None:
    assert list(lines(ONLY)) == [
        "warning: of application a1 the backup does not tell all: it holds no files",
        "warning: LRS n/b is shared with churn: it is left alone",
    ]


def test_where_nothing_is_replaced_nothing_live_is_read() -> None:
    options = given(ImagesOptions(existing=Existing.REPLACE), FilesOptions())
    assert replaces(options, ["images", "files"]) == ["--images-existing"]
    assert replaces(options, ["files"]) == []
    assert look_again(given(), backup(), ONLY, ["images", "resources"], SimpleNamespace(), Silent()) is None  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--images-existing replace with --app needs the documents"):
        look_again(options, backup("images"), ONLY, ["images"], SimpleNamespace(), Silent())  # type: ignore[arg-type]


@pytest.mark.parametrize(("selected", "lrs"), [("old", "new"), (None, None)], ids=["of one namespace", "of all"])
def test_who_shares_it_is_looked_for_where_it_goes_to(
    monkeypatch: pytest.MonkeyPatch, selected: str | None, lrs: str | None
) -> None:
    class LookedError(Exception):
        """Where."""

    def looked(_kube: Any, namespace: str | None, home: str, *_more: Any) -> None:
        raise LookedError(namespace, home)

    monkeypatch.setattr("kubectl_lrs.commands.restore_app.live_documents", looked)
    folder = backup("mongo", "images")
    folder.catalog.selection = {"namespace": selected}
    kube: Any = SimpleNamespace(connection=SimpleNamespace(namespace="old"))
    options = given(ImagesOptions(existing=Existing.REPLACE), RestoreFlags(maps=("old=new",)))
    looks = look_again(options, folder, ONLY, ["images"], kube, Silent())
    assert looks
    with pytest.raises(LookedError) as caught:
        looks()
    assert caught.value.args == (lrs, "new")


@pytest.mark.parametrize(
    ("tiers", "held", "looked"),
    [
        (["resources"], ("mongo",), "live_lrs"),
        (["resources"], (), "live_lrs"),
        (["mongo", "resources"], ("mongo",), "live_documents"),
    ],
)
def test_lrs_that_are_to_change_are_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, tiers: list[str], held: tuple[str, ...], looked: str
) -> None:
    """By the documents where these are restored, else by what LRS themselves say."""

    class LookedError(Exception):
        """By what."""

    def look(name: str) -> Any:
        def begin(*_arguments: Any) -> None:
            raise LookedError(name)

        return begin

    for name in ("live_lrs", "live_documents"):
        monkeypatch.setattr(f"kubectl_lrs.commands.restore_app.{name}", look(name))
    folder = backup(*held)
    folder.catalog.selection = {"namespace": "old"}
    kube: Any = SimpleNamespace(connection=SimpleNamespace(namespace="old"))
    for existing in (Existing.UPDATE, Existing.REPLACE, Existing.RECREATE):
        looks = look_again(given(RestoreFlags(existing=existing)), folder, ONLY, tiers, kube, Silent())
        assert looks
        with pytest.raises(LookedError, match=looked):
            looks()
    assert look_again(given(RestoreFlags(existing=Existing.FAIL)), folder, ONLY, tiers, kube, Silent()) is None
