"""Two sides held against each other: every object is counted once, and what was not asked for is no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.render.diff import comparison_view, difference_data, summary, unified
from kubectl_lrs.usecases import diff
from kubectl_lrs.usecases.diff import Difference, Kind, Origin


class _Side:
    """One of the two, in memory."""

    def __init__(self, label: str, objects: dict[str, Any], only: str = "") -> None:
        self.namespace = None
        self.being_deleted: list[str] = []
        self.origin = Origin(label=label, server="s")
        self._objects, self._only = objects, only

    def entries(self, _texts: Any = None) -> Iterator[diff.Entry]:
        for key, spec in sorted(self._objects.items()):
            yield diff.Entry(f"n/{key}", {"metadata": {"namespace": "n", "name": key}, "spec": spec})

    def texts(self) -> Iterator[str]:
        return iter(())

    def covers(self, manifest: dict[str, Any]) -> bool:
        return str(manifest["metadata"]["name"]).startswith(self._only)


def _pairs(one: dict[str, Any], other: dict[str, Any]) -> list[tuple[Any, Any]]:
    found = diff._pairs(_Side("a", one).entries(), _Side("b", other).entries())
    return [tuple(each and each["spec"] for each in pair) for pair in found]


OBJECTS = st.dictionaries(st.text("abcd", min_size=1, max_size=2), st.integers(0, 2), max_size=6)


@given(OBJECTS, OBJECTS)
def test_every_object_of_both_sides_comes_once_beside_its_own(one: dict[str, int], other: dict[str, int]) -> None:
    found = diff._pairs(_Side("a", one).entries(), _Side("b", other).entries())
    names = []
    for before, after in found:
        name = (before or after or {})["metadata"]["name"]
        names.append(name)
        assert (before is not None, after is not None) == (name in one, name in other)
    assert names == sorted({*one, *other})


def _difference(kind: Kind, before: Any, after: Any) -> Difference:
    def manifest(spec: Any) -> Any:
        return None if spec is None else {"metadata": {"namespace": "n", "name": "a"}, "spec": spec}

    return Difference(
        kind,
        manifest(before),
        manifest(after),
        tuple(diff.changes(manifest(before), manifest(after))) if before and after else (),
    )


def test_an_object_for_programs_tells_absent_from_null() -> None:
    data = difference_data(_difference(Kind.CHANGED, {"x": None, "y": 1}, {"y": 2, "z": None}))
    assert data["change"] == "changed"
    assert data["fields"] == [
        {"field": "spec.x", "path": ["spec", "x"], "before": None},
        {"field": "spec.y", "path": ["spec", "y"], "before": 1, "after": 2},
        {"field": "spec.z", "path": ["spec", "z"], "after": None},
    ]


@pytest.mark.parametrize(
    ("kind", "before", "after", "lines"),
    [
        (Kind.REMOVED, {"x": 1}, None, ["--- before/n/a.yaml", "+++ /dev/null"]),
        (Kind.ADDED, None, {"x": 1}, ["--- /dev/null", "+++ after/n/a.yaml"]),
        (Kind.CHANGED, {"x": 1}, {"x": 2}, ["-  x: 1", "+  x: 2"]),
    ],
)
def test_a_unified_diff(kind: Kind, before: Any, after: Any, lines: list[str]) -> None:
    shown = unified(_difference(kind, before, after)).splitlines()
    assert [line.rstrip() for line in lines if line not in [each.rstrip() for each in shown]] == []


def test_what_is_said_of_a_comparison() -> None:
    found = diff.Comparison[dict[str, Any]](before=Origin(label="saved", server="s"), after=Origin(label="live", server="s"))
    assert "nothing differs" in summary(found)
    found.kept.append(difference_data(_difference(Kind.CHANGED, {"x": "a" * 100 + "1"}, {"x": "a" * 100 + "2"})))
    found.counts[Kind.CHANGED] += 1
    found.not_compared = 2
    assert "1 changed" in summary(found)
    assert "2 not compared" in summary(found)
    (row,) = comparison_view(found).rows
    assert row[-2] != row[-1], "one sees where long values part"
    assert all(len(cell) < 60 for cell in row)


def test_two_namespaces_have_nothing_in_common() -> None:
    one, other = _Side("a", {}), _Side("b", {})
    one.namespace, other.namespace = "m", "n"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="nothing to compare"):
        diff._require_overlap(one, other, None)
    other.namespace = None
    diff._require_overlap(one, other, "m")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        diff._require_overlap(one, other, "x")
