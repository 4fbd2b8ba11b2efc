"""Work at once, with a bound: many items in parallel, or the next item while this one is used. It knows nothing of the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Queue, SimpleQueue
from typing import Generic, TypeVar

from kubectl_lrs.runtime.cancel import Cancel

PATIENCE = 10.0
"""Seconds that a thread has to notice that it is to end; one that waits for a server ends with the process."""

T = TypeVar("T")
R = TypeVar("R")


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
    """The same items, the next one fetched while the one at hand is used. The thread never outlives the process."""
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
