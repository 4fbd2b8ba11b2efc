"""Workload types: those that are published, and any other."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.names import is_label_value
from kubectl_lrs.model.workloads import CRD_NAME, LEFT_OUT_BY_DEFAULT, SPARK, TYPE_LABEL, UNTYPED, WORKLOADS, type_of


@pytest.mark.parametrize(
    ("metadata", "wanted"),
    [
        ({"labels": {TYPE_LABEL: "deployment"}}, "deployment"),
        ({"labels": {TYPE_LABEL: "anything-else"}}, "anything-else"),
        ({"labels": {TYPE_LABEL: ""}}, UNTYPED),
        ({"labels": {"x": "y"}}, UNTYPED),
        ({"labels": {}}, UNTYPED),
        ({"labels": None}, UNTYPED),
        ({}, UNTYPED),
    ],
)
def test_the_type_of_an_object(metadata: dict[str, Any], wanted: str) -> None:
    assert type_of({"metadata": metadata}) == wanted


def test_no_label_can_look_like_the_word_for_none() -> None:
    assert not is_label_value(UNTYPED)


def test_spark_sessions_alone_are_left_out() -> None:
    assert LEFT_OUT_BY_DEFAULT == (SPARK,)
    assert all(is_label_value(label) and each.label == label and each.why for label, each in WORKLOADS.items())
    assert CRD_NAME == "lrs.lrs.datarobot.com"
