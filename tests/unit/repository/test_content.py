"""Reading what a backup holds: what is no gzip, or never ends, is damage."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

import pytest

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository import content


class _Held:
    """One file."""

    name = "saved"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def describe(self, relative: str = "") -> str:
        return f"saved/{relative}"

    def paths(self, prefix: str = "") -> list[str]:
        return [prefix]

    @contextmanager
    def reading(self, _relative: str) -> Iterator[BinaryIO]:
        yield BytesIO(self._data)


def test_lines_of_several_members() -> None:
    data = gzip.compress(b"a\nb\n") + gzip.compress(b"c\n")
    assert list(content.lines_of(_Held(data), "lrs.raw.jsonl.gz")) == ["a\n", "b\n", "c\n"]


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"a\n")[:-4], gzip.compress(b"\xff\xfe\n"), gzip.compress(b"a\n") + b"rest", b"\x1f\x8b\x08"],
    ids=["another format", "cut off", "no text", "more behind it", "only its first bytes"],
)
def test_damaged(data: bytes) -> None:
    with pytest.raises(DamageError, match=r"saved/lrs\.raw\.jsonl\.gz: damaged: "):
        list(content.lines_of(_Held(data), "lrs.raw.jsonl.gz"))


def test_line_without_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_LINE", 1 << 20)
    with pytest.raises(DamageError, match="a line is longer than 1 MiB"):
        list(content.lines_of(_Held(gzip.compress(b"x" * (2 << 20))), "lrs.raw.jsonl.gz"))
