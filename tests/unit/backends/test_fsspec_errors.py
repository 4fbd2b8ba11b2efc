"""The libraries' words for a failure, as errors of ours."""

from __future__ import annotations

import pytest
import requests
from urllib3.exceptions import MaxRetryError

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError, PassingError
from kubectl_lrs.backends.fsspec_errors import refuse
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError, UsageError


class HttpError(Exception):
    """As several libraries have one."""

    def __init__(self, status: int, text: str = "no") -> None:
        super().__init__(text)
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("x"), KeyNotFoundError),
        (HttpError(404), UnreachableError),
        (PermissionError("x"), DeniedError),
        (HttpError(401), DeniedError),
        (HttpError(403), DeniedError),
        (RuntimeError("DefaultCredentialsError: none"), DeniedError),
        (FileExistsError("x"), KeyExistsError),
        (IsADirectoryError("x"), KeyExistsError),
        (HttpError(412), KeyExistsError),
        (RuntimeError("FileAlreadyExistsException"), KeyExistsError),
        (RuntimeError("The DiskSpace quota of /x is exceeded"), NoSpaceError),
        (RuntimeError("could only be written to 0 of the 1 minReplication nodes"), NoSpaceError),
        (HttpError(507), NoSpaceError),
        (HttpError(503), PassingError),
        (ConnectionError("x"), PassingError),
        (ValueError("x"), UsageError),
        (TypeError(), UsageError),
    ],
)
def test_each(error: Exception, kind: type[LrsError]) -> None:
    with pytest.raises(LrsError) as caught:
        refuse(error, "webhdfs://h/x: a", ())
    assert type(caught.value) is kind
    assert "webhdfs://h/x: a" in str(caught.value)


def test_no_secret_is_shown() -> None:
    with pytest.raises(UnreachableError) as caught:
        refuse(ConnectionError("at http://h/x?delegation=abcdef&op=OPEN with very-secret"), "gs://b", ("very-secret",))
    assert "very-secret" not in str(caught.value)
    assert "abcdef" not in str(caught.value)


def test_what_a_connection_failed_by_is_said_in_a_few_words() -> None:
    error = requests.ConnectionError(MaxRetryError(None, "/webhdfs/v1/x", OSError(111, "Connection refused")))  # type: ignore[arg-type]
    with pytest.raises(PassingError) as caught:
        refuse(error, "webhdfs://h/x: a", ())
    assert str(caught.value) == "webhdfs://h/x: a: cannot be reached: Connection refused"
