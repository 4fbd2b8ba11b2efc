"""Which objects a rehearsal may remove: its own, by three signs that nobody has together by chance."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from kubectl_lrs.stores.lrs.scratch import MARK, _instant, _token_of

TOKEN = "0123456789abcdef"
OURS: dict[str, Any] = {
    "metadata": {
        "labels": {MARK: TOKEN},
        "annotations": {MARK: json.dumps({"token": TOKEN})},
        "managedFields": [{"manager": "somebody"}, {"manager": "kubectl-lrs"}],
    }
}

OTHERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no label": lambda metadata: metadata.pop("labels"),
    "another label": lambda metadata: metadata["labels"].update({MARK: "other"}),
    "no annotation": lambda metadata: metadata.pop("annotations"),
    "an annotation of another": lambda metadata: metadata["annotations"].update({MARK: '{"token": "other"}'}),
    "an annotation that is none": lambda metadata: metadata["annotations"].update({MARK: "[" * 100_000}),
    "an annotation that is no object": lambda metadata: metadata["annotations"].update({MARK: "[1]"}),
    "made by somebody": lambda metadata: metadata.update(managedFields=[{"manager": "kubectl"}]),
    "nobody says who made it": lambda metadata: metadata.pop("managedFields"),
}


def test_ours() -> None:
    assert _token_of(OURS) == TOKEN


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_somebody_elses(change: Callable[[dict[str, Any]], object]) -> None:
    other = copy.deepcopy(OURS)
    change(other["metadata"])
    assert _token_of(other) == ""


def test_an_instant_that_is_none_is_no_time() -> None:
    assert _instant("2026-11-27T00:00:00Z") > 0
    assert _instant("None") == 0
