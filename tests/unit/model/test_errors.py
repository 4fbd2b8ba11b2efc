"""What an expected failure carries."""

from __future__ import annotations

from kubectl_lrs.model.errors import ApiError, ExitCode, LrsError, UnreachableError, UsageError


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
