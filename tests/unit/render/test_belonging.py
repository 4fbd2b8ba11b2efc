"""One application's things, for people and for scripts."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.render.belonging import belongings_view

CATALOG = SimpleNamespace(instant=datetime(2026, 11, 24, 2, tzinfo=timezone.utc), cluster=SimpleNamespace(title="prod"))
FOLDER: Any = SimpleNamespace(name="tuesday", catalog=CATALOG)


def test_lrs_first_and_what_is_shared() -> None:
    found = Belongings(
        id="a1",
        name="sales",
        things=(
            Belonging(tier="images", name="r/i:1", why="image of LRS n/a", others=("churn (b2)",)),
            Belonging(tier="resources", name="n/a", why="its name"),
        ),
        untold=("it holds no files",),
    )
    view = belongings_view(FOLDER, found)
    assert list(view.rows) == [("resources", "n/a", "its name"), ("images", "r/i:1", "image of LRS n/a; shared with churn (b2)")]
    assert view.before[2:4] == ("It holds:     1 LRS, 1 image; 1 of it shared", "Not known:    it holds no files")
    assert view.names == ["n/a", "images/r/i:1"]


def test_many_that_are_alike_are_few_lines() -> None:
    many = tuple(Belonging(tier="files", name=f"f{number}", why="the same") for number in range(100))
    view = belongings_view(FOLDER, Belongings(id="a1", things=many))
    assert [row[1] for row in view.rows][-1] == "and 95 more (-o wide shows all)"
    assert len(view.wide_rows) == 100
    assert belongings_view(FOLDER, Belongings(id="a1")).before[2] == "It holds:     nothing"
