"""The values that a flag or an argument can have: from the kubeconfig, the cluster, the backups. Silent where they are not had.

Whatever a look-up runs into, it gives no candidates; it is given up after `LIMIT`, and nothing ever asks a question.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

import click

from kubectl_lrs.completion.line import Candidate, Completion, Directive, Line
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.flags import Flag, Source

if TYPE_CHECKING:
    from kubectl_lrs.repository import Repository

LIMIT = 2.0
"""Seconds that a look-up may take; a plugin that asks for credentials included."""

LookUp = Callable[[Line], Sequence[Candidate]]


def complete(line: Line, param: click.Parameter) -> Completion:
    """What is known of the parameter; nothing where the table has no source for it."""
    if offered := _offered(line, param):
        return Completion([each for each in offered if each.word.startswith(line.partial)], Directive.NO_FILES)
    kind = source_of(param)
    if kind in SHELLS_OWN:
        return Completion((), SHELLS_OWN[kind])
    if kind in BACKUPS and _is_path(line.partial):
        return Completion((), Directive.FOLDERS)
    source = SOURCES.get(kind)
    found = _within_limit(source, line) if source else ()
    return Completion([each for each in found if each.word.startswith(line.partial)])


def _offered(line: Line, param: click.Parameter) -> list[Candidate]:
    """The words of a flag or an argument that offers some; none twice, and after commas where it takes these."""
    flag: Flag | None = getattr(param, "flag", None)
    if flag is None:
        return []
    *chosen, _ = line.partial.split(",") if flag.commas else [""]
    begin = "".join(f"{each}," for each in chosen)
    there = (*chosen, *(line.arguments if flag.is_argument else ()))
    return [Candidate(f"{begin}{each}") for each in flag.offered if each not in there]


def source_of(param: click.Parameter) -> Source:
    """Where the values of a parameter are found: a flag of ours says so; kubectl's are known by their names."""
    flag: Flag | None = getattr(param, "flag", None)
    if flag is not None:
        return flag.source
    by_metavar = {"FILE": Source.FILE, "DIR": Source.DIRECTORY}.get(str(param.metavar), Source.NONE)
    return GENERIC.get(str(param.name), by_metavar)


def _is_path(partial: str) -> bool:
    return partial.startswith((".", "/", "~"))


def _within_limit(source: LookUp, line: Line) -> Sequence[Candidate]:
    """In a thread that is left behind when it takes too long; the process ends without it."""
    found: list[Candidate] = []

    def look() -> None:
        try:
            found.extend(source(line))
        except LrsError:
            return

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return list(found)


# ---- the kubeconfig and the cluster


def _contexts(line: Line) -> list[Candidate]:
    return _from_kubeconfig(line, "contexts")


def _clusters(line: Line) -> list[Candidate]:
    return _from_kubeconfig(line, "clusters")


def _users(line: Line) -> list[Candidate]:
    return _from_kubeconfig(line, "users")


def _from_kubeconfig(line: Line, section: str) -> list[Candidate]:
    from kubectl_lrs.clients.kubernetes.kubeconfig import names

    return [Candidate(name) for name in names(line.kube_flags(), os.environ, section) if name]


def _namespaces(line: Line) -> list[Candidate]:
    from kubectl_lrs.clients.kubernetes.resources import NAMESPACES
    from kubectl_lrs.stores.lrs.connect import connect

    flags = replace(line.kube_flags(), namespace="", request_timeout=f"{LIMIT:g}s")
    return [Candidate(str(each["metadata"]["name"])) for each in connect(flags).items(NAMESPACES)]


# ---- types


def _types(line: Line) -> list[Candidate]:
    """After a comma, the types that are not there yet."""
    from kubectl_lrs.model.workloads import WORKLOADS

    *selected, _ = line.partial.split(",")
    begin = "".join(f"{each}," for each in selected)
    return [Candidate(f"{begin}{each.label}", each.why) for each in WORKLOADS.values() if each.label not in selected]


# ---- backups


def _directory(line: Line) -> Repository:
    from kubectl_lrs.repository import Reach, open_repository

    if where := line.value("--backup-dir") or os.environ.get("LRS_BACKUP_DIR"):
        return open_repository(where)
    said = line.settings(line.value("--config"))
    options, endpoint, ca_file = (str(said.get(f"repository.{key}", "")) for key in ("optionsFile", "endpoint", "caFile"))
    reach = Reach(options=options, endpoint=endpoint, ca_file=ca_file)
    return open_repository(str(said.get("repository.url", ".")), reach)


