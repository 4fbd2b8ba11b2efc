"""Fingerprints of encryption keys: the same key has them, another has not, and "cannot tell" is never "the same"."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_lrs.model.errors import ApiError, DeniedError
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.stores.mongo import keys
from kubectl_lrs.stores.mongo.keys import COST, KEYS, SECRET, KeySource
from tests.builders.fake_kube import FakeKube


def _secret(**values: str) -> dict[str, Any]:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    return {"metadata": {"namespace": "n", "name": SECRET}, "data": data}


def _source(*objects: dict[str, Any], answers: list[Exception] | None = None) -> KeySource:
    return KeySource(FakeKube(objects, answers or []), "n")  # type: ignore[arg-type]


FINGERPRINT = "806d83b272372f6292d3a3c80e39107e6b0b2908a5aea5e08b085eee82484ffc"


@pytest.fixture(autouse=True, scope="module")
def cheap() -> Iterator[None]:
    """What is slow on purpose is tried once, as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "COST", 2)
        yield


def test_a_fingerprint_is_that_of_every_backup_before() -> None:
    saved = {"salt": "00" * 16, "fingerprints": {KEYS[0]: FINGERPRINT}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "COST", COST)
        assert _compared(saved, _secret(**BOTH)) == []
        assert _compared(saved, _secret(**{KEYS[0]: "another"})) == [Severity.ERROR]


BOTH = dict.fromkeys(KEYS, "a secret")


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What a backup says of both; a fingerprint is slow to make."""
    return _source(_secret(**BOTH)).facts()


def _compared(
    saved: Any, *objects: dict[str, Any], ignore: bool = False, answers: list[Exception] | None = None
) -> list[Severity]:
    return [each.severity for each in _source(*objects, answers=answers).compare(saved, ignore=ignore)]


def test_the_same_keys_are_known_again_and_stay_where_they_are(facts: dict[str, Any]) -> None:
    assert set(facts["fingerprints"]) == set(KEYS)
    assert "a secret" not in json.dumps(facts)
    assert base64.b64encode(b"a secret").decode() not in json.dumps(facts)
    assert facts["fingerprints"] != _source(_secret(**BOTH)).facts()["fingerprints"], "salted"
    assert _compared(facts, _secret(**BOTH)) == []


@pytest.mark.parametrize("now", [{**BOTH, KEYS[0]: "another"}, {KEYS[0]: "a secret"}, {**BOTH, KEYS[1]: ""}])
def test_another_key_or_one_that_is_gone_is_an_error(now: dict[str, str], facts: dict[str, Any]) -> None:
    assert _compared(facts, _secret(**now)) == [Severity.ERROR]
    assert _compared(facts, _secret(**now), ignore=True) == [Severity.WARNING]


@pytest.mark.parametrize(
    "saved", [None, {}, {"note": "x"}, {"fingerprints": {}}, {"fingerprints": [], "salt": "00"}, {"salt": "zz"}]
)
def test_a_catalog_that_says_nothing_is_not_known(saved: Any) -> None:
    assert _compared(saved, _secret(**BOTH)) == [Severity.WARNING]


@pytest.mark.parametrize("answers", [[DeniedError("no")], [ApiError("etcd", status=500)]])
def test_a_secret_that_cannot_be_read_is_not_known(answers: list[Exception], facts: dict[str, Any]) -> None:
    assert _compared(facts, answers=answers) == [Severity.WARNING]
    assert "note" in _source(answers=answers).facts()


@pytest.mark.parametrize("objects", [(), (_secret(),), (_secret(other="x"),), (_secret(**dict.fromkeys(KEYS, "")),)])
def test_keys_that_are_surely_gone_are_as_serious_as_others(objects: tuple[dict[str, Any], ...], facts: dict[str, Any]) -> None:
    assert _compared(facts, *objects) == [Severity.ERROR]
    assert _compared(facts, *objects, ignore=True) == [Severity.WARNING]
    (found,) = _source(*objects).compare(facts, ignore=False)
    assert "and did at backup: what is encrypted in these collections cannot be read" in found.message
    assert "note" in _source(*objects).facts(), "a backup without keys is one that tells of none"


def test_a_secret_of_something_else() -> None:
    assert "holds none of" in _source(_secret(other="x")).facts()["note"]


@pytest.mark.parametrize("held", ["odd", "YWJj!ZGVm", "YWJj\u00e9", "YWJj\n\n$$", 7, ["YWJj"]])
def test_what_is_no_base64_is_not_a_key_and_is_not_shown(held: Any, facts: dict[str, Any]) -> None:
    broken = {**_secret(**BOTH), "data": {KEYS[0]: held}}
    assert _source(broken).facts()["note"].startswith(f"encryption keys: Secret n/{SECRET} does not hold base64")
    assert _compared(facts, broken) == [Severity.WARNING], "never taken for another key, and never for the same"
    assert _compared(facts, {**_secret(), "data": ["no map"]}) == [Severity.WARNING]


@pytest.mark.parametrize("odd", ["\u00e9", "\ud800", "", 7])
def test_a_fingerprint_that_is_none_is_another_key(odd: Any, facts: dict[str, Any]) -> None:
    saved = {**facts, "fingerprints": {KEYS[0]: odd}}
    assert _compared(saved, _secret(**BOTH)) == [Severity.ERROR]
