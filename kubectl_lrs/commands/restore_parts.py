"""Which parts of a backup a restore is about, and which flags say nothing then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.restore_ import STORE_OPTIONS, SourceFlags
from kubectl_lrs.commands.shared import OneApplication, Selecting
from kubectl_lrs.commands.unused import refuse
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Options, flags_of
from kubectl_lrs.model.stores import RESOURCES, STORES, TIERS
from kubectl_lrs.repository import Backup
from kubectl_lrs.stores.deployments.flags import ApiOptions
from kubectl_lrs.stores.lrs.flags import RestoreFlags
from kubectl_lrs.stores.mongo.flags import RestoreOptions as MongoOptions


def _words(*kinds: type[Options]) -> frozenset[str]:
    return frozenset(flag.word for kind in kinds for _, flag in flags_of(kind))


SHARED: Mapping[str, tuple[str, ...]] = {"--map-namespace": TIERS, "--map-registry": ("images", RESOURCES)}
"""Flags that more than one part follows."""

FLAGS: Mapping[str, frozenset[str]] = {
    **{name: _words(kind) for name, kind in STORE_OPTIONS.items()},
    RESOURCES: _words(RestoreFlags, ApiOptions, Selecting) | {"--wait", "--timeout", "--journal", "--accept-owner"},
}
"""Part → the flags that are about it."""


def refuse_unused(given: Given, parts: Collection[str], *, why: str = "") -> None:
    """UsageError for flags that are about parts which this restore leaves alone; `why` they are, where that is not plain."""
    _refuse(given, parts, FLAGS, verb="restored", why=why)


def refuse_others(given: Given, parts: Collection[str], options: Mapping[str, type[Options]]) -> None:
    """The same of a rehearsal. `options`: those of each part."""
    _refuse(given, parts, {name: _words(kind) for name, kind in options.items()}, verb="rehearsed")


def _refuse(given: Given, parts: Collection[str], flags: Mapping[str, frozenset[str]], *, verb: str, why: str = "") -> None:
    for part in (part for part in TIERS if part not in parts):
        words = [word for word in given.words if word in flags[part] and not set(SHARED.get(word, ())) & set(parts)]
        refuse(
            words, f"here: {why or f'{part} is not {verb}'}", hint="" if why else f"take it with --tier {part}, or leave it out"
        )


def selects(given: Given, objects: tuple[str, ...]) -> bool:
    """Whether the user chose some LRS, not a backup."""
    selecting = given.of(Selecting)
    one_namespace = given.kube.namespace and not selecting.all_namespaces
    return bool(objects or one_namespace or selecting.selects_some)


def wanted_parts(asked: Collection[str], folder: Backup | None, given: Given, objects: tuple[str, ...]) -> list[str]:
    """The parts that a restore is about, in the order in which they are restored.

    A backup means all that it holds; a selection of objects the LRS alone. Of the other parts nothing tells yet what
    belongs to an object, so they are not restored together with a selection.
    """
    if given.of(MongoOptions).ids and "mongo" in held(folder):
        asked = asked or ("mongo",)
        if "mongo" in asked and len(asked) > 1:
            raise UsageError("--mongo-id names documents, and --tier more than that", hint="leave --tier out")
    there = chosen_parts(asked, folder)
    is_narrowed = selects(given, objects) and not _is_all(folder, given, objects)
    if is_narrowed and (stores := [name for name in there if asked and name in STORES]):
        raise UsageError(
            f"--tier {','.join(stores)} would restore all of it, not what belongs to the LRS that were chosen",
            hint=f"restore the chosen LRS without --tier, and all of {', '.join(stores)} in a call of its own",
        )
    return [RESOURCES] if selects(given, objects) and not asked else there


def require_known(asked: Collection[str]) -> None:
    """UsageError for what --tier names and no backup can hold; before anything is asked."""
    if unknown := set(asked) - set(TIERS):
        raise UsageError(f"--tier: unknown tier {min(unknown)!r}", hint=f"it is one of: {', '.join(TIERS)}")


def chosen_parts(asked: Collection[str], folder: Backup | None) -> list[str]:
    """The parts of a backup that --tier names, all that it holds where it names none. UsageError for what it does not hold."""
    there = held(folder)
    if absent := [name for name in asked if name not in there]:
        raise UsageError(f"--tier: the backup holds no {absent[0]}", hint=f"it holds: {', '.join(there)}")
    return [name for name in there if name in asked or not asked]


def _is_all(folder: Backup | None, given: Given, objects: tuple[str, ...]) -> bool:
    """Whether -n alone was given, and names the one namespace that the backup was taken of."""
    if folder is None or objects or given.of(Selecting).selects_some:
        return False
    return bool(folder.catalog.selection["namespace"] == given.kube.namespace)


def held(folder: Backup | None) -> list[str]:
    """The parts of which a backup holds something, in the order in which they are restored; LRS alone where there is none."""
    stores = [name for name in STORES if folder and name in folder.catalog.tiers]
    return [*stores, RESOURCES] if folder is None or folder.catalog.has_lrs else stores


def say_left_alone(folder: Backup | None, parts: Iterable[str]) -> None:
    """What the backup holds beside what is restored."""
    restored = list(parts)
    if folder and (alone := [name for name in held(folder) if name not in restored]):
        render.say(f"note: left alone: {', '.join(alone)}")


def refuse_contradictions(given: Given) -> None:
    """UsageError where --app, --mongo-id and what is to become of what is there do not go together."""
    mongo, app = given.of(MongoOptions), given.of(OneApplication).app
    if app and given.of(SourceFlags).files:
        raise UsageError("--app says nothing with -f: plain manifests tell of no application", hint="name the LRS")
    if app and mongo.ids:
        raise UsageError("--mongo-id names documents, and --app an application", hint="give one of the two")
    if app and mongo.only:
        raise UsageError("--mongo-collection says nothing with --app: an application's documents are taken one by one")
    if (app or mongo.ids) and mongo.existing is Existing.DROP:
        raise UsageError(
            f"--mongo-existing drop replaces whole collections, and {'--app' if app else '--mongo-id'} means some documents",
            hint="--mongo-existing replace replaces documents that differ, one by one",
        )
    if not (app or mongo.ids) and mongo.existing is Existing.REPLACE:
        raise UsageError(
            "--mongo-existing replace is for the documents of --app or --mongo-id",
            hint="--mongo-existing drop replaces whole collections",
        )
    if app and given.of(Selecting).selects_some:
        raise UsageError("--type and -l choose LRS, and --app an application", hint="give one of the two")
