"""Which namespace becomes which."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.namespaces import namespace_map


def test_pairs() -> None:
    assert namespace_map([]) == {}
    assert namespace_map(["a=b", "b=a", "c=d"]) == {"a": "b", "b": "a", "c": "d"}


@pytest.mark.parametrize(
    "pairs", [["a"], ["a="], ["=b"], ["a=a"], ["a=b=c"], ["A=b"], ["a=../b"], ["a=b", "a=c"], ["a=b", "a=b"], [""]]
)
def test_pairs_that_make_no_sense(pairs: list[str]) -> None:
    with pytest.raises(UsageError, match="--map-namespace"):
        namespace_map(pairs)
