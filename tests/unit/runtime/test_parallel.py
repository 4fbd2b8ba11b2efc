"""Work at once: every item once, results as they come, an exception where they are taken, and an end when it is asked for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.runtime import parallel
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import GROUP, HEAVY, Pool, map_by_pace, map_unordered, prefetch, run_all


class _TroubleError(Exception):
    pass


@given(st.lists(st.integers(), max_size=40), st.integers(1, 5))
def test_every_item_gives_its_result_once(items: list[int], workers: int) -> None:
    found = list(map_unordered(items, lambda item: item * 2, workers=workers, stop=Cancel()))
    assert Counter(found) == Counter(item * 2 for item in items)


def test_no_more_are_in_work_than_workers_and_few_more_are_held() -> None:
    running, most, held, most_held = 0, 0, 0, 0
    lock = threading.Lock()

    def items() -> Iterator[int]:
        nonlocal held, most_held
        for number in range(60):
            held += 1
            most_held = max(most_held, held)
            yield number

    def work(_number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    for _ in map_unordered(items(), work, workers=3, stop=Cancel()):
        held -= 1
    assert most <= 3
    assert most_held <= 2 * 3 + 1


def test_once_stopped_nothing_is_begun_and_what_is_in_work_still_gives_its_result() -> None:
    stop, begun = Cancel(), []

    def work(number: int) -> int:
        begun.append(number)
        if number == 5:
            stop.set()
        return number

    found = list(map_unordered(range(1000), work, workers=2, stop=stop))
    assert sorted(found) == sorted(begun)
    assert 5 in found
    assert len(begun) < 20


def test_what_the_work_raises_is_raised_where_the_results_are_taken() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise _TroubleError
        return number

    with pytest.raises(_TroubleError):
        list(map_unordered(range(10), work, workers=2, stop=Cancel()))


def test_what_the_source_of_the_items_raises_is_raised_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise _TroubleError

    with pytest.raises(_TroubleError):
        list(map_unordered(items(), abs, workers=2, stop=Cancel()))


def test_a_pool_that_is_left_in_the_middle_ends_its_threads() -> None:
    before = set(threading.enumerate())
    with Pool(abs, 4, threading.Event()) as pool:
        pool.submit(-1)
        assert list(pool.take()) == [1]
        assert pool.waiting == 0
        mine = set(threading.enumerate()) - before
        assert len(mine) == 4
    for thread in mine:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_the_next_item_is_fetched_while_this_one_is_used(count: int) -> None:
    assert list(prefetch(iter(range(1, count + 1)))) == list(range(1, count + 1))


def test_it_is_one_ahead_and_no_more() -> None:
    fetched, second = [], threading.Event()

    def items() -> Iterator[int]:
        for number in range(1, 10):
            fetched.append(number)
            if number == 2:
                second.set()
            yield number

    ahead = prefetch(items())
    assert next(ahead) == 1
    assert second.wait(60), "the next is fetched though nobody asked for it"
    assert next(ahead) == 2
    assert len(fetched) <= 4
    ahead.close()  # type: ignore[attr-defined]  # a generator


def test_who_takes_no_more_keeps_nothing_open() -> None:
    third, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            for number in range(1, 10):
                if number == 3:
                    third.set()
                yield number
        finally:
            ended.set()

    ahead = prefetch(items())
    assert next(ahead) == 1
    assert third.wait(60), "the second waits to be taken, the third for room"
    ahead.close()  # type: ignore[attr-defined]  # a generator
    assert ended.wait(60)


def test_what_fetching_raises_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise _TroubleError

    ahead = prefetch(items())
    assert next(ahead) == 1
    with pytest.raises(_TroubleError):
        next(ahead)


def test_all_of_it_is_done_and_nobody_works_any_more() -> None:
    done: list[int] = []
    halt = threading.Event()
    run_all(range(50), done.append, workers=4, halt=halt)
    assert sorted(done) == list(range(50))
    run_all([], done.append, workers=4, halt=threading.Event())
    assert len(done) == 50


def test_the_first_exception_stops_the_others() -> None:
    halt, done = threading.Event(), []

    def work(number: int) -> None:
        if number == 0:
            raise _TroubleError
        halt.wait(60)  # as work must: it looks at it now and then
        done.append(number)

    with pytest.raises(_TroubleError):
        run_all(range(100), work, workers=3, halt=halt)
    assert halt.is_set()
    assert len(done) <= 2


def test_halted_before_it_begins() -> None:
    halt, done = threading.Event(), []
    halt.set()
    run_all(range(10), done.append, workers=2, halt=halt)
    assert done == []


# ---- as many threads as are of use


def _weightless(_item: object) -> int:
    return 0


@pytest.mark.parametrize("count", [0, 1, GROUP - 1, GROUP, 3 * GROUP + 5])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("weight", [0, HEAVY])
def test_by_pace_every_item_gives_its_result_once(monkeypatch: pytest.MonkeyPatch, count: int, waits: bool, weight: int) -> None:
    ticks = iter(range(10**9))
    monkeypatch.setattr(parallel, "_waits", lambda: 1000 * next(ticks) if waits else 0)
    found = map_by_pace(range(count), lambda item: item * 2, weight=lambda _item: weight, workers=3, stop=Cancel())
    assert sorted(found) == [2 * number for number in range(count)]


def test_what_never_waits_is_not_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    monkeypatch.setattr(parallel, "_waits", lambda: 0)

    def work(_number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        running -= 1

    list(map_by_pace(range(5 * GROUP), work, weight=_weightless, workers=8, stop=Cancel()))
    assert most == 1


def test_what_waits_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**9))
    monkeypatch.setattr(parallel, "_waits", lambda: 1000 * next(ticks))
    both = threading.Barrier(2)
    begun = iter(range(10**9))

    def work(_number: int) -> None:
        if next(begun) >= parallel.TRIAL:  # the first are alone, to see whether they wait
            both.wait(10)

    list(map_by_pace(range(parallel.TRIAL + 20), work, weight=_weightless, workers=2, stop=Cancel()))


def test_what_is_heavy_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_waits", lambda: 0)
    both = threading.Barrier(2)
    list(map_by_pace(range(6), lambda _number: both.wait(10), weight=lambda _item: HEAVY, workers=2, stop=Cancel()))


def test_by_pace_one_worker_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**9))
    monkeypatch.setattr(parallel, "_waits", lambda: 1000 * next(ticks))
    running, most = 0, 0

    def work(_number: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        running -= 1

    list(map_by_pace(range(500), work, weight=lambda item: HEAVY * (item % 2), workers=1, stop=Cancel()))
    assert most == 1


def test_whether_more_are_of_use_is_found_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "AGAIN", 10)
    ticks, waited = iter(range(10**9)), True
    monkeypatch.setattr(parallel, "_waits", lambda: 1000 * next(ticks) if waited else 0)
    groups = []
    grouped = parallel._group

    def group(*arguments: object) -> object:
        found = grouped(*arguments)  # type: ignore[arg-type]
        groups.append(len(found[0]))
        return found

    monkeypatch.setattr(parallel, "_group", group)
    for number in map_by_pace(range(2000), lambda item: item, weight=_weightless, workers=2, stop=Cancel()):
        waited = number < 20
    assert groups[:2] == [parallel.TRIAL, 1]
    assert groups.count(GROUP) > 20, "one thread has groups again when it no longer waits"


@pytest.mark.parametrize("weight", [0, HEAVY])
def test_by_pace_once_stopped_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, weight: int) -> None:
    monkeypatch.setattr(parallel, "_waits", lambda: 0)
    stop, begun = Cancel(), []

    def work(number: int) -> int:
        begun.append(number)
        if number == 5:
            stop.set()
        return number

    found = list(map_by_pace(range(1000), work, weight=lambda _item: weight, workers=2, stop=stop))
    assert sorted(found) == sorted(begun)
    assert len(begun) < 20


def test_by_pace_a_bug_is_raised_where_the_results_are_taken() -> None:
    def work(number: int) -> int:
        if number == 100:
            raise _TroubleError
        return number

    with pytest.raises(_TroubleError):
        list(map_by_pace(range(1000), work, weight=_weightless, workers=3, stop=Cancel()))
