"""What a prune of the pool would do, found out by one pass over it: what is swept, what is condemned, what is lacking.

Backups' references and the pool are both sorted, and merged: memory is flat in objects and in backups. What was found is
what is then done; whoever deletes looks at the backups again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from kubectl_lrs.backends.base import KeyNotFoundError, Skipped, Stat, refuse_unreadable
from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.repository.count import NOTHING, Count
from kubectl_lrs.repository.pool import condemned
from kubectl_lrs.repository.pool.check import pool
from kubectl_lrs.repository.pool.condemned import List, Name
from kubectl_lrs.repository.pool.layout import SEAL, BackupId, backup_of, pool_key
from kubectl_lrs.repository.pool.sight import PoolHandle, Sealed, Sight, tokens_of
from kubectl_lrs.repository.pool.tokens import Among, Tokens, union

LACKING = 10_000
"""References to what is not there that are looked into; where there are more, the pool is not to be judged at all."""


class Names:
    """Names in an unnamed temporary file, in their order. `total`: how much they are."""

    def __init__(self, names: Iterable[Name] = ()) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 16)  # noqa: SIM115
        self.total = NOTHING
        for each in names:
            self._file.write(f"{each.size} {each.key}\n".encode())
            self.total = self.total.plus(each.size)

    def __iter__(self) -> Iterator[Name]:
        self._file.seek(0)
        for line in self._file:
            size, _, key = line.decode().rstrip("\n").partition(" ")
            yield Name(key, int(size))


@dataclass(frozen=True, kw_only=True)
class References:
    """What is referred to. `kept`: by backups that stay; `going`: by those that go; `loose`: by what must stay and may still
    lose what others have decided to delete: late seals, and what was forgotten and is held. `more`, `more_loose`: of what has
    come since that was looked at."""

    kept: Tokens
    going: Tokens
    loose: Tokens
    more: Tokens = field(default_factory=Tokens)
    more_loose: Tokens = field(default_factory=Tokens)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """`condemned`: what nothing refers to any more once the plan is done. `sweep`: what is deleted at once. `lacking`: backups
    that refer to what is not there, and how much. `going`: the backups that go by it. `unfinished`: keys of what has no
    name yet, which runs have begun to put there."""

    going: frozenset[BackupId]
    references: References
    condemned: Names
    sweep: Count
    lacking: dict[BackupId, int]
    unfinished: tuple[str, ...] = ()


def survey(place: PoolHandle, sight: Sight, going: Collection[BackupId]) -> Survey:
    """Look at the pool, for a plan by which these backups go. DamageError where a backup's references cannot be read."""
    references = references_of(place, sight, going)
    kept = Among(references.kept, limit=LACKING)
    gone = Among(references.going, limit=LACKING)
    listed = condemned.tokens(place.backend, sight.lists)
    unfinished: list[str] = []
    names = Names(_unreferred(place, sight, going, (kept, gone, Among(references.loose), Among(listed)), unfinished))
    for each in (kept, gone):
        each.finish()
    listed.close()
    return Survey(
        going=frozenset(going),
        references=references,
        condemned=names,
        sweep=Count.of(
            name.size for each in mature(place, sight) for name, goes in doomed(place, sight, each, references) if goes
        ),
        lacking=_lacking(place, sight, [kept, gone]),
        unfinished=tuple(unfinished),
    )


def references_of(place: PoolHandle, sight: Sight, going: Collection[BackupId]) -> References:
    """What all that counts refers to."""
    firm = [each for each in sight.sealed.values() if not each.is_late]
    stay = [each for each in firm if each.seal.backup not in going]
    go = [each for each in firm if each.seal.backup in going]
    late = [each.seal for each in sight.sealed.values() if each.is_late]
    loose = [*late, *(sight.forgotten[each] for each in sight.held_forgotten)]
    return References(
        kept=union(tokens_of(place, each.seal) for each in stay),
        going=union(tokens_of(place, each.seal) for each in go),
        loose=union(tokens_of(place, each) for each in loose),
    )


