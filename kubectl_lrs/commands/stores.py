"""The stores beside the cluster, as the verbs see them: one table, from which their flags and their tiers come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import click

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.profiles import LEVELS, NONE
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.stores.base import Collector, Restorer
from kubectl_lrs.stores.files import flags as files_options
from kubectl_lrs.stores.images import flags as images_options
from kubectl_lrs.stores.mongo import flags as mongo_options
from kubectl_lrs.usecases.backup import without

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

RESOURCES = "resources"


@dataclass(frozen=True, kw_only=True)
class BackupCall:
    """What a store's part of a backup is made from. `namespace`: where the application runs; `options`: all flags."""

    level: str
    kube: KubeClient
    namespace: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RestoreCall:
    """What a store's part of a restore is made from. `namespace`: where the application is to run."""

    folder: SealedFolder
    kube: KubeClient
    namespace: str
    options: Mapping[str, Any]
    stop: threading.Event


class Store(Protocol):
    """One store, which is the module of its flags: what it adds to `backup` and to `restore`, and what makes its tiers."""

    @property
    def backup_options(self) -> Callable[[Any], Any]:
        """A decorator with its flags for `backup`, but for its level."""

    @property
    def restore_options(self) -> Callable[[Any], Any]:
        """A decorator with its flags for `restore`."""

    def collector(self, call: BackupCall, /) -> Collector:
        """Its part of a backup."""

    def restorer(self, call: RestoreCall, /) -> Restorer:
        """Its part of a restore."""


STORES: Mapping[str, Store] = {
    "mongo": mongo_options,
    "images": images_options,
    "files": files_options,
}
"""By the name of its tier, in the order in which they are backed up and restored."""


HELD: Mapping[str, str] = {
    "mongo": "application's Mongo collections",
    "images": "images that LRS and Mongo documents name",
    "files": "files that Mongo documents refer to",
}
"""What each store holds, in words."""


def backup_options(function: F) -> F:
    """The flags of every store for `backup`: its level, and its own."""
    for name in reversed(tuple(STORES)):
        function = STORES[name].backup_options(function)
        function = _level_option(name)(function)
    return function


def restore_options(function: F) -> F:
    """The flags of every store for `restore`."""
    for name in reversed(tuple(STORES)):
        function = STORES[name].restore_options(function)
    return function


def _level_option(name: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}",
        f"{name}_level",
        type=click.Choice(LEVELS[name]),
        help=f"How much of the {HELD[name]} to take; else what --profile says.",
    )


def given_levels(options: Mapping[str, Any]) -> dict[str, str | None]:
    """What the user said of each store's level."""
    return {name: options.get(f"{name}_level") for name in LEVELS}


def collectors(levels: Mapping[str, str], call: Callable[[str], BackupCall]) -> dict[str, Collector]:
    """The tiers of the stores that are wanted; a failure says how to do without."""
    tiers: dict[str, Collector] = {}
    for name, level in levels.items():
        if level == NONE:
            _refuse_unused(name)
            continue
        try:
            tiers[name] = STORES[name].collector(call(level))
        except LrsError as error:
            without(error, name)
            raise
    return tiers


def _refuse_unused(name: str) -> None:
    """UsageError where a flag of a store was given of which nothing is taken."""
    context = click.get_current_context()

    def bare() -> None:
        """Takes the store's flags, so that they can be looked at."""

    for option in getattr(STORES[name].backup_options(bare), "__click_params__", ()):
        if option.name and context.get_parameter_source(option.name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"{option.opts[0]} is about {name}, of which nothing is taken", hint=f"take them with --{name} or --profile"
            )


def held(folder: SealedFolder) -> list[str]:
    """The stores of which a backup holds something, in the order of the table."""
    return [name for name in STORES if name in folder.catalog.tiers]


def wanted_tiers(given: Iterable[str], folder: SealedFolder | None, *, selects_objects: bool) -> list[str]:
    """The tiers that a restore is about, in the order in which they are restored.

    A backup means every tier that it holds; a selection of objects the LRS alone, unless --tier says more.
    """
    there = [*(held(folder) if folder else ()), RESOURCES]
    asked = tuple(given)
    if unknown := set(asked) - set(STORES) - {RESOURCES}:
        raise UsageError(f"--tier: unknown tier {min(unknown)!r}", hint=f"it is one of: {', '.join((*STORES, RESOURCES))}")
    if absent := [name for name in asked if name not in there]:
        raise UsageError(f"--tier: the backup holds no {absent[0]}", hint=f"it holds: {', '.join(there)}")
    if asked:
        return [name for name in there if name in asked]
    return [RESOURCES] if selects_objects else there
