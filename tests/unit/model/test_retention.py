"""Retention: what each rule keeps, at every kind of date, and what holds for all rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.retention import PERIODS, Candidate, Decision, Rules, decide, removes_most

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _at(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _all(*instants: str) -> list[Candidate]:
    return [Candidate(name=text, instant=_at(text), group="g") for text in instants]


def _kept(candidates: list[Candidate], **rules: object) -> list[str]:
    decisions = decide(candidates, Rules(**{"minimum": 0, **rules}))  # type: ignore[arg-type]
    assert sorted(each.candidate.name for each in decisions) == sorted(each.name for each in candidates)
    return sorted(each.candidate.name for each in decisions if each.is_kept)


# ---- dates

SAME: dict[str, tuple[str, str, str]] = {
    "an hour": ("hourly", "2026-03-29T01:00", "2026-03-29T01:59:59"),
    "an hour that is there twice in Berlin": ("hourly", "2026-10-25T01:00+00:00", "2026-10-25T01:30+00:00"),
    "one hour, told by two zones": ("hourly", "2026-10-25T02:10+02:00", "2026-10-25T00:40+00:00"),
    "a day": ("daily", "2026-02-28T00:00", "2026-02-28T23:59:59"),
    "a leap day": ("daily", "2028-02-29T00:00", "2028-02-29T23:00"),
    "one day in UTC": ("daily", "2026-06-01T23:30-05:00", "2026-06-02T20:00+00:00"),
    "week 53 over the turn of the year": ("weekly", "2026-12-28T00:00", "2027-01-03T23:59"),
    "week 1 before the turn of the year": ("weekly", "2024-12-30T00:00", "2025-01-05T23:59"),
    "a month": ("monthly", "2028-02-01T00:00", "2028-02-29T23:59"),
    "a year": ("yearly", "2026-01-01T00:00", "2026-12-31T23:59"),
}

OTHER: dict[str, tuple[str, str, str]] = {
    "hours": ("hourly", "2026-03-29T01:59:59", "2026-03-29T02:00"),
    "hours that a clock in Berlin shows alike": ("hourly", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
    "the same hour of two days": ("hourly", "2026-03-28T01:00", "2026-03-29T01:00"),
    "days at the end of February": ("daily", "2026-02-28T23:59", "2026-03-01T00:00"),
    "days at the leap day": ("daily", "2028-02-28T23:59", "2028-02-29T00:00"),
    "weeks from Sunday to Monday": ("weekly", "2027-01-03T23:59", "2027-01-04T00:00"),
    "the same week of two years": ("weekly", "2025-01-01T00:00", "2026-01-01T00:00"),
    "months": ("monthly", "2026-01-31T23:59", "2026-02-01T00:00"),
    "the same month of two years": ("monthly", "2025-05-05T00:00", "2026-05-05T00:00"),
    "years": ("yearly", "2026-12-31T23:59:59", "2027-01-01T00:00"),
}


@pytest.mark.parametrize("case", SAME)
def test_within_a_period_the_newest_stands_for_it(case: str) -> None:
    rule, first, second = SAME[case]
    assert _kept(_all(first, second), counts={rule: 5}) == [second]


@pytest.mark.parametrize("case", OTHER)
def test_two_periods(case: str) -> None:
    rule, first, second = OTHER[case]
    assert _kept(_all(first, second), counts={rule: 5}) == sorted([first, second])
    assert _kept(_all(first, second), counts={rule: 1}) == [second]


# ---- rules

NIGHTLY = [f"2026-03-{day:02}T01:00" for day in range(1, 31)]


def test_grandfathers() -> None:
    kept = _kept(_all(*NIGHTLY), last=1, counts={"daily": 3, "weekly": 3, "monthly": 12})
    assert kept == [f"2026-03-{day}T01:00" for day in (22, 28, 29, 30)]


def test_periods_without_backups_do_not_count() -> None:
    assert len(_kept(_all("2020-01-01", "2022-01-01", "2026-01-01"), counts={"yearly": 3})) == 3


def test_age_counts_from_the_newest() -> None:
    """Where no new ones come any more, the old ones stay."""
    old = _all("2020-01-01", "2020-01-05", "2020-01-06")
    assert _kept(old, within=timedelta(days=1)) == ["2020-01-05", "2020-01-06"]
    assert _kept(old, within=timedelta(0)) == ["2020-01-06"]
    assert _kept(old, ages={"yearly": timedelta(days=9)}) == ["2020-01-06"]
    assert _kept(old, ages={"daily": timedelta(days=4)}) == ["2020-01-05", "2020-01-06"]


def test_minimum() -> None:
    candidates = _all(*NIGHTLY)
    assert _kept(candidates, names=frozenset(("none",)), minimum=2) == NIGHTLY[-2:]
    partial = [replace(each, is_whole=each.name == NIGHTLY[0]) for each in candidates]
    assert _kept(partial, last=0, minimum=2) == [NIGHTLY[0], NIGHTLY[-1]], "a partial one makes up for what is lacking"


def test_partial_ones_take_nobodys_place() -> None:
    whole = _all("2026-01-01", "2026-01-02")
    partial = [replace(each, is_whole=False) for each in _all("2026-01-03", "2026-01-04", "2026-01-05")]
    assert _kept([*whole, *partial], last=2) == ["2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05"]
    assert _kept([*whole, *partial], counts={"monthly": 1}) == ["2026-01-02", "2026-01-05"]


def test_empty_ones_count_for_nothing() -> None:
    empty = [replace(each, is_empty=True) for each in _all("2026-01-04", "2026-01-05")]
    assert _kept([*_all("2026-01-01", "2026-01-02"), *empty], last=2, minimum=2) == ["2026-01-01", "2026-01-02"]
    assert _kept(empty, within=timedelta(hours=1)) == ["2026-01-05"]


def test_future_ones_are_kept_and_count_for_nothing() -> None:
    future = replace(_all("2030-01-01")[0], doubt="dated later than now")
    decisions = decide([*_all("2026-01-01", "2026-01-02"), future], Rules(last=1, minimum=1))
    told = {each.candidate.name: each.reasons for each in decisions}
    assert told == {"2030-01-01": ("dated later than now",), "2026-01-02": ("last", "minimum"), "2026-01-01": ()}


def test_holds_and_names() -> None:
    held, named, other = _all("2026-01-01", "2026-01-02", "2026-01-03")
    decisions = decide([replace(held, hold="audit"), named, other], Rules(names=frozenset((named.name,)), minimum=0))
    assert {each.candidate.name: each.reasons for each in decisions} == {
        "2026-01-01": ("held: audit",),
        "2026-01-02": ("name",),
        "2026-01-03": (),
    }


def test_groups_are_judged_by_themselves() -> None:
    one, other = _all("2026-01-01", "2026-01-02"), [replace(each, group="h") for each in _all("2020-01-01", "2020-01-02")]
    assert _kept([*one, *other], last=1) == ["2020-01-02", "2026-01-02"]
    assert removes_most(decide([*one, *other], Rules(last=1, minimum=0))) == [], "half is not more than half"
    assert removes_most(decide([*_all(*NIGHTLY), *other], Rules(last=1, minimum=0))) == ["g"]


def test_no_rule() -> None:
    assert Rules().is_empty
    assert not Rules(within=timedelta(0)).is_empty


# ---- what holds for all

DURATIONS = st.integers(0, 4000).map(lambda hours: timedelta(hours=hours))
RULES = st.builds(
    Rules,
    last=st.integers(0, 4),
    counts=st.dictionaries(st.sampled_from(sorted(PERIODS)), st.integers(1, 4)),
    within=st.none() | DURATIONS,
    ages=st.dictionaries(st.sampled_from(sorted(PERIODS)), DURATIONS),
    names=st.frozensets(st.sampled_from([str(number) for number in range(8)]), max_size=2),
    minimum=st.integers(0, 3),
)
CANDIDATES = st.lists(
    st.tuples(
        st.integers(0, 20_000), st.sampled_from("gh"), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", "why"])
    ),
    max_size=20,
).map(
    lambda rows: [
        Candidate(
            name=str(number),
            instant=START + timedelta(hours=hours),
            group=group,
            is_whole=whole,
            is_empty=empty and number % 3 == 0,
            doubt="dated later than now" if future and number % 5 == 0 else "",
            hold=hold if number % 4 == 0 else "",
        )
        for number, (hours, group, whole, empty, future, hold) in enumerate(rows)
    ]
)


def _names(decisions: list[Decision]) -> set[str]:
    return {each.candidate.name for each in decisions if each.is_kept}


@given(CANDIDATES, RULES, RULES)
def test_one_rule_more_never_removes_more(candidates: list[Candidate], rules: Rules, others: Rules) -> None:
    both = Rules(
        last=max(rules.last, others.last),
        counts={name: max(rules.counts.get(name, 0), others.counts.get(name, 0)) for name in {**rules.counts, **others.counts}},
        within=max((each for each in (rules.within, others.within) if each is not None), default=None),
        ages={
            name: max(rules.ages.get(name, timedelta(0)), others.ages.get(name, timedelta(0)))
            for name in {**rules.ages, **others.ages}
        },
        names=rules.names | others.names,
        minimum=max(rules.minimum, others.minimum),
    )
    kept = _names(decide(candidates, both))
    assert _names(decide(candidates, rules)) | _names(decide(candidates, others)) <= kept


@given(CANDIDATES, RULES)
def test_minimum_always_holds(candidates: list[Candidate], rules: Rules) -> None:
    decisions = decide(candidates, rules)
    for group in "gh":
        whole = [each for each in candidates if each.group == group and each.is_whole and not (each.is_empty or each.doubt)]
        newest = sorted(whole, key=lambda each: (each.instant, each.name))[-rules.minimum :] if rules.minimum else []
        assert {each.name for each in newest} <= _names(decisions)


@given(CANDIDATES, RULES)
def test_partial_empty_and_future_ones_push_no_whole_one_out(candidates: list[Candidate], rules: Rules) -> None:
    whole = [each for each in candidates if each.is_whole and not (each.is_empty or each.doubt)]
    assert _names(decide(whole, rules)) <= _names(decide(candidates, rules))


@given(CANDIDATES, RULES, st.randoms())
def test_order_of_what_is_there_does_not_matter(candidates: list[Candidate], rules: Rules, random: object) -> None:
    decisions = decide(candidates, rules)
    random.shuffle(candidates)  # type: ignore[attr-defined]
    assert decide(candidates, rules) == decisions or {each.candidate.group for each in decisions} == set("gh")
    assert _names(decide(candidates, rules)) == _names(decisions)


@given(CANDIDATES, RULES)
def test_held_named_and_future_ones_are_always_kept(candidates: list[Candidate], rules: Rules) -> None:
    kept = _names(decide(candidates, rules))
    assert {each.name for each in candidates if each.hold or each.doubt or each.name in rules.names} <= kept


@given(CANDIDATES, RULES)
def test_what_was_pruned_is_pruned(candidates: list[Candidate], rules: Rules) -> None:
    """The same rules on what is left remove nothing more."""
    left = [each.candidate for each in decide(candidates, rules) if each.is_kept]
    assert all(each.is_kept for each in decide(left, rules))


@given(CANDIDATES, RULES)
def test_each_backup_is_decided_once(candidates: list[Candidate], rules: Rules) -> None:
    assert sorted(each.candidate.name for each in decide(candidates, rules)) == sorted(each.name for each in candidates)
