"""The flags of the application's MongoDB, and how its tiers are made from them. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubectl_lrs.stores.mongo.cluster_flags import mongo_cluster_options, refuse_beside_uri

if TYPE_CHECKING:
    from kubectl_lrs.commands.stores import BackupCall, RestoreCall
    from kubectl_lrs.stores.base import Collector, Restorer

F = TypeVar("F", bound=Callable[..., Any])

_PLACE = (
    click.option(
        "--mongo-uri",
        default="",
        metavar="URI",
        help="MongoDB of the application, without a password, which others could see here; else the one in the cluster.",
    ),
    click.option(
        "--mongo-uri-file", default="", metavar="FILE", help="File with the MongoDB URI, password and all; else LRS_MONGO_URI."
    ),
    mongo_cluster_options,
    click.option(
        "--mongo-db", default="", metavar="NAME", help="The application's database; else it is found by its collections."
    ),
)


def _with(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def backup_options(function: F) -> F:
    """Where MongoDB is, and what to take."""
    return _with(
        function,
        *_PLACE,
        click.option(
            "--mongo-collection", "mongo_added", multiple=True, metavar="NAME", help="Take this collection too; may be repeated."
        ),
        click.option(
            "--mongo-allow-missing",
            "mongo_may_lack",
            multiple=True,
            metavar="NAME",
            help="Take it that there is no such collection; may be repeated.",
        ),
        click.option(
            "--mongo-consistency",
            type=click.Choice(["snapshot", "none"]),
            default="snapshot",
            show_default=True,
            help="Whether all collections are read as they were at one instant.",
        ),
    )


def check_options(function: F) -> F:
    """Where MongoDB is."""
    return _with(function, *_PLACE)


def restore_options(function: F) -> F:
    """Where MongoDB is, and what to do with what is in it."""
    return _with(
        function,
        *_PLACE,
        click.option(
            "--mongo-collection",
            "mongo_only",
            multiple=True,
            metavar="NAME",
            help="Restore only this collection; may be repeated.",
        ),
        click.option(
            "--mongo-existing",
            type=click.Choice(["merge", "drop"]),
            default="merge",
            show_default=True,
            help="Into a collection that is there: add documents that it lacks, or replace the whole of it.",
        ),
        click.option(
            "--allow-running-app", is_flag=True, help="Replace collections although the application or others use them."
        ),
        click.option("--ignore-keys", is_flag=True, help="Restore although the encryption keys are other ones than at backup."),
    )


def collector(call: BackupCall) -> Collector:
    """The tier that saves collections."""
    from kubectl_lrs.stores.mongo import connect as mongo

    refuse_two_ways(call.options)
    return mongo.collector(call.level, call.kube, call.namespace, call.options)


def restorer(call: RestoreCall) -> Restorer:
    """The tier that restores collections."""
    from kubectl_lrs.stores.mongo import connect as mongo

    refuse_two_ways(call.options)
    return mongo.restorer(mongo.saved(call.folder, call.options), call.kube, call.namespace, call.options, call.stop)


def refuse_two_ways(options: Mapping[str, Any]) -> None:
    """UsageError where a URI is given and flags say where in the cluster MongoDB is."""
    from kubectl_lrs.stores.mongo import connect as mongo

    if uri := mongo.given_uri(options):
        refuse_beside_uri(click.get_current_context(), uri[1])
