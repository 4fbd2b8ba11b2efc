"""How deep a document is: by its mappings and lists, at the edge, and where descending would end the process."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.formats.nesting import is_within


def _nested(depth: int, *, as_list: bool) -> Any:
    value: Any = "leaf"
    for _ in range(depth):
        value = ["beside", value] if as_list else {"beside": 1, "a": value}
    return value


@pytest.mark.parametrize("as_list", [True, False])
def test_the_edge(as_list: bool) -> None:
    assert is_within("leaf", 0)
    assert is_within(None, 0)
    assert is_within(_nested(7, as_list=as_list), 7)
    assert not is_within(_nested(8, as_list=as_list), 7)
    assert not is_within(_nested(20_000, as_list=as_list), 200)


def test_the_deepest_part_counts() -> None:
    assert is_within([{}, [], {"a": []}], 3)
    assert not is_within([{}, [], {"a": [[]]}], 3)
