"""Whether output has colours, and which."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from kubectl_lrs.model.report import Result
from kubectl_lrs.render import colour


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    colour.choose(colour.AUTO)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("mode", "terminal", "environment", "wanted"),
    [
        (colour.AUTO, True, {}, True),
        (colour.AUTO, False, {}, False),
        (colour.AUTO, True, {"NO_COLOR": "1"}, False),
        (colour.AUTO, True, {"NO_COLOR": ""}, True),
        (colour.AUTO, True, {"TERM": "dumb"}, False),
        (colour.ALWAYS, False, {"NO_COLOR": "1"}, True),
        (colour.NEVER, True, {}, False),
    ],
)
def test_when(mode: str, terminal: bool, environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    colour.choose(mode)
    assert colour.is_on(_Terminal() if terminal else io.StringIO()) is wanted


def test_the_word_that_a_line_begins_with() -> None:
    assert colour.message("error: no error: here") == f"\x1b[{colour.RED}merror:\x1b[0m no error: here"
    for plain in ("errors: x", "an error: x", "", "error"):
        assert colour.message(plain) == plain


def test_padding_is_no_part_of_a_coloured_cell() -> None:
    assert colour.cell("failed  ") == f"\x1b[{colour.RED}mfailed\x1b[0m  "
    assert colour.cell("not failed ") == "not failed "
    assert colour.paint("", colour.RED) == ""
    assert colour.paint("x", "") == "x"


@pytest.mark.parametrize("result", [Result.FAILED, Result.CONFLICT, Result.NOT_TRIED, Result.NOT_READY, Result.NOT_CHECKED])
def test_what_is_not_done_is_never_green(result: Result) -> None:
    assert colour.WORDS[result.value] in (colour.RED, colour.YELLOW)
