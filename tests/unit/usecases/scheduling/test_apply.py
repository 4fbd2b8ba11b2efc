"""What the server holds against what it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.usecases.scheduling.apply import differences


@pytest.mark.parametrize(
    ("sent", "held", "wanted"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": {}}, {}, []),
        ({"a": []}, {"a": None}, []),
        ({"a": False}, {}, ["a"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}, {"d": 3}]}, []),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": ["x"]}, {"a": ["y"]}, ["a[0]"]),
        ({"a": "1"}, {"a": 1}, ["a"]),
    ],
)
def test_where_they_differ(sent: Any, held: Any, wanted: list[str]) -> None:
    assert list(differences(sent, held)) == wanted
