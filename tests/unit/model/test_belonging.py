"""What belongs to one application, by store; what is shared stays shared."""

from __future__ import annotations

from kubectl_lrs.model.belonging import Belonging, Belongings

FOUND = Belongings(
    id="a1",
    name="sales",
    things=(
        Belonging(tier="mongo", name="c/1", why="itself"),
        Belonging(tier="mongo", name="c/2", why="named", others=("churn",)),
        Belonging(tier="files", name="p", why="path"),
    ),
)


def test_by_store() -> None:
    assert FOUND.title == "sales (a1)"
    assert list(FOUND.of("mongo")) == ["c/1", "c/2"]
    assert FOUND.of("images") == {}
    assert FOUND.shared("mongo") == {"c/2": "shared with churn"}


def test_with_whom_is_told_briefly() -> None:
    many = Belonging(tier="mongo", name="c/3", why="", others=("a", "b", "c", "d", "e"))
    assert many.shared == "shared with a, b, c and 2 more"


def test_those_of_now_come_on_top() -> None:
    now = [
        Belonging(tier="mongo", name="c/1", why="", others=("new",)),
        Belonging(tier="mongo", name="c/9", why="", others=("x",)),
    ]
    found = FOUND.shared_too(now)
    assert found.shared("mongo") == {"c/1": "shared with new", "c/2": "shared with churn"}
    assert [each.name for each in found.things] == ["c/1", "c/2", "p"]
