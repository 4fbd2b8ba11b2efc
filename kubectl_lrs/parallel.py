"""Work at once, with a bound: many items in parallel, or the next item while this one is used. It knows nothing of the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import Queue, SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def for_each(items: Iterable[T], work: Callable[[T], R], *, workers: int, stop: threading.Event) -> Iterator[R]:
    """The results in the order in which they are done; at most `workers` items are in work, few more are held.

    Once `stop` is set no further item is begun; what is in work is finished and its results still come. An exception
    of `work` is a bug and ends the iteration.
    """
    tasks: SimpleQueue[T | None] = SimpleQueue()
    results: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        while (item := tasks.get()) is not None:
            try:
                results.put((work(item), None))
            except BaseException as error:  # noqa: BLE001  it is raised again where the results are used
                results.put((None, error))

    threads = [threading.Thread(target=run, name=f"worker-{n}", daemon=True) for n in range(workers)]
    for thread in threads:
        thread.start()
    waiting = 0
    try:
        for item in items:
            if stop.is_set():
                break
            tasks.put(item)
            waiting += 1
            # As many again as there are workers, so that none of them waits for this thread.
            if waiting >= 2 * workers:
                yield _result(results.get())
                waiting -= 1
        while waiting:
            yield _result(results.get())
            waiting -= 1
    finally:
        for _ in threads:
            tasks.put(None)


def _result(pair: tuple[R | None, BaseException | None]) -> R:
    value, error = pair
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def ahead(items: Iterator[T]) -> Iterator[T]:
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
