"""What is listed in the text that is saved: the quick way says nothing that reading and comparing all would not say."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.clients.kubernetes.answers import Page, page_of
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.diff import Kind
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.manifest import Manifest, loads
from kubectl_lrs.model.recall import Recall
from kubectl_lrs.model.schema import defaults_of, with_defaults
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.diff import difference_data
from kubectl_lrs.stores.lrs import same_text
from kubectl_lrs.stores.lrs.decide import LiveLrs, LrsStep, Rules, decide
from kubectl_lrs.stores.lrs.same_text import SameText
from kubectl_lrs.stores.lrs.saved import BackupSource, sum_of
from kubectl_lrs.usecases.diff import BackupSide, Differ, LiveSide
from tests.builders.fake_kube import LRS, FakeKube
from tests.builders.sealing import Notes

PAGE = 3
SCHEMA = {"properties": {"spec": {"properties": {"size": {"type": "integer", "default": 1}}}}}
"""A default that fills in what is missing, and null."""


def lrs(name: str = "a", *, namespace: str = "n", **spec: Any) -> Manifest:
    """As a server has it."""
    metadata = {"labels": {"datarobot-lrs-type": "app"}, "managedFields": [{"fieldsV1": {"f:spec": {}}}], "name": name}
    return {
        "apiVersion": f"{LRS.group}/{LRS.version}",
        "kind": LRS.kind,
        "metadata": {**metadata, "namespace": namespace, "resourceVersion": "1", "uid": f"{namespace}-{name}"},
        "spec": {"image": "i", "size": 1, **spec},
        "status": {"ready": True},
    }


def text_of(manifest: Manifest) -> str:
    """As a server writes it."""
    return json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)


class Listed(FakeKube):
    """Lists in pages, in the order in which the objects were given; `is_quick`: whether it looks at what is recalled."""

    is_quick = True
    connection = SimpleNamespace(server="s", context="c")

    def __init__(self, objects: Sequence[Manifest]) -> None:
        super().__init__(objects)
        self.unread = 0

    def pages(
        self, _resource: Resource, namespace: str | None = None, *, recall: Recall | None = None, **_: Any
    ) -> Iterator[Page]:
        there = [each for (space, _), each in self.objects.items() if namespace in (None, space)]
        for start in range(0, max(1, len(there)), PAGE):
            items = ",".join(map(text_of, there[start : start + PAGE]))
            answer = f'{{"items":[{items}],"metadata":{{"resourceVersion":"7"}}}}'
            page = page_of(answer.encode(), recall if self.is_quick else None)
            self.unread += len(page.unchanged)
            yield page


class Slow(Listed):
    """Reads all of them."""

    is_quick = False


def source_of(saved: Sequence[Manifest | str]) -> BackupSource:
    """A backup that holds these, in this order."""
    lines = [each if isinstance(each, str) else f"{text_of(each)}\n" for each in saved]
    facts = {"group": LRS.group, "version": LRS.version, "kind": LRS.kind, "plural": LRS.plural, "resourceVersion": "1"}
    selection = {"namespace": None, "types": [], "excludedTypes": [], "leftOutByDefault": [], "selector": ""}
    catalog = SimpleNamespace(
        tiers={"resources": facts},
        has_lrs=True,
        selection=selection,
        origin=None,
        cluster=SimpleNamespace(server="s", context="c"),
    )
    folder: Any = SimpleNamespace(
        catalog=catalog,
        name="saved",
        location="saved",
        has_sums=False,
        lines=lambda _name: iter(lines),
        describe=lambda *_: "saved",
    )
    return BackupSource(folder)


Change = Callable[[Manifest], None]

CHANGES: dict[str, Change] = {
    "nothing": lambda _: None,
    "the version alone": lambda each: each["metadata"].update(resourceVersion="2"),
    "who manages it": lambda each: each["metadata"].update(managedFields=[]),
    "its status": lambda each: each.update(status={"ready": False}),
    "its spec": lambda each: each["spec"].update(image="j"),
    "a default taken away": lambda each: each["spec"].pop("size", None),
    "a default made null": lambda each: each["spec"].update(size=None),
    "a number's kind": lambda each: each["spec"].update(size=1.0),
    "another size": lambda each: each["spec"].update(size=2),
    "a label": lambda each: each["metadata"]["labels"].update(team="x"),
    "empty annotations": lambda each: each["metadata"].update(annotations={}),
    "annotations that read as a key": lambda each: each["metadata"].update(annotations={"name": "zz", "namespace": "n"}),
    "going": lambda each: each["metadata"].update(deletionTimestamp="now"),
    "an object within": lambda each: each["spec"].update(within=[lrs("b"), lrs("c")]),
    "its text within": lambda each: each["spec"].update(within=text_of(lrs("b"))),
    "the order of its fields": lambda each: each.update(spec=each.pop("spec")),
    "letters beyond ASCII": lambda each: each["spec"].update(image="ä\u2028"),
    "more behind all": lambda each: each.update(zz=1),
    "another uid": lambda each: each["metadata"].update(uid="new"),
    "too deep": lambda each: each["spec"].update(deep=_deep()),
}


def _deep() -> Any:
    made: Any = {}
    for _ in range(210):
        made = {"a": made}
    return made


SOME = st.lists(st.sampled_from([name for name in CHANGES if name != "too deep"]), max_size=2)
NAMES = st.permutations("abcdefgh").flatmap(lambda names: st.integers(0, 8).map(lambda count: names[:count]))


@st.composite
def both(draw: st.DrawFn) -> tuple[list[Manifest], list[Manifest]]:
    """What is saved, and what lives: most of it the same, of either some alone, and not always in order."""
    orders: Any = st.sampled_from([sorted, sorted, list])
    saved = {name: _changed(name, draw(SOME)) for name in draw(orders)(draw(NAMES))}
    live = {}
    for name in draw(orders)(draw(NAMES)):
        is_kept = name in saved and draw(st.integers(0, 3)) > 0
        live[name] = copy.deepcopy(saved[name]) if is_kept else _changed(name, draw(SOME))
    return list(saved.values()), list(live.values())


def _changed(name: str, changes: Sequence[str]) -> Manifest:
    made = copy.deepcopy(lrs(name, namespace="m" if name in "ab" else "n"))
    for change in changes:
        CHANGES[change](made)
    return made


def _normalise(manifest: Manifest) -> Manifest:
    filled: Manifest = with_defaults(manifest, defaults_of(SCHEMA))
    return filled


def _steps(kube: Listed, saved: Sequence[Manifest], *, existing: Existing, normalise: Any) -> list[LrsStep]:
    source = source_of(saved)
    live = LiveLrs(kube, LRS, recall=SameText(source.texts))  # type: ignore[arg-type]
    for namespace in ("m", "n"):
        live.look(namespace)
    return [decide(each, live, Rules(existing=existing, normalise=normalise)) for each in source]


@given(both(), st.sampled_from([Existing.SKIP, Existing.UPDATE, Existing.RECREATE]), st.booleans())
def test_a_plan_is_the_same_as_when_all_is_read(
    objects: tuple[list[Manifest], list[Manifest]], existing: Existing, with_default: bool
) -> None:
    saved, live = objects
    normalise = _normalise if with_default else lambda manifest: manifest
    quick, slow = (_steps(kind(live), saved, existing=existing, normalise=normalise) for kind in (Listed, Slow))
    assert quick == slow


def _compared(kube: Listed, saved: Sequence[Manifest], schema: Any) -> tuple[Any, ...]:
    before = BackupSide(source_of(saved), {}, schema)
    found = Differ(before, LiveSide(kube, LRS, None, lambda _: True), Selection(), Notes()).run(difference_data)  # type: ignore[arg-type]
    return found.kept, found.counts, found.equal, found.not_compared, found.being_deleted


@given(both(), st.sampled_from([None, SCHEMA]))
def test_a_comparison_is_the_same_as_when_all_is_read(objects: tuple[list[Manifest], list[Manifest]], schema: Any) -> None:
    saved, live = objects
    assert _compared(Listed(live), saved, schema) == _compared(Slow(live), saved, schema)


def test_what_is_listed_after_its_turn_is_compared_all_the_same() -> None:
    saved, live = [lrs("c"), lrs("d")], [lrs("d"), lrs("c", image="j")]
    kept, counts, equal, *_ = _compared(Listed(live), saved, None)
    assert (len(kept), dict(counts), equal) == (1, {Kind.CHANGED: 1}, 1)


@given(both())
def test_a_list_holds_the_same_objects_in_the_same_texts(objects: tuple[list[Manifest], list[Manifest]]) -> None:
    saved, live = objects
    texts = {sum_of(f"{text_of(each)}\n"): each for each in saved}
    recall = SameText(source_of(saved).texts)
    for quick, slow in zip(Listed(live).pages(LRS, recall=recall), Slow(live).pages(LRS), strict=True):
        assert [text for text, _ in quick.items] == [text for text, _ in slow.items]
        read = [texts[quick.unchanged[n]] if n in quick.unchanged else each for n, (_, each) in enumerate(quick.items)]
        assert read == [each for _, each in slow.items]
        assert (quick.resource_version, quick.next) == (slow.resource_version, slow.next)


def test_what_is_unchanged_is_not_read() -> None:
    objects = [lrs(name) for name in "abcdef"]
    kube = Listed(objects)
    _steps(kube, objects, existing=Existing.SKIP, normalise=_normalise)
    assert kube.unread == len(objects)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "nothing"])
def test_what_was_changed_is_read_and_the_others_are_not(change: str) -> None:
    saved = [lrs(name) for name in "abc"]
    live = copy.deepcopy(saved)
    CHANGES[change](live[1])
    kube = Listed(live)
    assert kube.unread == 0
    (page,) = kube.pages(LRS, recall=SameText(source_of(saved).texts))
    deep = change == "too deep"
    assert (set(page.unchanged), len(page.too_deep)) == ({0, 1} if deep else {0, 2}, int(deep))


def test_what_came_and_went_keeps_nobody_from_finding_the_others() -> None:
    saved, live = [lrs(name) for name in "acdf"], [lrs(name) for name in "bcef"]
    kube = Listed(live)
    pages = list(kube.pages(LRS, recall=SameText(source_of(saved).texts)))
    assert [loads(page.items[n][0])["metadata"]["name"] for page in pages for n in page.unchanged] == ["c", "f"]


def test_what_is_going_is_read_though_the_backup_has_its_text() -> None:
    going = lrs()
    CHANGES["going"](going)
    (page,) = Listed([going]).pages(LRS, recall=SameText(source_of([going]).texts))
    assert not page.unchanged


def test_a_backup_of_another_life_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_text, "LOST", 2)
    objects = [lrs(name) for name in "abcdefgh"]
    live = copy.deepcopy(objects)
    for each in live[:4]:
        each["metadata"]["uid"] = "new"
    kube = Listed(live)
    assert list(kube.pages(LRS, recall=SameText(source_of(objects).texts)))
    assert kube.unread == 0


@pytest.mark.parametrize("line", ["no object\n", "{}{}\n", '{"a":"}\n', "{", f"{text_of(lrs('a'))},{text_of(lrs('b'))}\n"])
def test_what_is_no_object_is_damage_as_ever(line: str) -> None:
    with pytest.raises(DamageError, match="line 1"):
        _steps(Listed([lrs("a"), lrs("b")]), [line, lrs("b")], existing=Existing.SKIP, normalise=_normalise)  # type: ignore[list-item]


def test_what_cannot_be_read_of_the_backup_is_left_to_those_who_must() -> None:
    def broken() -> Iterator[str]:
        yield f"{text_of(lrs('a'))}\n"
        raise DamageError("damaged")

    (page,) = Listed([lrs("a"), lrs("b")]).pages(LRS, recall=SameText(broken))
    assert set(page.unchanged) == {0}
