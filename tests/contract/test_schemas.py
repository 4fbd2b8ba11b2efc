"""The schemas that are printed are valid, by another implementation, and alike in what all documents have."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from kubectl_lrs.render.schemas import KINDS, schema


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_schema(kind: str) -> None:
    found = schema(kind)
    Draft202012Validator.check_schema(found)
    assert found["properties"]["kind"] == {"const": kind}
    assert {"apiVersion", "kind", "items"} <= set(found["required"])
