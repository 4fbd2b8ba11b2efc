"""Lists whose snapshot the server has given up are begun anew, and not for ever; whoever may not list all is told what helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.lists import LISTS, everywhere, whole
from kubectl_lrs.model.errors import DeniedError, ExpiredError, LrsError, UnreachableError
from tests.builders.fake_kube import FakeKube

EXPIRED = ExpiredError("too old", status=410)
KUBE: Any = FakeKube()


class Reading:
    """One that fails so often before it is whole."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "whole"


def test_a_snapshot_that_is_lost_is_read_anew_after_what_was_left_is_taken_back() -> None:
    reading, back = Reading(EXPIRED, EXPIRED), list[Exception]()
    assert whole(KUBE, reading, before_again=back.append) == "whole"
    assert (reading.count, back) == (3, [EXPIRED, EXPIRED])


def test_it_ends() -> None:
    reading, back = Reading(*[EXPIRED] * 9), list[Exception]()
    with pytest.raises(UnreachableError, match="gave up its snapshot 3 times before all was well"):
        whole(KUBE, reading, what="all was well", before_again=back.append)
    assert (reading.count, len(back)) == (LISTS.attempts, LISTS.attempts - 1)


@pytest.mark.parametrize("error", [DeniedError("no"), LrsError("no"), UnreachableError("no"), ValueError("no")])
def test_nothing_else_is_a_reason_to_begin_anew(error: Exception) -> None:
    reading = Reading(error)
    with pytest.raises(type(error), match="no"):
        whole(KUBE, reading)
    assert reading.count == 1


@pytest.mark.parametrize(
    ("namespace", "given", "hint"), [(None, "", "-n"), (None, "ask Bob", "ask Bob"), ("n", "", ""), ("", "", "")]
)
def test_one_namespace_is_enough(namespace: str | None, given: str, hint: str) -> None:
    def pages() -> Iterator[int]:
        with everywhere(namespace):
            yield 1
            raise DeniedError("no", hint=given)

    with pytest.raises(DeniedError) as caught:
        list(pages())
    assert hint in caught.value.hint
    assert bool(caught.value.hint) == bool(hint)
