"""The failures that are expected, each with its exit code and a hint. Must not import anything of the project.

An `LrsError` reaches the user as one line (plus the hint); any other exception is a bug.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class ExitCode(IntEnum):
    """What the process ends with; the table of `docs/exit-codes.md`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    DIFFERENCE = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


class LrsError(Exception):
    """Something failed. `str(error)` says what and to which object, `hint` what to do about it.

    `exit_code` is that of its kind, unless it speaks for another failure, whose code it then takes.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def word(self) -> str:
        """The kind of failure in a word, for programs."""
        return self.exit_code.name.capitalize()

    def with_hint(self, more: str) -> Self:
        """The same failure, and what else can be done about it: whoever passes it on may know more."""
        self.hint = f"{self.hint}; {more}" if self.hint else more
        return self


class UsageError(LrsError):
    """The command line or a file that it names is wrong; nothing was done."""

    exit_code = ExitCode.USAGE


class DamageError(LrsError):
    """A backup is not what it was when it was sealed."""

    exit_code = ExitCode.DIFFERENCE


class UnreachableError(LrsError):
    """A server could not be reached, or what answered is not one."""

    exit_code = ExitCode.UNREACHABLE


class DeniedError(LrsError):
    """The server refused the credentials, or they lack a right. `causes`: the API's own words for why, where it gives any."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode | None = None, causes: Collection[str] = ()) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.causes = frozenset(causes)


class MissingRightError(DeniedError):
    """The Kubernetes API does not allow it to this user."""


class CredentialsError(DeniedError):
    """The credentials were refused, or none could be had: nothing else will succeed either."""


class NothingFoundError(LrsError):
    """What was asked for fits nothing that is there; nothing was made."""

    exit_code = ExitCode.PARTIAL


class InterruptedRunError(LrsError):
    """SIGINT, SIGTERM or SIGHUP ended the run; what was begun has been put away."""

    exit_code = ExitCode.INTERRUPTED


class DeclinedError(InterruptedRunError):
    """The user was asked, and said no; nothing was done."""

    @property
    def word(self) -> str:
        """In a word."""
        return "Declined"


class ApiError(LrsError):
    """The Kubernetes API answered with a Status. `status` is the HTTP code, `reason` the API's word for it."""

    def __init__(self, message: str, *, status: int, reason: str = "", hint: str = "", exit_code: ExitCode | None = None) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.status = status
        self.reason = reason


class NotFoundError(ApiError):
    """404, with the API's own word: the object that was asked for does not exist, or the one that it would be in."""


class NotServedError(ApiError):
    """404 to a path that the server does not serve: it says nothing of any object."""


class InvalidError(ApiError):
    """The server's own validation does not take the object: it is not as its schema wants it, or cannot be decoded so."""


class ConflictError(ApiError):
    """409: the object exists already, or changed since it was read; or a quota or a webhook was at odds with somebody."""


class ExistsError(ConflictError):
    """409, with the API's own word: an object of this name exists."""


class NoDryRunError(ApiError):
    """A webhook that may have side effects keeps the server from trying a write: it says nothing of the write itself."""


class ExpiredError(ApiError):
    """410: the continue token of a LIST is too old; the list begins anew."""
