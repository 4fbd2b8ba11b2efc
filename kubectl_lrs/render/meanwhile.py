"""What became of the LRS while the other stores of a backup were read, as people read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.meanwhile import What

NAMED = 10
"""So many LRS are named by `backup`; `show` names all."""

SAID: Mapping[str, str] = {
    What.TAKEN_IN: "was made after the LRS were listed, and is in the backup; its documents may not be",
    What.MADE: "was made meanwhile, and is not in the backup",
    What.CHANGED: "was changed meanwhile; the backup has it as it was listed",
    What.REMADE: "was deleted and made anew meanwhile; the backup has the old one",
    What.DELETED: "was deleted meanwhile; the backup has it",
    What.LEFT: "was changed meanwhile so that it is no longer selected; the backup has it as it was listed",
    What.GONE: "is no longer there, or no longer selected; the backup has it",
}


def happened(catalog: Catalog, *, most: int | None = None) -> Iterable[str]:
    """A sentence for each LRS, for at most so many."""
    meanwhile = catalog.meanwhile
    if meanwhile is None:
        return
    for each in meanwhile.changes[:most]:
        yield f"{each.key} {SAID.get(each.what, each.what)}"
    if most is not None and (more := len(meanwhile.changes) - most) > 0:
        yield f"{more} more LRS were made, changed or deleted meanwhile; see them with: show {catalog.name}"
    if meanwhile.touched and most is None:
        yield f"of {meanwhile.touched} LRS only status or metadata were written"


def not_of_one_instant(name: str, catalog: Catalog) -> Iterable[str]:
    """What `verify` says of it."""
    if catalog.meanwhile and catalog.meanwhile.changes:
        counts = Counter(str(each.what) for each in catalog.meanwhile.changes)
        listed = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        yield f"backup {name}: while its other stores were read, LRS were: {listed}; see them with: show {name}"
