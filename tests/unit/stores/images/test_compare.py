"""Of an image that could not be looked up nothing is known; one that was missing is no digest's."""

from __future__ import annotations

from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.images.compare import _sum
from kubectl_lrs.stores.images.saved import Entry, State

DIGEST = f"sha256:{'0' * 64}"


def _of(state: State, digest: str = "") -> bytes:
    return _sum(Entry(reference=parse("r.example.com/a:b"), state=state, digest=digest))


def test_what_is_compared() -> None:
    assert _of(State.COPIED, DIGEST) == _of(State.RECORDED, DIGEST) == DIGEST.encode()
    assert _of(State.UNRESOLVED) == b""
    assert _of(State.MISSING) not in (b"", DIGEST.encode())
