"""Errors: each kind ends the process as its document says."""

from __future__ import annotations

import re

import pytest

from kubectl_lrs.model import errors
from kubectl_lrs.model.errors import ApiError, ExitCode, LrsError, UnreachableError, UsageError
from tests.conftest import ROOT

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LrsError)]


def _made(kind: type[LrsError]) -> LrsError:
    return kind("what", status=418, reason="Teapot", hint="do") if issubclass(kind, ApiError) else kind("what", hint="do")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_and_what_to_do_and_how_it_ends(kind: type[LrsError]) -> None:
    error = _made(kind)
    assert (str(error), error.hint) == ("what", "do")
    assert isinstance(error.exit_code, ExitCode)
    assert error.exit_code is not ExitCode.DONE


def test_the_document_has_every_exit_status() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    assert {int(number) for number in re.findall(r"^\| (\d+) ", text, re.MULTILINE)} == {code.value for code in ExitCode}


def test_exit_code_is_that_of_the_kind_unless_it_speaks_for_another() -> None:
    assert LrsError("x").exit_code is ExitCode.FAILED
    assert UsageError("x").exit_code is ExitCode.USAGE
    assert LrsError("x", exit_code=UnreachableError("y").exit_code).exit_code is ExitCode.UNREACHABLE
    assert LrsError("x", exit_code=ExitCode.DONE).exit_code is ExitCode.DONE
    assert LrsError.exit_code is ExitCode.FAILED


def test_hints_are_added() -> None:
    error = ApiError("x", status=500)
    assert error.with_hint("a") is error
    assert error.with_hint("b").hint == "a; b"
    assert str(error) == "x"
