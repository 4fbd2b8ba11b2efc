"""Work at once: every item once, results as they come, an exception where they are taken, and an end when it is asked for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import Pool, map_unordered, prefetch, run_all


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
