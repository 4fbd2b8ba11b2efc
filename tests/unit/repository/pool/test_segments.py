"""Names and lists of segments, which others may have written."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from kubectl_lrs.backends.base import put
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.repository.pool import segments
from kubectl_lrs.repository.pool.layout import segment_list
from kubectl_lrs.repository.pool.segments import Head, parts_of, read_list, require_name

RUN = "0123456789abcdef" * 2
NAME = f"{RUN}-3"


def _holding(data: bytes) -> Memory:
    memory = Memory()
    put(memory, segment_list(RUN, 3), data)
    return memory


def test_a_name_says_its_run_and_number() -> None:
    require_name(NAME)
    assert parts_of(NAME) == (RUN, 3)


@pytest.mark.parametrize("name", ["", RUN, f"{RUN}-", f"{RUN}-03", f"{RUN}-1\n", f"{RUN}-1234567890", f"../{NAME}", NAME.upper()])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a segment"):
        require_name(name)


def test_a_list_is_what_it_was_made_as() -> None:
    data = gzip.compress(b'{"about": "files"}\n{"path": "a"}\n{"path": "b"}\n')
    digest = hashlib.sha256(data).hexdigest()
    memory = _holding(data)
    assert read_list(memory, NAME) == ("files", [b'{"path": "a"}', b'{"path": "b"}'], digest)
    assert read_list(memory, NAME, digest)[2] == digest
    with pytest.raises(DamageError, match="its sum is not the one that it was made with"):
        read_list(memory, NAME, "0" * 64)


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", *map(gzip.compress, [b"", b"[]\n", b"{}\n", b"{\n", b"[" * 10_000, bytes(10_001)])],
    ids=["empty", "no gzip", "nothing", "an array", "about nothing", "no JSON", "deep", "a bomb"],
)
def test_what_is_no_list(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MAX_LIST", 10_000)
    with pytest.raises(DamageError):
        read_list(_holding(data), NAME)


def test_a_list_that_is_not_there() -> None:
    with pytest.raises(LrsError, match="there is no such segment"):
        read_list(Memory(), NAME)


def test_a_mark_begins_with_what_it_is_about() -> None:
    assert Head("files", NAME, "0" * 64, 2, 30).serialise() == (
        f'{{"about": "files", "segment": "{NAME}", "list_sha256": "{"0" * 64}", "objects": 2, "size": 30}}'.encode()
    )
