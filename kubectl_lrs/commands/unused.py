"""Flags that would have no effect in a call: they are refused, so that nothing that was said is dropped without a word.

What follows from the flags alone stands in the table; what follows from a backup is refused by its command, by `refuse`.
Not refused is what says how the work of a plan is to be done where the plan is only shown (`--dry-run`), a permission that
nobody turns out to need, and a value that says what is so anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Selecting, Trusting
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Options, flags_of

Values = Callable[[str], Any]
"""A flag's longest name, or an argument's → its value in this call."""


class Rule(NamedTuple):
    """These flags say nothing unless the rest of the call `holds`; `why`: how that is said, after `says nothing`."""

    flags: tuple[str, ...]
    why: str
    holds: Callable[[Values], bool]


def _given(*words: str) -> Callable[[Values], bool]:
    """Whether one of these has a value."""
    return lambda value: any(value(word) for word in words)


def _words(*kinds: type[Options]) -> tuple[str, ...]:
    return tuple(flag.word for kind in kinds for _, flag in flags_of(kind))


def _api() -> tuple[str, ...]:
    from kubectl_lrs.stores.deployments.flags import ApiOptions

    return _words(ApiOptions)


def _live() -> tuple[str, ...]:
    from kubectl_lrs.stores.files.flags import StorageOptions
    from kubectl_lrs.stores.images.flags import RegistryOptions
    from kubectl_lrs.stores.mongo.flags import DatabaseOptions

    return _words(DatabaseOptions, RegistryOptions, StorageOptions)


def _tried() -> tuple[str, ...]:
    from kubectl_lrs.stores.lrs.flags import TargetOptions

    return _words(Selecting, TargetOptions, Trusting)


def _scheduled() -> tuple[str, ...]:
    from kubectl_lrs.commands.schedule_flags import Settings

    return tuple(word for word in _words(Settings) if word != "--schedule-name")


def _without_api() -> Rule:
    return Rule(flags=_api(), why="with --no-deployments", holds=lambda value: value("--deployments") is not False)


_NIGHTLY = (
    *("--part", "--output", "--clean-spark", "--check-fails", "--fresh", "--events", "--metrics-file", "--pushgateway-file"),
    *(f"--heartbeat-{each}-file" for each in ("start", "success", "failure")),
)
_WITH_JOURNAL = Rule(
    flags=("--backup-dir", "--accept-owner"),
    why="with --journal, which names the file itself",
    holds=lambda value: not value("--journal"),
)

RULES: Mapping[str, Callable[[], tuple[Rule, ...]]] = {
    "backup": lambda: (
        Rule(flags=("--yes",), why="without --clean-spark, as nothing else is asked", holds=_given("--clean-spark")),
        _without_api(),
    ),
    "restore": lambda: (
        Rule(flags=("--recursive",), why="without -f", holds=_given("--filename")),
        Rule(flags=("--operator-replicas",), why="without --pause-operator", holds=_given("--pause-operator")),
        Rule(
            flags=("--accept-unmapped",),
            why="without --map-namespace or --map-registry",
            holds=_given("--map-namespace", "--map-registry"),
        ),
        Rule(
            flags=("--allow-running-app",),
            why="without --mongo-existing=drop: collections are replaced by that alone",
            holds=lambda value: value("--mongo-existing") == "drop",
        ),
    ),
    "deactivate": lambda: (_WITH_JOURNAL,),
    "activate": lambda: (
        _WITH_JOURNAL,
        Rule(flags=("--at",), why="without --from: it says of which time --from latest is", holds=_given("--from")),
    ),
    "verify": lambda: (
        Rule(flags=_tried(), why="here without --against-cluster", holds=_given("--against-cluster")),
        Rule(flags=("--sample",), why="with --full, which reads all", holds=lambda value: not value("--full")),
    ),
    "check": lambda: (
        _without_api(),
        Rule(flags=("--at",), why="without --from: it says of which time --from latest is", holds=_given("--from")),
    ),
    "rehearse": lambda: (
        Rule(
            flags=("--map-namespace",),
            why="with --scratch-namespace, where all objects go",
            holds=lambda value: not value("--scratch-namespace"),
        ),
        Rule(
            flags=("--registry-ca-file", "--registry-plain-http"),
            why="without --scratch-repository: no registry is asked",
            holds=_given("--scratch-repository"),
        ),
    ),
    "diff": lambda: (
        Rule(
            flags=_live(),
            why="without --app, or where the cluster is not compared",
            holds=lambda value: bool(value("--app")) and value("after") == "live",
        ),
    ),
    "repository": lambda: (
        Rule(flags=("--backup-dir",), why="with a place that is named", holds=lambda value: not value("place")),
        Rule(flags=("--quiet", "--adopt"), why="but with check", holds=lambda value: value("what") == "check"),
    ),
    "schedule": lambda: (
        Rule(
            flags=(*_scheduled(), "--apply", "--delete", "--dry-run"),
            why="to status and run: they are about what is in the cluster",
            holds=lambda value: not value("what"),
        ),
        Rule(
            flags=(*_scheduled(), "--apply"),
            why="with --delete, which removes all that was made",
            holds=lambda value: not value("--delete"),
        ),
    ),
    "config": lambda: (
        Rule(flags=("--origin",), why="but to show", holds=lambda value: value("what") == "show"),
        Rule(flags=("--output",), why="to init", holds=lambda value: value("what") != "init"),
    ),
    "run": lambda: (
        Rule(flags=("--segment",), why="but to segment", holds=lambda value: value("what") == "segment"),
        Rule(flags=_NIGHTLY, why="to segment", holds=lambda value: value("what") != "segment"),
        Rule(
            flags=("--clean-spark", "--check-fails"),
            why="without the part backup",
            holds=lambda value: not value("--part") or "backup" in value("--part"),
        ),
        Rule(
            flags=("--fresh",),
            why="but to --part prove, or prune alone",
            holds=lambda value: "prove" in value("--part") or set(value("--part")) == {"prune"},
        ),
    ),
    "image": lambda: (
        Rule(
            flags=("--archive", "--platform", "--base", "--layout"),
            why="with --from: that image is made",
            holds=lambda value: not value("--from"),
        ),
        Rule(flags=("--replace",), why="without --push", holds=_given("--push")),
        Rule(
            flags=("--registry-ca-file", "--registry-plain-http"),
            why="without --push or --base",
            holds=_given("--push", "--base"),
        ),
    ),
    "completion": lambda: (
        Rule(flags=("--dir",), why="but with install: a script is printed", holds=lambda value: value("what") == "install"),
    ),
}
"""By verb; made when it is called, of flags that its parser has by then.

