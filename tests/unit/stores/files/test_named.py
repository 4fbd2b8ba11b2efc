"""How a path may be written out in full: the same without going through each name of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.stores.files.named import Named, Spelling, readings
from kubectl_lrs.stores.files.storage import Storage

ROOTS = (
    ("p", "bucket/p", "s3://bucket/p", "s3a://bucket/p"),
    ("", "bucket", "s3://bucket", "s3a://bucket"),
    ("x:", "bucket/x:", "s3://bucket/x:", "s3a://bucket/x:"),
    ("/mnt/storage", "file:///mnt/storage"),
    ("/", "file:///"),
    ("",),
)
_PATHS = st.text(st.sampled_from("ab:/.+-"), max_size=12) | st.text(st.characters(codec=None), max_size=6)


def _storage(roots: tuple[str, ...]) -> Storage:
    backend = Memory()
    backend.roots = roots
    return Storage(backend)


@given(st.sampled_from(ROOTS), _PATHS)
def test_every_way_to_write_a_path_out_and_none_twice(roots: tuple[str, ...], path: str) -> None:
    names = _storage(roots).names
    each_by_itself = [next(readings(name), "") for name in names(path)]
    assert list(dict.fromkeys(Spelling(names).full(path))) == list(dict.fromkeys(each_by_itself))


@pytest.mark.parametrize("roots", ROOTS)
def test_what_is_named_in_full_is_known(roots: tuple[str, ...]) -> None:
    names = _storage(roots).names
    named = Named(["a/b", "c"], 2, names)
    assert all(text in named for path in ("a/b", "c") for text in Spelling(names).full(path))
    assert named.folders == {"a"}
