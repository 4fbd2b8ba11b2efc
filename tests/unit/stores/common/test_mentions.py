"""Every string in saved things, with where it stands."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from kubectl_lrs.stores.common.mentions import of_lrs, strings


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("x", [("", "x")]),
        ({}, []),
        ({"a": {"b": "1"}, "c": ["2", ["3"], {"d": "4"}]}, [("a.b", "1"), ("c[0]", "2"), ("c[1][0]", "3"), ("c[2].d", "4")]),
        ({"a": 1, "b": None, "c": True, "d": 1.5, "e": b"bytes"}, []),
        ({1: "x", "": "y"}, [("1", "x"), ("", "y")]),
        ({"_id": bson.ObjectId("65f0c0ffee0123456789abcd")}, [("_id", "65f0c0ffee0123456789abcd")]),
        (("x",), [("[0]", "x")]),
    ],
)
def test_strings(value: Any, wanted: list[tuple[str, str]]) -> None:
    assert list(strings(value)) == wanted


def test_what_is_looked_at_of_an_lrs() -> None:
    manifest = {
        "kind": "LRS",
        "metadata": {"namespace": "n", "name": "a", "uid": "not this", "labels": {"l": "1"}, "annotations": None},
        "spec": {"image": "i"},
        "status": {"image": "nor this"},
    }
    document = of_lrs(manifest)
    assert (document.store, document.id) == ("lrs", "n/a")
    assert list(strings(document.content)) == [("metadata.labels.l", "1"), ("spec.image", "i")]
    assert list(strings(of_lrs({"metadata": {"namespace": "n", "name": "a"}}).content)) == []
