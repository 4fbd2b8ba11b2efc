"""Which versions LRS may be stored in beside the one that is read, and which objects stand beside each other."""

from __future__ import annotations

from typing import Any

from kubectl_lrs.stores.lrs.versions import _paired, others


def _lrs(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}}


def test_where_the_server_converts_nothing_is_compared() -> None:
    served = [{"name": name, "served": name != "v0"} for name in ("v0", "v1", "v2")]
    status = {"storedVersions": ["v0", "v1", "v2"]}
    assert others({"spec": {"versions": served}, "status": status}, "v2") == ["v1"]
    assert others({"spec": {"versions": served, "conversion": {"strategy": "None"}}, "status": status}, "v1") == ["v2"]
    assert others({"spec": {"versions": served, "conversion": {"strategy": "Webhook"}}, "status": status}, "v2") == []
    assert others({"spec": {"versions": served}}, "v2") == []


def test_what_is_on_both_sides_is_held_against_each_other() -> None:
    """In the order in which a server keeps them, where `a-b/x` comes before `a/x`."""
    keys = [("a-b", "x"), ("a", "x"), ("a", "y"), ("b", "x")]
    all_of_them = [_lrs(*key) for key in keys]
    assert [one["metadata"]["name"] for one, _ in _paired(all_of_them, all_of_them)] == ["x", "x", "y", "x"]
    assert list(_paired(all_of_them, [])) == list(_paired([], all_of_them)) == []
    assert list(_paired(all_of_them[1:3], all_of_them)) == [(each, each) for each in all_of_them[1:3]]
    assert list(_paired(all_of_them, all_of_them[3:])) == [(all_of_them[3], all_of_them[3])]