def _backups(line: Line) -> list[Candidate]:
    """The newest first, `latest` before them all."""
    from kubectl_lrs.model.names import LATEST

    sealed, _ = _directory(line).scan()
    named = [
        Candidate(each.name, f"{each.catalog.instant:%Y-%m-%d %H:%M} UTC, of {each.catalog.cluster.server or 'others'}")
        for each in reversed(sealed)
    ]
    return [Candidate(LATEST, "the newest one"), *named] if named else []


def _readable(line: Line) -> list[Candidate]:
    """Backups, and what others saved beside them under a backup's name."""
    from kubectl_lrs.model.names import is_backup_name
    from kubectl_lrs.sources.place import Others

    directory = _directory(line)
    others = Others(directory.journals)
    unsealed = (each.name for each in directory.scan()[1])
    found = [Candidate(name, "saved by others") for name in unsealed if is_backup_name(name) and others.has(name)]
    return [*_backups(line), *found]


def _backup_names(line: Line) -> list[Candidate]:
    """What is named for good: not `latest`, and none twice; several in one word after commas."""
    *chosen, _ = line.partial.split(",")
    begin = "".join(f"{each}," for each in chosen)
    found = [each for each in _backups(line)[1:] if each.word not in (*chosen, *line.arguments)]
    return [replace(each, word=f"{begin}{each.word}") for each in found]


def _after(line: Line) -> list[Candidate]:
    return [Candidate("live", "the cluster, now"), *_readable(line)]


def _names(line: Line) -> list[Candidate]:
    """Backups for the first word, and the LRS in the one that --from names, else in the newest."""
    from kubectl_lrs.model.names import LATEST
    from kubectl_lrs.stores.lrs.saved import index

    backups = [] if line.arguments or line.value("--from") else _readable(line)
    folder = _directory(line).find(line.value("--from") or LATEST)
    entries = [(str(entry["namespace"]), str(entry["name"]), str(entry.get("type") or "")) for entry in index(folder)]
    times = Counter(name for _, name, _ in entries)
    found = [
        Candidate(f"{namespace}/{name}" if times[name] > 1 or "/" in line.partial else name, kind)
        for namespace, name, kind in entries
    ]
    return [*backups, *(each for each in found if each.word not in line.arguments)]


def _applications(line: Line) -> list[Candidate]:
    """Of the backup that the line names, else of the newest: by name; where that is no plain word or not of one, by id."""
    from kubectl_lrs.model.names import LATEST, is_label_value
    from kubectl_lrs.model.units import printable
    from kubectl_lrs.usecases.belonging import applications_in

    directory = _directory(line)
    named = [each for each in (line.value("--from"), *line.arguments) if each and directory.has(each)]
    there = {each: name for each, name in applications_in(directory.find(named[0] if named else LATEST)).items() if name}
    times = Counter(there.values())
    found = [
        Candidate(name, each) if times[name] == 1 and is_label_value(name) else Candidate(each, printable(name))
        for each, name in there.items()
    ]
    return sorted((each for each in found if each.word not in line.arguments), key=lambda each: each.word)


def _kinds(_line: Line) -> list[Candidate]:
    """Of documents for programs, and the list of notes."""
    from kubectl_lrs.render.schemas import KINDS

    return [Candidate("notes", "what can be acknowledged"), *(Candidate(name, what) for name, (what, _) in KINDS.items())]


SOURCES: Mapping[Source, LookUp] = {
    Source.CONTEXTS: _contexts,
    Source.CLUSTERS: _clusters,
    Source.USERS: _users,
    Source.NAMESPACES: _namespaces,
    Source.TYPES: _types,
    Source.BACKUPS: _backups,
    Source.READABLE: _readable,
    Source.BACKUP_NAMES: _backup_names,
    Source.BACKUPS_OR_LIVE: _after,
    Source.BACKUPS_AND_LRS: _names,
    Source.APPLICATIONS: _applications,
    Source.KINDS: _kinds,
}

GENERIC: Mapping[str, Source] = {
    "context": Source.CONTEXTS,
    "cluster": Source.CLUSTERS,
    "user": Source.USERS,
    "namespace": Source.NAMESPACES,
}
"""Of kubectl's own flags."""

BACKUPS = (Source.BACKUPS, Source.READABLE, Source.BACKUPS_OR_LIVE, Source.BACKUPS_AND_LRS)
SHELLS_OWN: Mapping[Source, Directive] = {Source.FILE: Directive.DEFAULT, Source.DIRECTORY: Directive.FOLDERS}
"""What the shell itself completes."""
