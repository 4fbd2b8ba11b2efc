"""The statuses of a deployment and of its change, as tables. Pure. Others may occur: an unknown status is one on its way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ACTIVE = "active"
INACTIVE = "inactive"
STOPPING = "stopping"
LAUNCHING = "launching"
ARCHIVED = "archived"
ERRORED = "errored"

SETTLED = frozenset((ACTIVE, INACTIVE, ARCHIVED, ERRORED))
"""What a deployment stays at; every other status becomes one of these."""

STAYS_DOWN = (SETTLED - {ACTIVE}) | {STOPPING}
"""What does not become active by itself."""


class State(str, Enum):
    """How far a deployment is in a journal."""

    PLANNED = "planned"
    DEACTIVATING = "deactivating"
    DEACTIVATED = "deactivated"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    UNCHANGED = "unchanged"
    GONE = "gone"


MEANING: dict[State, str] = {
    State.PLANNED: "was active; not asked to stop yet",
    State.DEACTIVATING: "was asked to stop, or was about to be",
    State.DEACTIVATED: "stopped by us; activate starts it again",
    State.ACTIVATING: "was asked to start again, or was about to be",
    State.ACTIVATED: "active again",
    State.UNCHANGED: "was not changed by us",
    State.GONE: "deleted or archived by somebody else since",
}

OURS = frozenset((State.DEACTIVATING, State.DEACTIVATED, State.ACTIVATING))
"""What `activate` has to look after."""

UNFINISHED = frozenset((State.PLANNED, State.DEACTIVATING))
"""What a `deactivate` that was interrupted, or did not wait, has left to do."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Down or up. `wanted`: the status that is asked for. `under_way`: the one on the way to it.

    `asked` is noted before the request, `reached` when the wanted status is seen, `refused` when it surely was not taken.
    """

    verb: str
    wanted: str
    under_way: str
    asked: State
    reached: State
    refused: State


DOWN = Direction(
    verb="deactivate",
    wanted=INACTIVE,
    under_way=STOPPING,
    asked=State.DEACTIVATING,
    reached=State.DEACTIVATED,
    refused=State.UNCHANGED,
)
UP = Direction(
    verb="activate",
    wanted=ACTIVE,
    under_way=LAUNCHING,
    asked=State.ACTIVATING,
    reached=State.ACTIVATED,
    refused=State.DEACTIVATED,
)
