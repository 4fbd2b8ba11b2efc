"""Of an image that could not be looked up nothing is known; one that was missing is no digest's."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.images import compare, saved
from kubectl_lrs.stores.images.compare import _sum
from kubectl_lrs.stores.images.find import Image
from kubectl_lrs.stores.images.saved import Level, SavedImage, State

DIGEST = f"sha256:{'0' * 64}"


def _of(state: State, digest: str = "") -> bytes:
    return _sum(SavedImage(reference=parse("r.example.com/a:b"), state=state, digest=digest))


def test_what_is_compared() -> None:
    assert _of(State.COPIED, DIGEST) == _of(State.RECORDED, DIGEST) == DIGEST.encode()
    assert _of(State.UNRESOLVED) == b""
    assert _of(State.MISSING) not in (b"", DIGEST.encode())


@pytest.mark.parametrize(("only", "names"), [(None, ["r/a:1", "r/b:1"]), ({"r.example.com/b:1"}, ["r/b:1"]), (set(), [])])
def test_of_which_images(only: set[str] | None, names: list[str]) -> None:
    references = [parse("r.example.com/a:1"), parse("r.example.com/b:1")]
    entries = {SavedImage(reference=each, state=State.COPIED, digest=DIGEST): Image(each) for each in references}
    data = saved.serialise(entries, level=Level.COPY, instant="", undecided=[], undecided_count=0, left_out=[])
    catalog = SimpleNamespace(tiers={saved.TIER: {}})
    folder: Any = SimpleNamespace(catalog=catalog, describe=str, reading=lambda _path: io.BytesIO(data))
    found = [compare.shown(each.key).replace(".example.com", "") for each in compare.items(folder, frozenset(), only)]
    assert found == names
    assert compare.groups(folder) == {"": 2}
