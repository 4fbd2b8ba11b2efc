"""What `verify --against-cluster` lists: of many that say the same, a few and a number."""

from __future__ import annotations

import pytest

from kubectl_lrs.render.verify import _rows
from kubectl_lrs.usecases.verify import Answer, Tried

WHY = "the cluster does not serve such objects"


def _tried(count: int, type_: str = "deployment") -> list[Tried]:
    named = [f"{type_}-{number}" for number in range(count)]
    return [Tried(namespace="n", name=each, type=type_, answer=Answer.NOT_CHECKED, why=f"{each}: {WHY}") for each in named]


@pytest.mark.parametrize("count", [0, 1, 20])
def test_few_are_all_listed(count: int) -> None:
    assert [row[1] for row in _rows(_tried(count))] == [each.name for each in _tried(count)]


def test_of_many_the_first_few_stand_for_all() -> None:
    refused = Tried(namespace="n", name="other", type="deployment", answer=Answer.REFUSED, why="no")
    rows = list(_rows([*_tried(31_000), refused, *_tried(2, "job")]))
    assert len(rows) == 9
    assert rows[5][1:4] == ("and 30,995 more (-o wide shows all)", "deployment", "not checked")
    assert [row[1] for row in rows[6:]] == ["other", "job-0", "job-1"]
