"""What belongs to one application, and what leads to each thing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.stores import RESOURCES, TIERS
from kubectl_lrs.render.backups import local
from kubectl_lrs.render.grouped import and_more, grouped
from kubectl_lrs.render.view import View
from kubectl_lrs.repository import Backup

ORDER = (RESOURCES, *(each for each in TIERS if each != RESOURCES))


def belongings_view(folder: Backup, found: Belongings) -> View:
    """`show --app`."""
    things = sorted(found.things, key=lambda each: ORDER.index(each.tier))
    counts = Counter(each.tier for each in things)
    said = ", ".join(f"{counts[tier]:,} {WORDS[tier][counts[tier] > 1]}" for tier in ORDER if counts[tier]) or "nothing"
    shared = sum(1 for each in things if each.others)
    return View(
        kind="Application",
        data=_data(folder, found, things),
        before=(
            f"Application:  {found.title}",
            f"Backup:       {folder.name}, taken {local(folder.catalog.instant)} of {folder.catalog.cluster.title}",
            f"It holds:     {said}{f'; {shared:,} of it shared' if shared else ''}",
            *(f"Not known:    {each}" for each in found.untold),
            *([""] if things else []),
        ),
        columns=COLUMNS,
        rows=list(_rows(things)),
        wide_columns=COLUMNS,
        wide_rows=[_row(each) for each in things],
        names=[each.name if each.tier == RESOURCES else f"{each.tier}/{each.name}" for each in things],
    )


COLUMNS = ("TIER", "NAME", "BECAUSE")
WORDS = {RESOURCES: ("LRS", "LRS"), "mongo": ("document", "documents"), "images": ("image", "images"), "files": ("file", "files")}
"""One of a tier, and several."""


def _rows(things: Sequence[Belonging]) -> Iterator[tuple[str, ...]]:
    """Of many that are alike the first few stand for all."""
    for each, more in grouped(things, _kind):
        yield _row(each)
        if more:
            yield each.tier, and_more(more), _row(each)[-1]


def _row(each: Belonging) -> tuple[str, ...]:
    return each.tier, each.name, "; ".join(part for part in (each.why, each.shared) if part)


def _kind(each: Belonging) -> tuple[str, ...]:
    return each.tier, each.why, *each.others


def _data(folder: Backup, found: Belongings, things: list[Belonging]) -> dict[str, Any]:
    return {
        "backup": folder.name,
        "id": found.id,
        "name": found.name,
        "notKnown": list(found.untold),
        "things": [
            {"tier": each.tier, "name": each.name, "because": each.why, "sharedWith": list(each.others)} for each in things
        ],
    }
