"""Which backups are kept, and by which rule: a function of what is there, the rules and the time. Pure.

Backups of the same cluster that were asked for the same are a group, and each group is judged by itself. Within it:

- A rule keeps; none removes. So one rule more never removes more.
- Rules count whole backups by themselves, then all that hold anything: a partial one is kept where it would be, and never
  takes the place of a whole one. One that is empty takes nobody's place, and is kept by its age alone.
- Of a period (hour, day, ISO week, month, year; all in UTC) the newest backup stands for it.
- An age is counted from the newest backup of the group, not from now: where no new ones come, the old ones stay.
- The newest whole ones are always kept (`minimum`); where there are fewer, partial ones make up for them.
- What cannot be believed (dated later than now, damaged) counts for nothing, and is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

Period = Callable[[datetime], Hashable]

PERIODS: Mapping[str, Period] = {
    "hourly": lambda at: (at.date(), at.hour),
    "daily": lambda at: at.date(),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: at.year,
}
"""Name of a rule → what two instants of one period have in common."""

LAST = "last"
WITHIN = "within"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is to be kept. `last`: so many; `counts`: of so many periods one, by the name of the rule; `within`: all of this
    age at most, `ages`: of this age at most one of each period; `names`: these; `minimum`: of each group, whatever else."""

    last: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    within: timedelta | None = None
    ages: Mapping[str, timedelta] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    minimum: int = 2

    @property
    def is_empty(self) -> bool:
        """Whether nothing says what is to be kept."""
        return not (self.last or self.counts or self.within is not None or self.ages or self.names)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One backup, as far as it matters here. `hold`: why it must be kept, empty where nobody said so. `doubt`: what of it cannot
    be believed, such as its date."""

    name: str
    instant: datetime
    group: Hashable
    is_whole: bool = True
    is_empty: bool = False
    doubt: str = ""
    hold: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a backup: it is kept for these reasons, or goes where there is none."""

    candidate: Candidate
    reasons: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether any rule keeps it."""
        return bool(self.reasons)


def decide(candidates: Iterable[Candidate], rules: Rules) -> list[Decision]:
    """A decision for each, those of one group together, the newest first."""
    groups: dict[Hashable, list[Candidate]] = {}
    for each in sorted(candidates, key=lambda each: (each.instant, each.name), reverse=True):
        groups.setdefault(each.group, []).append(each)
    return [decision for group in groups.values() for decision in _decided(group, rules)]


def _decided(group: Sequence[Candidate], rules: Rules) -> Iterator[Decision]:
    """Of one group, the newest first."""
    reasons: dict[Candidate, list[str]] = {each: list(_by_itself(each, rules)) for each in group}
    believed = [each for each in group if not each.doubt]
    full = [each for each in believed if not each.is_empty]
    whole = [each for each in full if each.is_whole]
    for judged in (whole, full):
        for each, reason in _ruled(judged, rules):
            if reason not in reasons[each]:
                reasons[each].append(reason)
    for each in believed:
        if each.is_empty and rules.within is not None and _age(each, believed) <= rules.within:
            reasons[each].append(WITHIN)
    partial = [each for each in full if not each.is_whole]
    for each in [*whole, *partial][: rules.minimum]:
        reasons[each].append("minimum")
    return (Decision(candidate=each, reasons=tuple(found)) for each, found in reasons.items())


def _by_itself(each: Candidate, rules: Rules) -> Iterator[str]:
    if each.doubt:
        yield each.doubt
    if each.hold:
        yield f"held: {each.hold}"
    if each.name in rules.names:
        yield "name"


def _ruled(judged: Sequence[Candidate], rules: Rules) -> Iterator[tuple[Candidate, str]]:
    """(backup, rule that keeps it), of these, the newest first."""
    yield from ((each, LAST) for each in judged[: rules.last])
    for name, count in rules.counts.items():
        yield from ((each, name) for each in _newest_of_each(judged, PERIODS[name])[:count])
    young = [each for each in judged if rules.within is not None and _age(each, judged) <= rules.within]
    yield from ((each, WITHIN) for each in young)
    for name, age in rules.ages.items():
        young = [each for each in judged if _age(each, judged) <= age]
        yield from ((each, f"{WITHIN}-{name}") for each in _newest_of_each(young, PERIODS[name]))


def _newest_of_each(judged: Sequence[Candidate], period: Period) -> list[Candidate]:
    found: dict[Hashable, Candidate] = {}
    for each in judged:
        found.setdefault(period(each.instant.astimezone(timezone.utc)), each)
    return list(found.values())


def _age(each: Candidate, judged: Sequence[Candidate]) -> timedelta:
    """By how much it is older than the newest of these."""
    return judged[0].instant - each.instant


def removes_most(decisions: Sequence[Decision]) -> list[Hashable]:
    """The groups of which more than half would go."""
    all_of: dict[Hashable, int] = {}
    gone: dict[Hashable, int] = {}
    for each in decisions:
        all_of[each.candidate.group] = all_of.get(each.candidate.group, 0) + 1
        gone[each.candidate.group] = gone.get(each.candidate.group, 0) + (not each.is_kept)
    return [group for group, count in gone.items() if 2 * count > all_of[group]]
