"""Which objects of a source are meant: a name means one object, and nothing is chosen without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.lrs.saved import StoredLrs
from kubectl_lrs.stores.lrs.selected import Selected


class _Source:
    """What a backup holds."""

    description = "backup saved"
    version, kind = "v1", "LRS"

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def texts(self) -> Iterator[str]:
        return iter(self._keys)

    def __iter__(self) -> Iterator[StoredLrs]:
        for key in self._keys:
            namespace, name, kind = key.split("/")
            labels = {"datarobot-lrs-type": kind}
            spec = {"image": f"old.io/{name}:1"}
            yield StoredLrs(
                {"metadata": {"namespace": namespace, "name": name, "labels": labels}, "spec": spec}, (), None, sum=b""
            )


SOURCE = _Source("m/a/deployment", "n/a/deployment", "n/b/other", "n/spark/spark_app")


def _chosen(*names: str, maps: dict[str, str] | None = None, source: _Source = SOURCE, **selection: Any) -> list[str]:
    chosen = Selected(source, Selection(**selection), names, maps or {})
    return [f"{each.namespace}/{each.name}" for each in chosen]


@pytest.mark.parametrize(
    ("names", "selection", "wanted"),
    [
        ((), {}, ["m/a", "n/a", "n/b", "n/spark"]),
        ((), {"namespace": "n"}, ["n/a", "n/b", "n/spark"]),
        ((), {"types": ("other",)}, ["n/b"]),
        ((), {"excluded_types": ("deployment",)}, ["n/b", "n/spark"]),
        ((), {"selector": "datarobot-lrs-type=other"}, ["n/b"]),
        (("b",), {}, ["n/b"]),
        (("m/a",), {}, ["m/a"]),
        (("a",), {"namespace": "n"}, ["n/a"]),
        (("m/a", "b"), {}, ["m/a", "n/b"]),
        (("b",), {"types": ("other",)}, ["n/b"]),
    ],
)
def test_who_is_meant(names: tuple[str, ...], selection: dict[str, Any], wanted: list[str]) -> None:
    assert _chosen(*names, **selection) == wanted


@pytest.mark.parametrize(
    ("names", "selection", "said"),
    [
        (("a",), {}, "m/a"),
        (("c",), {}, "'c'"),
        (("m/a",), {"namespace": "n"}, "is not in namespace n"),
        (("b",), {"types": ("deployment",)}, "is of type other"),
        (("b",), {"selector": "x=y"}, "cannot be given together"),
        (("b",), {"excluded_types": ("x",)}, "cannot be given together"),
    ],
)
def test_a_name_that_does_not_mean_one_object(names: tuple[str, ...], selection: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(*names, **selection)
    assert said in f"{caught.value} {caught.value.hint}"


def test_nothing_chosen_says_what_there_is() -> None:
    chosen = Selected(SOURCE, Selection(namespace="none"), (), {})
    assert list(chosen) == []
    error = chosen.nothing()
    assert error is not None
    assert "deployment, other, spark_app" in error.hint
    assert "m, n" in error.hint
    assert Selected(_Source(), Selection(), (), {}).nothing() is None, "the source itself is empty"


def test_namespaces_are_those_of_the_source_and_objects_stand_where_they_go() -> None:
    assert _chosen(namespace="n", types=("other",), maps={"n": "new", "m": "x"}) == ["new/b"]
    (stored,) = Selected(SOURCE, Selection(), ("b",), {"n": "new"})
    assert stored.mapped_from == "n"


def test_images_are_mapped_and_what_still_names_the_old_ones_is_noted() -> None:
    (stored,) = Selected(SOURCE, Selection(), ("b",), {}, registry_map(["old.io=new.io"]))
    assert stored.manifest["spec"] == {"image": "new.io/b:1"}
    assert stored.names_old == ()
