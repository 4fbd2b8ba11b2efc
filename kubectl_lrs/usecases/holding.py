"""Which LRS of a backup a word means: its name, the id of its application or deployment, or the application's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.manifest import loads
from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.lrs.saved import RAW_FILE, index
from kubectl_lrs.usecases.belonging import names_in
from kubectl_lrs.usecases.owners import ID


def holds(backup: Backup, words: Sequence[str]) -> bool:
    """Whether there is an LRS for each of these. One whose list cannot be read may hold them: whoever takes it says why not."""
    try:
        return all(found for _, found in _found(backup, words))
    except DamageError:
        return True


def lacking(backup: Backup, words: Sequence[str]) -> list[str]:
    """Those of these for which there is no LRS, by one look at its list; what cannot be read may hold the others."""
    found: list[str] = []
    with suppress(DamageError):
        found.extend(word for word, meant in _found(backup, words) if not meant)
    return found


def applications_of(backup: Backup, objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, str]]:
    """(namespace, name) of an LRS → (id, name) of the application whose id stands in its name, where its document is saved.

    Nothing where the documents cannot be read: `verify` says so.
    """
    try:
        names_ = names_in(backup)
    except DamageError:
        return {}
    found = {}
    for each in objects if names_ else ():
        known = [identifier for identifier in ID.findall(str(each["name"])) if identifier in names_]
        if len(known) == 1:
            found[str(each["namespace"]), str(each["name"])] = (known[0], names_[known[0]])
    return found


def resolved(backup: Backup, words: Sequence[str]) -> list[tuple[str, str]]:
    """(word, the LRS that it means: the word itself where that is its name, or where nothing is known of it).

    UsageError where an id or the name of an application stands for several.
    """
    made = []
    for word, found in _found(backup, words):
        if len(found) > 1 and word not in found:
            raise UsageError(f"{word!r} is of {len(found)} LRS: {', '.join(found[:5])}", hint="name the one that is meant")
        made.append((word, found[0] if len(found) == 1 else word))
    return made


def _found(backup: Backup, words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """(word, the LRS that it may mean)."""
    keys = [(str(each["namespace"]), str(each["name"])) for each in index(backup)]
    by_name = {name for key in keys for name in (key[1], "/".join(key))}
    applications: dict[str, list[str]] | None = None
    for word in words:
        if word in by_name:
            yield word, [word]
            continue
        ids = [word.lower()] if ID.fullmatch(word.lower()) else []
        if not ids:
            applications = _applications(backup) if applications is None else applications
            ids = applications.get(word, [])
        yield word, _with_id(backup, keys, ids) if ids else []


def _with_id(backup: Backup, keys: Iterable[tuple[str, str]], ids: Sequence[str]) -> list[str]:
    """The LRS in whose name one of the ids stands as a whole word; where there is none, those in which it stands elsewhere."""
    token = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(ids)})(?![0-9A-Za-z])")
    if named := ["/".join(key) for key in keys if token.search(key[1])]:
        return named
    lines = (line for line in backup.lines(RAW_FILE) if token.search(line))
    metadata = (loads(line)["metadata"] for line in lines)
    return [f"{each['namespace']}/{each['name']}" for each in metadata]


def _applications(backup: Backup) -> dict[str, list[str]]:
    """Name of an application → its ids, as the saved documents have them; none where there are no such."""
    found: dict[str, list[str]] = {}
    for identifier, name in names_in(backup).items():
        found.setdefault(name, []).append(identifier)
    return found
