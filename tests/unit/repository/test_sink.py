"""What is written bit by bit: its size, its sum, and gzip that is the same each time."""

from __future__ import annotations

import gzip
import hashlib
import io

import pytest

from kubectl_lrs.repository.sink import SummingSink


class Kept(SummingSink):
    """Keeps what it took."""

    def __init__(self, *, compressed: bool = False, before: bytes = b"") -> None:
        self.data = b""
        super().__init__(compressed=compressed, before=io.BytesIO(before))

    def _take(self, data: bytes) -> None:
        self.data += data


def written(*pieces: bytes, compressed: bool = False, before: bytes = b"") -> Kept:
    sink = Kept(compressed=compressed, before=before)
    assert [sink.write(each) for each in pieces] == [len(each) for each in pieces]
    sink.close()
    assert (sink.size, sink.digest) == (len(sink.data), hashlib.sha256(sink.data).hexdigest())
    return sink


@pytest.mark.parametrize("pieces", [(), (b"",), (b"a", b"", b"bc"), (bytes(3 << 20),)])
def test_what_was_written(pieces: tuple[bytes, ...]) -> None:
    assert written(*pieces).data == b"".join(pieces)
    packed = written(*pieces, compressed=True)
    assert gzip.decompress(packed.data) == b"".join(pieces)
    assert packed.data == written(*pieces, compressed=True).data, "it has no time in it"


def test_more_behind_what_is_packed_already() -> None:
    before = written(b"one\n", compressed=True)
    after = written(b"two\n", compressed=True, before=before.data)
    assert after.data.startswith(before.data)
    assert gzip.decompress(after.data) == b"one\ntwo\n"
