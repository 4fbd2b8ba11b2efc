"""Held against the schema: the server has the last word until it has confirmed that the schema is read right."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    ExistsError,
    InvalidError,
    LrsError,
    MissingRightError,
    NoDryRunError,
    NotFoundError,
    UnreachableError,
)
from kubectl_lrs.stores.lrs.validate import CONFIRMED, Validator
from tests.builders.fake_kube import LRS

SCHEMA = {
    "properties": {
        "spec": {"type": "object", "properties": {"image": {"type": "string"}, "n": {"type": "integer", "default": 1}}},
    }
}
REFUSED = InvalidError("invalid", status=422)


class _Kube:
    def __init__(self, answer: Exception | None) -> None:
        self.asked: list[str] = []
        self._answer = answer

    def create(self, _resource: Any, _manifest: Any, _namespace: str, *, dry_run: bool, validation: str) -> None:
        assert dry_run
        self.asked.append(validation)
        if self._answer:
            raise self._answer


def _lrs(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "a"}, "spec": spec}


def _validator(answer: Exception | None = REFUSED, validation: str = "Strict", schema: Any = SCHEMA) -> tuple[Validator, _Kube]:
    kube = _Kube(answer)
    return Validator(kube, LRS, schema, validation), kube  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("validation", "spec", "refused"),
    [
        ("Strict", {"image": "i"}, False),
        ("Strict", {"foo": 1}, True),
        ("Strict", {"image": 1}, True),
        ("Warn", {"foo": 1}, False),
        ("Warn", {"image": 1}, True),
        ("Ignore", {"foo": 1}, False),
        ("Ignore", {"image": 1}, True),
    ],
)
def test_what_would_be_refused(validation: str, spec: dict[str, Any], refused: bool) -> None:
    validator, _ = _validator(validation=validation)
    assert bool(validator.problem(_lrs(**spec))) is refused
    assert len(list(validator.losses())) == (validation == "Warn" and "foo" in spec)


def test_the_server_is_believed_before_the_schema() -> None:
    for answer in (None, ExistsError("it exists", status=409)):
        validator, kube = _validator(answer)
        assert validator.problem(_lrs(foo=1)) == ""
        assert kube.asked == ["Strict"]


@pytest.mark.parametrize("error", [UnreachableError("it is away"), CredentialsError("who are you?")])
def test_a_server_that_is_away_has_confirmed_nothing(error: LrsError) -> None:
    validator, _ = _validator(error)
    with pytest.raises(type(error)):
        validator.problem(_lrs(foo=1))


OTHERS = [
    MissingRightError("you cannot create it"),
    MissingRightError("exceeded quota"),
    NoDryRunError("w does not support dry run", status=400),
    ApiError("a policy denied it", status=422),
    ApiError("failed calling webhook", status=500),
    ApiError("the server is busy", status=503),
    ConflictError("the quota has been modified", status=409),
    NotFoundError("namespaces n not found", status=404),
]


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_what_is_no_word_of_its_validation_agrees_with_nothing(error: LrsError) -> None:
    """The schema counts alone then, and why that is so is said."""
    untold = f"; the server's own word could not be had: {error}"
    validator, kube = _validator(error)
    for _ in range(3 * CONFIRMED):
        assert validator.problem(_lrs(foo=1)) == f"the target's schema refuses it: spec.foo: unknown field{untold}"
    assert len(kube.asked) == CONFIRMED
    validator, _ = _validator(error, "Warn")
    assert validator.problem(_lrs(foo=1)) == ""
    (loss,) = validator.losses()
    assert loss.message.endswith(f"spec.foo: unknown field{untold}")


def test_it_is_not_asked_for_ever() -> None:
    validator, kube = _validator()
    for _ in range(3 * CONFIRMED):
        assert validator.problem(_lrs(foo=1))
    assert len(kube.asked) == CONFIRMED


def test_without_a_schema_nothing_is_said() -> None:
    validator, kube = _validator(schema=None)
    manifest = _lrs(foo=1)
    assert validator.problem(manifest) == ""
    assert validator.normalise(manifest) is manifest
    assert kube.asked == []
    assert _validator()[0].normalise(_lrs(image="i"))["spec"] == {"image": "i", "n": 1}
