"""A storage whose users are run request by request: one may wait for days before its next, or die while one is on its way.

Each user is the real code in a thread of its own, that stops before every request until it is told to go on. A request of one
that dies may still arrive, later than everything else. Listings may show what was there a while ago.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from kubectl_lrs.backends.base import OnSkipped, Reading, Stat, Written, deleted_each, refuse_unreadable
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import LrsError, UnreachableError
from tests.bed.loader import PATIENCE

HOUR = 3600.0


class Killed(BaseException):
    """The process is no more."""


class How(Enum):
    """What becomes of the next request."""

    DONE = "done, and answered"
    KILLED_BEFORE = "never sent: its process died"
    KILLED_AFTER = "done; its process died before the answer"
    KILLED_MEANWHILE = "it is still on its way, and its process died"
    LOST = "it is still on its way, and the connection broke"


class World:
    """The storage, its clock, what is still on its way, and how it was before."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.0
        self.memory = Memory(clock=lambda: self.time)
        self.on_its_way: list[Callable[[], object]] = []
        self._history: list[tuple[float, tuple[Stat, ...]]] = [(0.0, ())]

    def changed(self) -> None:
        """Remember it as it is now."""
        self._history.append((self.time, tuple(self.memory.list())))

    def listed(self, prefix: str, lag: float) -> list[Stat]:
        """As it was then, or still is."""
        then = next(stats for at, stats in reversed(self._history) if at <= self.time - lag)
        return [each for each in then if each.key.startswith(prefix)]

    def arrive(self, number: int) -> None:
        """One of what is on its way."""
        self._quietly(self.on_its_way.pop(number))

    def _quietly(self, act: Callable[[], object]) -> None:
        try:
            act()
        except LrsError:
            pass  # nobody waits for its answer
        finally:
            self.changed()


class Actor:
    """One process: a function of a back end, run step by step."""

    def __init__(self, world: World, name: str, work: Callable[[Any], object]) -> None:
        self.name, self._world, self._work = name, world, work
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._one = threading.Lock()
        self._how, self._lag = How.DONE, 0.0
        self.is_over = False
        self.result: object = None
        self.error: BaseException | None = None
        self.at = "the beginning"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._wait()

    def _run(self) -> None:
        try:
            self.result = self._work(_Suspended(self))
        except BaseException as error:
            self.error = error
        self.is_over = True
        self._back.release()

    def _wait(self) -> None:
        assert self._back.acquire(timeout=PATIENCE), f"{self.name} hangs"

    def step(self, how: How = How.DONE, lag: float = 0.0) -> None:
        """Its next request."""
        self._how, self._lag = how, lag
        self._turn.release()
        self._wait()
        if self.is_over:
            self._thread.join(PATIENCE)

    def run(self) -> object:
        """To its end."""
        while not self.is_over:
            self.step()
        if self.error:
            raise self.error
        return self.result

    def request(self, what: str, act: Callable[[float], Any], *, changes: bool = False) -> Any:
        """In one of its threads: wait for the turn, and do it so. Who has a thread beside waits for that one first."""
        with self._one:
            return self._request(what, act, changes=changes)

    def _request(self, what: str, act: Callable[[float], Any], *, changes: bool) -> Any:
        self.at = what
        self._back.release()
        assert self._turn.acquire(timeout=PATIENCE * 10), "nobody goes on"
        how, world = self._how, self._world
        if how is How.KILLED_BEFORE or (how is How.KILLED_MEANWHILE and not changes):
            raise Killed
        if how in (How.KILLED_MEANWHILE, How.LOST) and changes:
            world.on_its_way.append(lambda: act(0.0))
            if how is How.LOST:
                raise UnreachableError(f"{what}: the connection broke")
            raise Killed
        try:
            return act(self._lag)
        finally:
            if changes:
                world.changed()
            if how is How.KILLED_AFTER:
                raise Killed

    @property
    def memory(self) -> Memory:
        """The storage."""
        return self._world.memory

    def listed(self, prefix: str, lag: float) -> list[Stat]:
        """As it is shown to this one."""
        return self._world.listed(prefix, lag)


class _Suspended:
    """The back end that an actor sees."""

    batch = 1
    url = "memory://"

    def __init__(self, actor: Actor) -> None:
        self._actor, self._memory = actor, actor.memory

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        found = self._actor.request(f"list {prefix}", lambda lag: self._actor.listed(prefix, lag))
        return iter(found)

    def stat(self, key: str) -> Stat:
        return self._actor.request(f"stat {key}", lambda _: self._memory.stat(key))  # type: ignore[no-any-return]

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        return self._actor.request(f"read {wanted.key}", lambda _: self._memory.read(wanted, sink))  # type: ignore[no-any-return]

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self._actor.request(f"read {key}", lambda _: self._memory.read_range(key, start, length))  # type: ignore[no-any-return]

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> _Upload:  # noqa: ARG002
        return _Upload(self._actor, key, b"".join(chunks), replace=replace)

    def sync(self) -> None:
        """There is no disk."""

    def delete(self, key: str) -> None:
        self._actor.request(f"delete {key}", lambda _: self._memory.delete(key), changes=True)

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        return deleted_each(self.delete, keys)

    def now(self) -> float:
        return self._actor.request("now", lambda _: self._memory.now())  # type: ignore[no-any-return]


class _Upload:
    """Made by one request."""

    def __init__(self, actor: Actor, key: str, data: bytes, *, replace: bool) -> None:
        self._actor, self._key, self._data, self._replace = actor, key, data, replace

    def commit(self, *, once: bool = False) -> Written:  # noqa: ARG002
        def place(_lag: float) -> Written:
            return self._actor.memory.place(self._key, self._data, {}, replace=self._replace)

        return self._actor.request(f"put {self._key}", place, changes=True)  # type: ignore[no-any-return]

    def abort(self) -> None:
        """Nothing was made."""
