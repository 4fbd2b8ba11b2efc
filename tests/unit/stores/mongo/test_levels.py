"""The collections of each level: the vendor's, each level more than the one before."""

from __future__ import annotations

from kubectl_lrs.model.stores import NONE, STORES
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.levels import COMPLETE, LEVELS, MINIMUM


def test_levels() -> None:
    assert (NONE, *LEVELS) == STORES["mongo"].levels
    assert set(MINIMUM) < set(COMPLETE)
    assert all(map(names.is_collection, COMPLETE))
    assert len(set(COMPLETE)) == len(COMPLETE)
