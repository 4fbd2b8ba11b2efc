"""A store of the tests' own, of the shape that every store has: a JSON file that holds texts by name.

It is registered by one line, `STORES["toy"] = TOY`, and shows that a store needs nothing beside its package and its row.
"""

from __future__ import annotations

from kubectl_lrs.model.stores import NONE, Store

TOY = Store(package="tests.builders.toy", holds="texts of the tests", levels=(NONE, "copy"), profiles={"complete": "copy"})