Each flag of each verb has a line in `tests/commands/test_every_input.py`, which tries these too.
"""


REACH = ("--backup-options", "--backup-endpoint", "--backup-ca-file")
"""Of every verb that asks for backups."""


def _names_storage(given: Collection[str], value: Values) -> bool:
    """Whether the backups are on a storage, or what the call names is: a repository, or what others saved."""
    from kubectl_lrs.runtime.paths import is_url

    named = [value(word) for word in given if not word.startswith("-") or word == "--from"]
    found = [str(value("--backup-dir") or os.environ.get("LRS_BACKUP_DIR", ""))]
    for each in named:
        found += each if isinstance(each, list | tuple) else [str(each or "")]
    return any(map(is_url, found))


def require_effects(verb: str, given: Collection[str], value: Values) -> None:
    """UsageError for the first flags of this call that say nothing beside the others."""
    for rule in RULES.get(verb, tuple)():
        if set(rule.flags) & set(given) and not rule.holds(value):
            refuse((word for word in rule.flags if word in given), rule.why)
    if set(REACH) & set(given) and not _names_storage(given, value):
        why = "with backups on a path: they are about a storage, which a URL names"
        refuse((word for word in REACH if word in given), why)


def refuse(words: Iterable[str], why: str, *, hint: str = "leave it out") -> None:
    """UsageError where there are any: they say nothing in this call."""
    if listed := list(words):
        raise UsageError(f"{', '.join(listed)} {'says' if len(listed) == 1 else 'say'} nothing {why}", hint=hint)


class Cluster(NamedTuple):
    """Whether a verb asks a cluster, by the call's values, and takes a namespace where it does not; `why` it does not.

    `is_about_program`: flags of the cluster are taken without effect, as kubectl itself does, where nothing about a cluster
    is told. `changes`: something elsewhere is changed, so that a cluster which is named must not be passed over. `asks_api`:
    the application's API is asked, which some of the cluster's flags are about too.
    """

    is_asked: Callable[[Values], bool] = lambda _value: True
    takes_namespace: bool = False
    why: str = ""
    is_about_program: bool = False
    changes: bool = False
    asks_api: bool = False


ALWAYS = Cluster()
CLUSTERS: Mapping[str, Cluster] = {
    "list": Cluster(is_asked=lambda _: False, why="it shows the backups of all clusters and namespaces"),
    "show": Cluster(is_asked=lambda _: False, why="it shows all of one backup, and asks no cluster"),
    "verify": Cluster(
        is_asked=_given("--against-cluster"), why="without --against-cluster it checks all of a backup, and asks no cluster"
    ),
    "diff": Cluster(
        is_asked=lambda value: value("after") == "live", takes_namespace=True, why="of two backups it asks no cluster"
    ),
    "check": Cluster(
        is_asked=lambda value: not value("--from"),
        takes_namespace=True,
        why="with --from it holds a backup against itself, and asks no cluster",
    ),
    "deactivate": Cluster(
        is_asked=lambda _: False, why="it asks the application's API, and no cluster", changes=True, asks_api=True
    ),
    "activate": Cluster(
        is_asked=lambda _: False, why="it asks the application's API, and no cluster", changes=True, asks_api=True
    ),
    **dict.fromkeys(
        ("prune", "forget"),
        Cluster(is_asked=lambda _: False, why="it judges the backups of all clusters, and asks none", changes=True),
    ),
    **dict.fromkeys(
        ("hold", "unhold", "unforget"),
        Cluster(is_asked=lambda _: False, why="it is about one backup, and asks no cluster", changes=True),
    ),
    **dict.fromkeys(
        ("copy", "export", "import", "repository"),
        Cluster(is_asked=lambda _: False, why="it is about backups of any cluster, and asks none", changes=True),
    ),
    "run": Cluster(
        is_asked=lambda value: value("what") != "segment" and set(value("--part")) != {"prune"},
        why="segment, and --part prune alone, are about the backups, and ask no cluster",
        changes=True,
    ),
    "image": Cluster(is_asked=lambda _: False, why="it makes an image, and asks no cluster", changes=True),
    "completion": Cluster(is_about_program=True),
    "metrics": Cluster(is_asked=lambda _: False, why="it tells of the backups of all clusters, and asks none"),
    "history": Cluster(is_asked=lambda _: False, why="it shows what was done on all clusters, and asks none"),
    "schema": Cluster(is_about_program=True),
    "version": Cluster(is_about_program=True),
}
"""Verbs that do not always ask the cluster."""

EVERYWHERE = frozenset(("-v", "--color", "--cache-dir", "--config"))
"""Generic flags that mean something, or the same nothing as in kubectl, whatever is asked."""

API_TOO = frozenset(("--request-timeout", "--token"))
"""Those that requests to the application's API follow, or that have an error of their own there."""


