"""Paths that are no UTF-8 come back as they are."""

from __future__ import annotations

from kubectl_lrs.stores.files.compare import shown


def test_a_path_that_is_no_text() -> None:
    assert shown(b"a/\xff").encode("utf-8", "surrogateescape") == b"a/\xff"
