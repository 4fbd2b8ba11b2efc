"""The values that a flag or an argument can have: from the kubeconfig, the cluster, the backups. Silent where they are not had.

Whatever a look-up runs into, it gives no candidates; it is given up after `LIMIT`, and nothing ever asks a question.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Thread

import click

from kubectl_lrs.completion.engine import Candidate, Completion, Directive, Line
from kubectl_lrs.model.errors import LrsError

LIMIT = 2.0
"""Seconds that a look-up may take; a plugin that asks for credentials included."""

Source = Callable[[Line], Sequence[Candidate]]


def complete(line: Line, param: click.Parameter) -> Completion:
    """What is known of the parameter; nothing where the table has no source for it."""
    if param.metavar in KINDS:
        return Completion((), KINDS[param.metavar])
    if param.name in BACKUPS and _is_path(line.partial):
        return Completion((), Directive.FOLDERS)
    source = SOURCES.get(str(param.name))
    found = _within_limit(source, line) if source else ()
    return Completion([each for each in found if each.word.startswith(line.partial)])


def _is_path(partial: str) -> bool:
    return partial.startswith((".", "/", "~"))


def _within_limit(source: Source, line: Line) -> Sequence[Candidate]:
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
    from kubectl_lrs.clients.kubernetes.client import NAMESPACES
    from kubectl_lrs.stores.lrs import connect as wiring

    flags = replace(line.kube_flags(), namespace="", request_timeout=f"{LIMIT:g}s")
    return [Candidate(str(each["metadata"]["name"])) for each in wiring.connect(flags).items(NAMESPACES)]


# ---- types


def _types(line: Line) -> list[Candidate]:
    """After a comma, the types that are not there yet."""
    from kubectl_lrs.model.workloads import WORKLOADS

    *chosen, _ = line.partial.split(",")
    begin = "".join(f"{each}," for each in chosen)
    return [Candidate(f"{begin}{each.label}", each.why) for each in WORKLOADS.values() if each.label not in chosen]


# ---- backups


def _backups(line: Line) -> list[Candidate]:
    """The newest first, `latest` before them all."""
    from kubectl_lrs.model.names import LATEST
    from kubectl_lrs.stores.lrs import connect as wiring

    sealed, _ = wiring.backup_dir(line.value("backup_dir")).survey()
    named = [
        Candidate(each.path.name, f"{each.catalog.instant:%Y-%m-%d %H:%M} of {each.catalog.cluster.server}")
        for each in reversed(sealed)
    ]
    return [Candidate(LATEST, "the newest one"), *named] if named else []


def _after(line: Line) -> list[Candidate]:
    return [Candidate("live", "the cluster, now"), *_backups(line)]


def _names(line: Line) -> list[Candidate]:
    """Backups for the first word, and the LRS in the one that --from names, else in the newest."""
    from kubectl_lrs.model.names import LATEST
    from kubectl_lrs.stores.lrs import connect as wiring
    from kubectl_lrs.stores.lrs.saved import index

    backups = [] if line.arguments or line.value("from_") else _backups(line)
    folder = wiring.backup_dir(line.value("backup_dir")).find(line.value("from_") or LATEST)
    entries = [(str(entry["namespace"]), str(entry["name"]), str(entry.get("type") or "")) for entry in index(folder)]
    times = Counter(name for _, name, _ in entries)
    found = [
        Candidate(f"{namespace}/{name}" if times[name] > 1 or "/" in line.partial else name, kind)
        for namespace, name, kind in entries
    ]
    return [*backups, *(each for each in found if each.word not in line.arguments)]


SOURCES: Mapping[str, Source] = {
    "context": _contexts,
    "cluster": _clusters,
    "user": _users,
    "namespace": _namespaces,
    "types": _types,
    "excluded": _types,
    "backup": _backups,
    "before": _backups,
    "after": _after,
    "from_": _backups,
    "names": _names,
}
"""By the name of the parameter, which means the same in every verb."""

BACKUPS = ("backup", "before", "after", "from_", "names")
KINDS = {"FILE": Directive.DEFAULT, "DIR": Directive.FOLDERS}
"""By the metavar: what the shell itself completes."""