def is_about_program(verb: str) -> bool:
    """Whether a verb is about the program itself, so that no setting is of interest."""
    return CLUSTERS.get(verb, ALWAYS).is_about_program


def without_cluster(verb: str, value: Values) -> Cluster | None:
    """How a verb goes on that asks no cluster in this call; None where it asks one, or where it does not matter."""
    cluster = CLUSTERS.get(verb, ALWAYS)
    return None if cluster.is_about_program or cluster.is_asked(value) else cluster


def refuse_cluster(verb: str, given: Given) -> None:
    """A cluster that is named and not asked: refused, but for what stood before the verb, such as in an alias for all verbs.

    Of that it is said that it is not used; unless something elsewhere is changed, which may not be what was meant.
    """
    cluster = without_cluster(verb, given.value)
    if cluster is None:
        return
    passed_over = EVERYWHERE | (API_TOO if cluster.asks_api else set())
    passed_over |= {"--namespace"} if cluster.takes_namespace else set()
    found = {word: is_behind for word, is_behind in given.kube_words.items() if word not in passed_over}
    refuse((word for word, is_behind in found.items() if is_behind or cluster.changes), f"to {verb}: {cluster.why}")
    if found:
        from kubectl_lrs.model.notes import Note, Remark  # most calls say nothing

        why = f"{', '.join(found)}: not used by {verb}: {cluster.why}"
        render.remark(Remark(why, Note.FLAGS_NOT_USED))
