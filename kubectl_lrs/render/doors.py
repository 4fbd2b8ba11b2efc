"""Every door of an installation: whether it opens, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.doors import Door, DoorReport, DoorState


def doors_view(report: DoorReport) -> View:
    """One row each, and below them what to do."""
    shut = sum(door.state is DoorState.SHUT for door in report.doors)
    return View(
        kind="ConfigCheck",
        data={"file": report.file or None, "doors": [_data(door) for door in report.doors]},
        columns=("DOOR", "STATE", "WHAT"),
        rows=[(door.name, door.state.value, door.message) for door in report.doors],
        names=[door.name for door in report.doors if door.state is DoorState.SHUT],
        after=(*_what_to_do(report), f"{shut} of {len(report.doors)} fail{'s' * (shut == 1)}" if shut else "nothing fails"),
    )


def _what_to_do(report: DoorReport) -> Iterator[str]:
    for door in report.doors:
        if door.state is DoorState.SHUT and door.hint:
            yield f"{door.name}: {door.hint}"


def _data(door: Door) -> dict[str, str]:
    return {"door": door.name, "state": door.state.value, "message": door.message, "hint": door.hint}
