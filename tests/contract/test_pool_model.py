"""The protocol of a pool without locks, every history of it up to a bound: two writers, two prunes, one content.

A backup refers to it and may be forgotten and brought back. Deletions and seals arrive after any delay, also when who sent them
is dead; so do condemned lists. What holds in every state: a backup that was sealed in time has what it refers to. And each
protection is needed: with any one left out there is a history that loses data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import pytest

GRACE = 4
HALF, QUARTER = GRACE // 2, GRACE // 4

IDLE, CHOSEN, HALFWAY, CHECKED, SEALED, LATE = range(6)


@dataclass(frozen=True)
class Protocol:
    """Its protections; all of them are on."""

    condemned_are_left: bool = True
    """Who seals does not refer to what stands in a condemned list."""
    presence_is_looked_at: bool = True
    """Who seals sees that all is there."""
    lists_come_first: bool = True
    """The lists are read before it is looked what is there."""
    names_are_new: bool = True
    """What is uploaded again gets a name that was never used."""
    late_seals_count_not: bool = True
    """A seal that is stored later than half the grace time after the look counts only while all is there."""
    sweepers_look_again: bool = True
    """Before it deletes, a prune reads the backups anew."""
    lists_stay_until_all_is_gone: bool = True
    """A list is dropped when what it names was seen gone, not when that was asked for."""
    late_seals_free_nothing: bool = True
    """What only a late seal refers to stays condemned."""
    only_young_ones_come_back: bool = True
    """A forgotten backup is not brought back where a list older than half the grace time names what it needs."""
    comes_back_in_time: bool = True
    """Brought back, it counts only within a quarter of the grace time."""
    grace_is_waited_for: bool = True
    """A list is swept no earlier than a grace time after it was there."""


class Writer(NamedTuple):
    """`name`: what it refers to; `since`: when its look began."""

    phase: int = IDLE
    name: int = 0
    since: int = 0


class Listed(NamedTuple):
    """A condemned list: names as bits, and since when it is there."""

    names: int
    since: int


class State(NamedTuple):
    """Names are bits: 1 is the first, to which the old backup refers. `sweeps`: what each prune is to delete of which list;
    `on_its_way`: deletions; `marked`: a list that is on its way; `back`: when the look of the one that is brought back began."""

    time: int = 0
    present: int = 1
    old: bool = True
    writers: tuple[Writer, Writer] = (Writer(), Writer())
    lists: tuple[Listed, ...] = ()
    marked: int = 0
    sweeps: tuple[tuple[Listed, int] | None, tuple[Listed, int] | None] = (None, None)
    on_its_way: int = 0
    used: int = 1
    back: int | None = None


@dataclass(frozen=True)
class Bound:
    """How far histories go."""

    end: int
    lists: int
    names: int


SMALL = Bound(end=GRACE, lists=1, names=2)
LARGE = Bound(end=GRACE + 2, lists=2, names=2)


def is_lost(state: State) -> bool:
    """Whether a backup that counts lacks what it refers to."""
    if state.old and not state.present & 1:
        return True
    return any(each.phase == SEALED and not state.present & each.name for each in state.writers)


def successors(state: State, protocol: Protocol, bound: Bound) -> Iterator[State]:
    """Every state that may come next."""
    if state.time < bound.end:
        yield state._replace(time=state.time + 1)
    for number, writer in enumerate(state.writers):
        if number == 0 or state.writers[0].phase != IDLE:  # they are alike
            yield from _written(state, number, writer, protocol, bound)
    yield from _forgotten_and_back(state, protocol)
    yield from _condemned(state, bound)
    for number in (0, 1):
        if number == 0 or state.sweeps[0] is not None:
            yield from _swept(state, number, protocol)
    yield from (state._replace(present=state.present & ~n, on_its_way=state.on_its_way & ~n) for n in _bits(state.on_its_way))


def _bits(names: int) -> Iterator[int]:
    while names:
        yield names & -names
        names &= names - 1


def _listed(state: State) -> int:
    names = 0
    for each in state.lists:
        names |= each.names
    return names


def _written(state: State, number: int, writer: Writer, protocol: Protocol, bound: Bound) -> Iterator[State]:
    def go(new: Writer) -> State:
        one, two = state.writers
        return state._replace(writers=(new, two) if number == 0 else (one, new))

    def upload() -> Iterator[State]:
        if not protocol.names_are_new:
            yield go(Writer(CHOSEN, 1))._replace(present=state.present | 1)
        elif state.used < bound.names:
            name = 1 << state.used
            yield go(Writer(CHOSEN, name))._replace(present=state.present | name, used=state.used + 1)

    phase, name, since = writer
    now = state.time
    if phase == IDLE:
        reused = list(_bits(state.present & ~_listed(state)))
        yield from (go(Writer(CHOSEN, each)) for each in reused) if reused else upload()
    elif phase in (CHOSEN, HALFWAY):  # the clock and the first half of the look; the other half
        new = Writer(HALFWAY, name, now) if phase == CHOSEN else Writer(CHECKED, name, since)
        yield from _looked(state, name, protocol, first=phase == CHOSEN, go=lambda: go(new), upload=upload)
    elif phase == CHECKED:  # the seal is on its way, and arrives at any time
        is_late = protocol.late_seals_count_not and now - since > HALF
        yield go(Writer(LATE if is_late else SEALED, name, 0))


def _looked(
    state: State,
    name: int,
    protocol: Protocol,
    *,
    first: bool,
    go: Callable[[], State],
    upload: Callable[[], Iterator[State]],
) -> Iterator[State]:
    """One half of the look before a seal: at the lists, or at what is there."""
    if first == protocol.lists_come_first:
        is_bad = protocol.condemned_are_left and bool(name & _listed(state))
    else:
        is_bad = protocol.presence_is_looked_at and not name & state.present
    if is_bad:
        yield from upload()
    else:
        yield go()


def _forgotten_and_back(state: State, protocol: Protocol) -> Iterator[State]:
    if state.old:
        yield state._replace(old=False, back=None)
        return
    if state.back is None:
        limit = HALF if protocol.only_young_ones_come_back else 10**6
        is_young = all(state.time - each.since < limit for each in state.lists if each.names & 1)
        if state.present & 1 and is_young:
            yield state._replace(back=state.time)
    elif not protocol.comes_back_in_time or state.time - state.back <= QUARTER:
        yield state._replace(old=True, back=None)


def _references(state: State) -> tuple[int, int]:
    """Names that backups refer to, and that late seals do of which nothing is gone."""
    firm, loose = (1 if state.old else 0), 0
    for each in state.writers:
        if each.phase == SEALED:
            firm |= each.name
        elif each.phase == LATE:
            loose |= each.name & state.present
    return firm, loose


def _condemned(state: State, bound: Bound) -> Iterator[State]:
    if state.marked:
        yield state._replace(marked=0, lists=(*state.lists, Listed(state.marked, state.time)))
        return
    firm, loose = _references(state)
    names = state.present & ~firm & ~loose & ~_listed(state)
    if names and len(state.lists) < bound.lists:
        yield state._replace(marked=names)


def _swept(state: State, number: int, protocol: Protocol) -> Iterator[State]:
    def go(new: tuple[Listed, int] | None) -> State:
        one, two = state.sweeps
        return state._replace(sweeps=(new, two) if number == 0 else (one, new))

    sweep = state.sweeps[number]
    if sweep is None:
        firm, loose = _references(state) if protocol.sweepers_look_again else (0, 0)
        for each in state.lists:
            if not protocol.grace_is_waited_for or state.time - each.since >= GRACE:
                yield go((each, each.names & ~firm & ~loose))
        return
    listed, doomed = sweep
    for name in _bits(doomed):  # sent, and it arrives at any time
        yield go((listed, doomed & ~name))._replace(on_its_way=state.on_its_way | name)
    yield go(None)  # it dies
    if not doomed:
        firm, loose = _references(state)
        stays = loose & ~firm if protocol.late_seals_free_nothing else 0
        kept = stays | ((state.present & ~firm & ~loose) if protocol.lists_stay_until_all_is_gone else 0)
        if not listed.names & kept:
            yield go(None)._replace(lists=tuple(each for each in state.lists if each != listed))


def history_of_loss(protocol: Protocol, bound: Bound) -> tuple[list[State] | None, int]:
    """The shortest history in which data is lost, None where there is none; and how many states there are."""
    start = State()
    before: dict[State, State | None] = {start: None}
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        for each in successors(state, protocol, bound):
            if each in before:
                continue
            before[each] = state
            if is_lost(each):
                return _path(before, each), len(before)
            waiting.append(each)
    return None, len(before)


def _path(before: dict[State, State | None], end: State) -> list[State]:
    path = [end]
    while (state := before[path[-1]]) is not None:
        path.append(state)
    return path[::-1]


def test_nothing_is_lost() -> None:
    history, states = history_of_loss(Protocol(), SMALL)
    assert history is None, "\n".join(map(str, history or ()))
    assert states > 10_000


@pytest.mark.parametrize("protection", [each.name for each in fields(Protocol)])
def test_each_protection_is_needed(protection: str) -> None:
    history, _ = history_of_loss(Protocol(**{protection: False}), SMALL)
    assert history, f"nothing is lost without it: {protection}"


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_nothing_is_lost_with_two_lists_and_more_time() -> None:
    history, states = history_of_loss(Protocol(), LARGE)
    assert history is None, "\n".join(map(str, history or ()))
    assert states > 1_000_000
