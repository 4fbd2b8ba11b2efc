"""What a rehearsal in a registry says of itself: read without trust, and never taken for over where nobody can tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime import process
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images import scratch_runs
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.registry.client import Removal
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError, digest_of
from kubectl_lrs.stores.images.registry.reading import Tags
from kubectl_lrs.stores.images.scratch_runs import LIFE, Mark, Runs

NAME = f"{scratch_runs.PREFIX}20200101000000-{'a' * 16}"
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
MARK = Mark(name=NAME, began=1000.0, process=1, place="elsewhere", who="w", tags={f"{NAME}-0": ONE}, manifests=(ONE, TWO))


class Fake:
    """A registry in memory. `refuses`: what removes nothing there; `trouble`: what a removal ends with."""

    def __init__(self, **tags: str) -> None:
        self.names = {tag.replace("_", "-"): digest for tag, digest in tags.items()}
        self.manifests: dict[str, Manifest] = {}
        self.blobs: dict[str, bytes] = {}
        self.refuses: set[str] = set()
        self.trouble: LrsError | None = None
        self.now = 2000.0

    def tags(self, _repository: str) -> Tags:
        return Tags(frozenset(self.names), self.now)

    def has(self, _repository: str, reference: str) -> bool:
        return reference in self.names or reference in self.names.values()

    def digest_of(self, _repository: str, tag: str) -> str:
        return self.names.get(tag, "")

    def manifest(self, _repository: str, tag: str) -> Manifest:
        if self.names.get(tag) not in self.manifests:
            raise MissingError(tag)
        return self.manifests[self.names[tag]]

    def blob(self, _repository: str, digest: str, _size: int) -> Iterator[bytes]:
        yield self.blobs[digest]

    def push_blob(self, _repository: str, digest: str, _size: int, opener: Any) -> bool:
        self.blobs[digest] = opener().read()
        return True

    def push_manifest(self, _repository: str, tag: str, manifest: Manifest) -> Manifest:
        self.names[tag] = manifest.digest
        self.manifests[manifest.digest] = manifest
        return manifest

    def delete_manifest(self, _repository: str, reference: str) -> tuple[Removal, str]:
        if self.trouble:
            raise self.trouble
        if reference in self.refuses or "all" in self.refuses:
            return Removal.REFUSED, "no"
        self.names = {tag: each for tag, each in self.names.items() if reference not in (tag, each)}
        return Removal.DONE, ""


class _Access(Access):
    """Asks the fake."""

    def __init__(self, fake: Fake) -> None:
        self.stop = Cancel()
        self._fake = fake

    def ask(self, _registry: str, _repository: str, _domain: Any, work: Any, **_options: Any) -> Any:
        return work(self._fake)


def runs(fake: Fake) -> Runs:
    return Runs(_Access(fake), Reference("h", "r"), workers=1)


def announced(mark: Mark = MARK) -> Fake:
    fake = Fake()
    runs(fake).announce(mark)
    fake.names |= mark.tags
    return fake


@pytest.mark.parametrize(
    ("mark", "now", "is_over"),
    [
        (MARK, 2000.0, False),
        (MARK, 1000.0 + LIFE, False),
        (MARK, 1001.0 + LIFE, True),
        (MARK, 0.0, False),
        (replace(MARK, began=0.0), 1e12, False),
        (replace(MARK, has_ended=True), 2000.0, True),
        (replace(MARK, process=os.getpid(), place=process.place()), 2000.0, False),
    ],
)
def test_what_is_over(mark: Mark, now: float, is_over: bool) -> None:
    assert mark.is_over(now) is is_over


def test_all_of_it_goes_and_nothing_else() -> None:
    fake = announced()
    fake.names |= {"theirs": f"sha256:{'3' * 64}"}
    left = runs(fake).remove(MARK)
    assert (left.kept, left.failed, list(fake.names)) == ([], [], ["theirs"])


def test_what_another_tag_names_stays() -> None:
    fake = announced()
    fake.names |= {"theirs": TWO, f"{NAME}-0": f"sha256:{'3' * 64}"}  # theirs, and one of ours that was moved
    assert runs(fake).remove(MARK).kept == [f"{TWO} stays: theirs names it too"]
    assert set(fake.names) == {"theirs", f"{NAME}-0"}


def test_what_failed_keeps_the_mark_for_the_next() -> None:
    fake = announced()
    fake.trouble = UnreachableError("away")
    assert len(runs(fake).remove(MARK).failed) == 2
    assert NAME in fake.names


def test_a_mark_that_has_to_stay_says_that_the_run_is_over() -> None:
    fake = announced()
    assert runs(fake).at_work() == ["w"]
    fake.refuses.add("all")
    assert len(runs(fake).remove(MARK).kept) == 3
    assert runs(fake).at_work() == []
    assert list(runs(fake).sweep()) == [
        f"of what an earlier rehearsal has left 3 manifests stay: h/r:{NAME}: {ONE} stays: the registry does not remove it: no"
    ]
    fake.refuses.clear()
    assert list(runs(fake).sweep()) == [f"removed h/r:{NAME}, which a killed rehearsal has left"]
    assert fake.names == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": f"{scratch_runs.PREFIX}20200101000000-{'b' * 16}"},
        {"tags": {"latest": ONE}},
        {"tags": {NAME: ONE}},
        {"tags": {f"{NAME}-0": "x"}},
        {"manifests": ["../x"]},
        {"manifests": 5},
        {"tags": []},
        {"process": "x"},
        {"who": None, "began": None},
    ],
)
def test_a_mark_that_is_none_leads_to_nothing(wrong: dict[str, Any]) -> None:
    fake = announced()
    data = json.dumps({**asdict(replace(MARK, has_ended=True)), **wrong}).encode()
    for digest in fake.blobs:
        fake.blobs[digest] = data
    before = dict(fake.names)
    assert list(runs(fake).sweep()) == [
        f"h/r:{NAME} has the name of a rehearsal's, and nothing says what one has made: left alone"
    ]
    assert fake.names == before


def test_what_has_another_name_is_not_looked_at() -> None:
    assert list(runs(Fake(latest=ONE, lrs_rehearsal_x=TWO)).sweep()) == []
    assert digest_of(b"") not in runs(Fake(latest=ONE)).there([ONE, TWO])
    assert runs(Fake(latest=ONE)).there([ONE, TWO]) == {ONE}
    assert runs(Fake()).now() == 2000.0
