"""Work at once, with a bound: many items in parallel, or the next item while this one is used. It knows nothing of the work."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from queue import Empty, Queue, SimpleQueue
from typing import Generic, TypeAlias, TypeVar

from kubectl_lrs.runtime.cancel import Cancel

PATIENCE = 10.0
"""Seconds that a thread has to notice that it is to end; one that waits for a server ends with the process."""

GROUP = 64
"""So many small items one thread is given at once."""

HEAVY = 256 << 10
"""Weight from which on an item is work enough for a thread beside others."""

AGAIN, TRIAL = 1024, 4
"""After so many groups it is found out anew whether more threads than one are of use, by so many items."""

T = TypeVar("T")
R = TypeVar("R")

_Done: TypeAlias = tuple[list[R], int]


def map_unordered(items: Iterable[T], work: Callable[[T], R], *, workers: int, stop: Cancel) -> Iterator[R]:
    """The results in the order in which they are done; at most `workers` items are in work, few more are held.

    Once `stop` is set no further item is begun; what is in work is finished and its results still come. An exception
    of `work` is a bug and ends the iteration.
    """
    with Pool(work, workers, stop) as pool:
        for item in items:
            if stop.is_set():
                break
            pool.submit(item)
            if pool.is_full:
                yield from pool.take()
        while pool.waiting:
            yield from pool.take()


def map_by_pace(
    items: Iterable[T], work: Callable[[T], R], *, weight: Callable[[T], int], workers: int, stop: Cancel
) -> Iterator[R]:
    """As `map_unordered`, for very many items that are small: as many threads at once as are of use.

    Threads that never wait for anything but each other are slower together than one is alone, because Python runs one at
    a time and changes between them at every system call. So a group of items is given to one thread, and the next group
    when that is done; where it turns out that the thread had to wait (for a disk, a share, a server), and where the items
    are heavy, all threads are used. `weight`: bytes of an item that are worked on where Python is not needed.
    """

    return _Paced(items, work, weight, workers, stop).results()


class _Paced(Generic[T, R]):
    """One run of it, which finds out whether more threads than one are of use."""

    def __init__(
        self, items: Iterable[T], work: Callable[[T], R], weight: Callable[[T], int], workers: int, stop: Cancel
    ) -> None:
        self._left = iter(items)
        self._work = work
        self._weight = weight
        self._workers = workers
        self._stop = stop
        self._is_of_use = False

    def results(self) -> Iterator[R]:
        with Pool(self._done, self._workers, self._stop) as pool:
            for group, is_alone in self._groups():
                yield from self._alone(pool, group) if is_alone else _beside(pool, group)
            while pool.waiting:
                yield from _results(pool)

    def _groups(self) -> Iterator[tuple[Sequence[T], bool]]:
        """Items for one thread, and whether nothing is to be in work beside them."""
        for number in count():
            is_trial = not self._is_of_use or number % AGAIN == 0
            most = 1 if not is_trial else TRIAL if self._is_of_use or number == 0 else GROUP
            group, is_heavy = _group(self._left, self._weight, most)
            if not group or self._stop.is_set():
                return
            yield group, is_trial and not is_heavy

    def _alone(self, pool: Pool[Sequence[T], _Done[R]], group: Sequence[T]) -> Iterator[R]:
        while pool.waiting:
            yield from _results(pool)
        pool.submit(group)
        for results, waits in pool.take():
            self._is_of_use = self._workers > 1 and 2 * waits >= len(results)
            yield from results

    def _done(self, group: Sequence[T]) -> _Done[R]:
        """The results, and how often the thread gave up the processor by itself."""
        before, results = _waits(), []
        for item in group:
            if self._stop.is_set():
                break
            results.append(self._work(item))
        return results, _waits() - before


def _beside(pool: Pool[Sequence[T], _Done[R]], group: Sequence[T]) -> Iterator[R]:
    pool.submit(group)
    if pool.is_full:
        yield from _results(pool)


def _results(pool: Pool[Sequence[T], _Done[R]]) -> Iterator[R]:
    for results, _ in pool.take():
        yield from results


def _group(left: Iterator[T], weight: Callable[[T], int], most: int) -> tuple[list[T], bool]:
    """The next items, as many as are asked for or up to one that is heavy; whether one is."""
    group: list[T] = []
    for item in left:
        group.append(item)
        if weight(item) >= HEAVY:
            return group, True
        if len(group) >= most:
            break
    return group, False


def _waits() -> int:
    """How often this thread has given up the processor by itself; where the system does not tell, it counts as always."""
    if not hasattr(resource, "RUSAGE_THREAD"):
        return time.perf_counter_ns()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Pool(Generic[T, R]):
    """Daemon threads that take items and give results; `waiting` counts the items whose result has not been taken.

    Once `stop` is set, items that were not begun give no result.
    """

    def __init__(self, work: Callable[[T], R], size: int, stop: Cancel) -> None:
        self.waiting = 0
        self._work = work
        self._size = size
        self._stop = stop
        self._tasks: SimpleQueue[T | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[R, None] | tuple[None, BaseException] | None] = SimpleQueue()

    def __enter__(self) -> Pool[T, R]:
        for number in range(self._size):
            threading.Thread(target=self._run, name=f"worker-{number}", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """No more items; the threads end when theirs are done."""
        for _number in range(self._size):
            self._tasks.put(None)

    @property
    def is_full(self) -> bool:
        """Whether a result is to be taken before the next item; as many wait as work, so that no thread waits for the caller."""
        return self.waiting >= 2 * self._size

    def submit(self, item: T) -> None:
        """One more item; None is not one."""
        self._tasks.put(item)
        self.waiting += 1

    def take(self) -> Iterator[R]:
        """The next result, waiting for it; none for an item that was not begun any more. What `work` raised is raised here."""
        result = self._results.get()
        self.waiting -= 1
        if result is None:
            return
        value, error = result
        if error is not None:
            raise error
        yield value  # type: ignore[misc]  # no error: there is a value

    def _run(self) -> None:
        while (item := self._tasks.get()) is not None:
            if self._stop.is_set():
                self._results.put(None)
                continue
            try:
                self._results.put((self._work(item), None))
            except BaseException as error:  # noqa: BLE001  it is raised again where the results are taken
                self._results.put((None, error))


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one fetched while the one at hand is used. The thread ends when nobody takes any more."""
    queue: Queue[tuple[T | None, BaseException | None]] = Queue(maxsize=1)
    stopped = threading.Event()

    def fetch() -> None:
        try:
            for item in items:
                queue.put((item, None))
                if stopped.is_set():
                    return
            queue.put((None, None))
        except BaseException as error:  # noqa: BLE001  it is raised again where the items are used
            queue.put((None, error))

    threading.Thread(target=fetch, name="list", daemon=True).start()
    try:
        while True:
            item, error = queue.get()
            if error:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        with suppress(Empty):
            queue.get_nowait()  # it may wait for room


def run_all(items: Iterable[T], work: Callable[[T], None], *, workers: int, halt: threading.Event) -> None:
    """Work on all items, and return when no thread works any more; the first exception sets `halt` and is raised then.

    For work that must not go on after its caller has given up: `work` looks at `halt` now and then, and ends.
    """
    waiting: SimpleQueue[T] = SimpleQueue()
    for item in items:
        waiting.put(item)
    errors: list[BaseException] = []
    arguments = (waiting, work, halt, errors)
    threads = [threading.Thread(target=_until_empty, args=arguments, name=f"worker-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        halt.set()
        for thread in threads:
            thread.join(PATIENCE)
    if errors:
        raise errors[0]


def _until_empty(waiting: SimpleQueue[T], work: Callable[[T], None], halt: threading.Event, errors: list[BaseException]) -> None:
    try:
        while not halt.is_set():
            work(waiting.get_nowait())
    except Empty:
        return
    except BaseException as error:  # noqa: BLE001  it is raised again where all of it was asked for
        errors.append(error)
        halt.set()
