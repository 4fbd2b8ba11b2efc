"""Deleting one very object: asked again only where it is not known whether it was done."""

from __future__ import annotations

import pytest

from kubectl_lrs.clients.kubernetes.answers import UnansweredError
from kubectl_lrs.model.errors import ApiError, ConflictError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.retry import Policy
from kubectl_lrs.stores.common import deleting
from kubectl_lrs.stores.common.deleting import TRIES, Doubt, delete_this, may_be_done
from tests.builders.fake_kube import LRS, FakeKube

THING = {"metadata": {"namespace": "n", "name": "a"}}
UNANSWERED = UnansweredError("no answer")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleting, "POLICY", Policy(attempts=TRIES, first=0.0))


def _delete(kube: FakeKube) -> bool:
    return delete_this(kube, LRS, "n", "a", uid="u")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "may_be"),
    [
        (UNANSWERED, True),
        *((ApiError("x", status=status), True) for status in (500, 502, 504)),
        *((ApiError("x", status=status), False) for status in (400, 403, 404, 409, 422, 429, 503)),
        (UnreachableError("not sent"), False),
        (LrsError("x"), False),
    ],
)
def test_whether_a_write_that_failed_may_have_been_done(error: LrsError, may_be: bool) -> None:
    assert may_be_done(error) is may_be


def test_what_is_gone_already_is_what_was_wanted() -> None:
    assert _delete(FakeKube([THING]))
    assert _delete(FakeKube())


def test_it_is_asked_again_where_nobody_knows() -> None:
    kube = FakeKube([THING], [UNANSWERED, ApiError("gateway", status=502)])
    assert _delete(kube)
    assert len(kube.asked) == 3
    done = FakeKube(answers=[UNANSWERED])
    assert _delete(done), "it had been done"


def test_an_end_is_made_of_it() -> None:
    kube = FakeKube([THING], [UNANSWERED] * 9)
    with pytest.raises(UnansweredError):
        _delete(kube)
    assert len(kube.asked) == TRIES


@pytest.mark.parametrize("error", [DeniedError("no"), ConflictError("another uid", status=409), UnreachableError("away")])
def test_what_surely_was_not_done_is_not_repeated(error: LrsError) -> None:
    kube = FakeKube([THING], [error])
    with pytest.raises(type(error)):
        _delete(kube)
    assert len(kube.asked) == 1


def test_doubt_lasts_and_makes_every_later_refusal_worth_a_look() -> None:
    doubt, refused = Doubt(), DeniedError("no")
    assert not doubt(refused)
    assert doubt(ConflictError("another was faster", status=409))
    assert not doubt.is_unsure, "a conflict was surely not done"
    assert doubt(UNANSWERED)
    assert doubt.is_unsure
    assert doubt(refused), "because the one before may have been done"
    assert not doubt(KeyError("a bug of ours"))
