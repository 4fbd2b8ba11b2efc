"""What a restore makes beside the application's collections, and whose it is: each name holds the token of its run.

A run that replaces collections keeps a small collection of its own, `lrs_restore.TOKEN`, into which it writes a sign of life
every few seconds, with the server's time. What belongs to a run without one for a minute, or whose process this machine
knows to be over, is removed by the next run; what belongs to a run that gives signs of life, and what nobody says the owner
of, stays. Being wrong costs the other run its work and nothing else: before anything takes the place of an old collection,
its UUID and the number of its documents are looked at.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType, TracebackType
from typing import Any

import bson
from bson.timestamp import Timestamp

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import process
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server
from kubectl_lrs.stores.mongo.server.persist import Persist

PREFIX = "lrs_restore."
"""What the names of all that restores make for themselves begin with."""

LONGEST = 120
"""Bytes of a collection's own name in the one beside it; a longer one is known by its hash."""

BEAT = 5.0
"""Seconds between two signs of life."""

DEAD = 60.0
"""Seconds without one after which a run is over."""

_OURS = re.compile(r"lrs_restore\.([0-9a-f]{16})(?:\.|$)")


class Owner(str, Enum):
    """What is known of the run that made something."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Abandoned:
    """What a run has left, or is at work with. `last`: its last sign of life, `age`: seconds since; `who`: where it runs."""

    collections: tuple[CollectionInfo, ...]
    owner: Owner
    age: float = 0.0
    who: str = ""
    last: Mapping[str, Any] = field(default_factory=dict)

    @property
    def listed(self) -> str:
        """Their names."""
        return ", ".join(info.name for info in self.collections)


def trial_name() -> str:
    """A name for what is only tried: nothing of this name is ever to be seen."""
    return f"{PREFIX}{secrets.token_hex(8)}.trial"


def found(mongo: Mongo, server: Server, database: str, present: Iterable[CollectionInfo]) -> list[Abandoned]:
    """What other runs have in a database, run by run."""
    runs: dict[str, list[CollectionInfo]] = {}
    for info in present:
        plain = info.name.removeprefix(names.BUCKETS)
        if plain.startswith(PREFIX) and plain == info.name:
            match = _OURS.match(info.name)
            runs.setdefault(match[1] if match else info.name, []).append(info)
    return [_judged(mongo, server, database, run, each) for run, each in sorted(runs.items())]


def _judged(mongo: Mongo, server: Server, database: str, run: str, collections: list[CollectionInfo]) -> Abandoned:
    signs = f"{PREFIX}{run}"
    last = mongo.newest(database, signs) if any(info.name == signs for info in collections) else None
    ordered = tuple(sorted(collections, key=lambda info: info.name == signs))  # the signs of life go last
    at = last.get("at") if last else None
    if not last or not isinstance(at, Timestamp) or not at.time:
        return Abandoned(collections=ordered, owner=Owner.UNKNOWN)
    age = max(0.0, _now(server) - at.time)
    owner = Owner.DEAD if age > DEAD or process.is_gone(last.get("process"), last.get("place")) else Owner.ALIVE
    return Abandoned(collections=ordered, owner=owner, age=age, who=str(last.get("who", "")), last=last)


def _now(server: Server) -> float:
    """The server's time; the earlier of its two clocks, for a run that lives must not be taken for dead."""
    return min(server.clock, float(server.operation_time[0])) if server.operation_time else server.clock


def sweep(mongo: Mongo, database: str) -> Iterator[str]:
    """Remove what dead runs have left; what was removed, and what could not be."""
    present = mongo.collections(database).values()
    for each in found(mongo, mongo.server(), database, present):
        if each.owner is not Owner.DEAD:
            continue
        try:
            for info in each.collections:
                mongo.drop(database, info.name, uuid=info.uuid)
        except LrsError as error:
            yield f"warning: what an interrupted restore has left could not be removed: {error}"
        else:
            yield f"removed what an interrupted restore has left: {each.listed}"


class Workplace:
    """What this run makes beside the application's collections. The first name that is asked for begins the signs of life.

    `mark`: what each of them says besides.
    """

    def __init__(
        self, mongo: Mongo, persist: Persist, database: str, *, token: str = "", mark: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._mongo = mongo
        self._persist = persist
        self._database = database
        self._token = token or secrets.token_hex(8)
        self._mark = mark
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """No more signs of life. Where the server is lost they stay, and the run is over for others after a minute."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join(BEAT)
        with suppress(LrsError):
            self._mongo.drop(self._database, self._signs)

    @property
    def _signs(self) -> str:
        return f"{PREFIX}{self._token}"

    def beside(self, name: str) -> str:
        """The name of what is made beside a collection; others can tell by it that this run is at work."""
        self.begin()
        own = name if len(name.encode()) <= LONGEST else hashlib.sha256(name.encode()).hexdigest()
        return f"{self._signs}.{own}"

    def begin(self) -> None:
        """Give signs of life from now on."""
        if self._thread is not None:
            return

        def create(attempt: int) -> None:
            if attempt:  # the answer to an earlier try may have been lost
                self._mongo.drop(self._database, self._signs)
            self._mongo.create(self._database, self._signs, {})

        self._persist(create)
        try:
            self._persist(lambda _attempt: self._beat())
        except LrsError:  # without a sign of life nobody could tell whose it is
            with suppress(LrsError):
                self._mongo.drop(self._database, self._signs)
            raise
        self._thread = threading.Thread(target=self._live, name="signs of life", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(LrsError):  # the next one may come through; without any, others take the run for over
                self._beat()

    def _beat(self) -> None:
        """The server puts its own time in the place of the empty one."""
        number = os.getpid()
        who = f"process {number} on {socket.gethostname()}"
        sign = {"at": Timestamp(0, 0), "who": who, "process": number, "place": process.place(), **self._mark}
        self._mongo.insert(self._database, self._signs, [bson.encode(sign)])
