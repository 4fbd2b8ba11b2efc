"""The one door of text: nothing that a stream does reaches whoever writes."""

from __future__ import annotations

import errno
import os
import re
import threading
from pathlib import Path

import pytest

from kubectl_lrs.runtime.streams import Sink, Stream

PACKAGE = Path(__file__).resolve().parents[3] / "kubectl_lrs"


@pytest.fixture
def pipe() -> tuple[int, int]:
    """(reader, writer)."""
    return os.pipe()


def test_all_of_it_is_written_without_a_flush(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stream = Stream(Sink(writer), "utf-8")
    stream.write("é\n")
    stream.write("no end of a line")
    assert os.read(reader, 100).decode() == "é\nno end of a line"
    assert stream.sink.error is None


def test_a_reader_that_is_gone_is_kept_as_the_error_and_raises_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stream = Stream(Sink(writer), "utf-8")
    os.close(reader)
    for _ in range(3):
        stream.write("text\n")
        stream.flush()
    assert stream.sink.error is not None
    assert stream.sink.error.errno == errno.EPIPE


def test_once_dropped_it_stays_so() -> None:
    """Half of an answer behind a gap would look like all of it."""
    full = os.open("/dev/full", os.O_WRONLY)
    stream = Stream(Sink(full), "utf-8")
    stream.write("lost")
    first = stream.sink.error
    assert first is not None
    assert first.errno == errno.ENOSPC
    os.dup2(os.open(os.devnull, os.O_WRONLY), full)
    stream.write("now there would be room")
    assert stream.sink.error is first


def test_one_that_was_closed_is_no_error_until_something_is_written() -> None:
    sink = Sink(1, is_open=False)
    stream = Stream(sink, "utf-8")
    stream.write("")
    assert sink.error is None
    stream.write("text")
    assert sink.error is not None
    assert sink.error.errno == errno.EBADF
    assert not stream.isatty()


def test_a_reader_that_is_slow_gets_all_of_it(pipe: tuple[int, int]) -> None:
    """Also where the descriptor answers that it would block, as a terminal does that somebody else has set so."""
    reader, writer = pipe
    os.set_blocking(writer, False)
    text, got = "x" * (1 << 20), bytearray()

    def read() -> None:
        while len(got) < len(text):
            got.extend(os.read(reader, 1 << 16))

    thread = threading.Thread(target=read)
    thread.start()
    Stream(Sink(writer), "utf-8").write(text)
    thread.join(30)
    assert bytes(got).decode() == text


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("utf-8", "modèle 模型", "modèle 模型".encode()),
        ("latin-1", "modèle 模型", b"mod\xe8le \\u6a21\\u578b"),
        ("ascii", "modèle", b"mod\\xe8le"),
        ("utf-8", "\udc80", b"\\udc80"),
    ],
)
def test_what_the_encoding_cannot_say_is_an_escape(pipe: tuple[int, int], encoding: str, text: str, expected: bytes) -> None:
    reader, writer = pipe
    Stream(Sink(writer), encoding).write(text)
    assert os.read(reader, 100) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_data_is_utf_8_whatever_the_encoding(pipe: tuple[int, int], encoding: str) -> None:
    reader, writer = pipe
    Stream(Sink(writer), encoding).write_data('{"label": "模型"}')
    assert os.read(reader, 100).decode() == '{"label": "模型"}'


DOORS = {"render/output.py", "runtime/streams.py"}
"""Where text goes out; what asks a question writes it by click, through the same streams."""


def test_nobody_else_writes() -> None:
    """`print` and the like raise where a stream is gone, and know nothing of what was done."""
    call = re.compile(r"(?:^|[ \n(])(?:click\.echo|print|sys\.std(?:out|err)\.(?:write|flush))\(")
    assert call.search("\n    print(1)"), "it finds what it looks for"
    paths = [path for path in PACKAGE.rglob("*.py") if str(path.relative_to(PACKAGE)) not in DOORS]
    assert [str(path) for path in paths if call.search(path.read_text())] == []