def _unreferred(
    place: PoolHandle,
    sight: Sight,
    going: Collection[BackupId],
    judged: tuple[Among, Among, Among, Among],
    unfinished: list[str],
) -> Iterator[Name]:
    """What is to be condemned, in the order of the keys: beside the pool, then in it. `unfinished` is what is found besides."""

    def skipped(key: str, what: Skipped, error: LrsError | None) -> None:
        refuse_unreadable(key, what, error)
        if what is Skipped.UNFINISHED:
            unfinished.append(key)

    yield from _of_backups(place, sight, going)
    kept, gone, loose, listed = judged
    for token, stat in pool(place.backend, skipped=skipped):
        is_kept, is_gone = kept.has(token), gone.has(token)
        if is_kept or loose.has(token) or listed.has(token):
            continue
        if is_gone or is_old(stat, sight.now, place.grace):
            yield Name(stat.key, stat.size)


def _of_backups(place: PoolHandle, sight: Sight, going: Collection[BackupId]) -> Iterator[Name]:
    """What is left of backups that are forgotten, or were never sealed, and that no list names."""
    listed = {name.key for each in sight.lists for name in _beside_the_pool(place, each)}
    for backup in sorted(sight.files, key=lambda each: each.key("").encode()):
        for file, stat in sight.files[backup].items():
            if backup in sight.sealed:
                goes = backup in going and file != SEAL
            else:
                goes = backup in sight.forgotten or is_old(stat, sight.now, place.grace)
            if goes and stat.key not in listed:
                yield Name(stat.key, stat.size)


def _beside_the_pool(place: PoolHandle, each: List) -> Iterator[Name]:
    for name in _names(place, each):
        if backup_of(name.key) is None:
            return  # the rest is in the pool: keys are sorted
        yield name


def is_old(stat: Stat, now: float, grace: float) -> bool:
    """Whether it has been there for the grace time: what a run has put there that has not sealed yet is left to it until then."""
    return stat.mtime is None or now - stat.mtime >= grace


def mature(place: PoolHandle, sight: Sight) -> list[List]:
    """The lists whose time has come."""
    return [each for each in sight.lists if each.swept is None and each.is_mature(sight.now, place.grace)]


def doomed(place: PoolHandle, sight: Sight, each: List, references: References) -> Iterator[tuple[Name, bool]]:
    """(name, True) of what a mature list names and nothing refers to; (name, False) of what stays and stays condemned."""
    firm = [Among(references.kept), Among(references.going), Among(references.more)]
    loose = [Among(references.loose), Among(references.more_loose)]
    for name in _names(place, each):
        if known := pool_key(name.key):
            if not any(one.has(known.token) for one in firm):
                yield name, not any(one.has(known.token) for one in loose)
        elif of := backup_of(name.key):
            sealed = sight.sealed.get(of[0])
            if sealed is None or sealed.is_late:
                yield name, sealed is None and of[0] not in sight.held_forgotten


def _names(place: PoolHandle, each: List) -> Iterator[Name]:
    """What it names; nothing where another prune has dropped it, as then nothing of it is left."""
    with suppress(KeyNotFoundError):
        yield from condemned.read(place.backend, each.key)


def _lacking(place: PoolHandle, sight: Sight, judged: list[Among]) -> dict[BackupId, int]:
    """Which backups refer to what is not there."""
    if not any(each.missed for each in judged):
        return {}
    if any(each.missed > LACKING for each in judged):
        raise DamageError(
            f"{place.backend.url}: {max(each.missed for each in judged)} objects that backups refer to are not in the list of "
            "the pool; nothing was removed",
            hint="verify says which backups are damaged; see whether the storage lists all that it holds",
        )
    gone = {token for each in judged for token in each.passed}
    counts = {each: _count(place, sealed, gone) for each, sealed in sight.sealed.items() if not sealed.is_late}
    return {backup: count for backup, count in counts.items() if count}


def _count(place: PoolHandle, sealed: Sealed, gone: set[bytes]) -> int:
    return sum(token in gone for token in tokens_of(place, sealed.seal))
