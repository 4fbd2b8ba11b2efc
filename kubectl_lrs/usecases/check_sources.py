"""Builds what `check` looks at: the stores that were named or asked for; of each other one, why it is left unchecked."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.flags import O
from kubectl_lrs.repository import Repository
from kubectl_lrs.stores.deployments.inventory import Account
from kubectl_lrs.stores.files import connect as files
from kubectl_lrs.stores.files.flags import CheckOptions as FilesOptions
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.images import connect as images
from kubectl_lrs.stores.images.flags import CheckOptions as ImagesOptions
from kubectl_lrs.stores.lrs.connect import Target
from kubectl_lrs.stores.mongo import connect as mongo
from kubectl_lrs.stores.mongo.flags import CheckOptions as MongoOptions
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.usecases.check import FILES_FLAG, IMAGES_FLAG, MONGO_FLAG, unavailable
from kubectl_lrs.usecases.check_live import ImageSource, Sources


class Read(Protocol):
    """What gives the options of a kind, as a call says them."""

    def __call__(self, kind: type[O], /) -> O:
        """Those of this kind."""


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What was said of each store."""

    mongo: MongoOptions
    images: ImagesOptions
    files: FilesOptions

    @classmethod
    def of(cls, read: Read) -> SourceOptions:
        """As `read` gives each."""
        return cls(mongo=read(MongoOptions), images=read(ImagesOptions), files=read(FilesOptions))

    def refuse_contradictions(self) -> None:
        """UsageError where two ways to MongoDB are named."""
        mongo.given_uri(self.mongo)


def sources(
    target: Target,
    namespace: str | None,
    options: SourceOptions,
    *,
    wanted: Collection[str],
    asked: Collection[str],
    accounts: Sequence[Account] | Unchecked,
    backups: Repository,
    stale_after: timedelta,
    is_named: bool = False,
) -> Sources:
    """`wanted`: the stores to look at; `asked`: those of them that this call asks for, by flags or the profile.

    A call that is wrong is an error; a store that cannot be had is not, nor what only the environment says wrongly.
    """
    where = namespace or target.connection.namespace
    return Sources(
        kube=target.kube,
        resource=target.resource,
        namespace=namespace,
        application_namespace=where,
        mongo=_mongo(target, where, options.mongo, is_asked="mongo" in asked)
        if "mongo" in wanted
        else Unchecked("MongoDB was not asked for", MONGO_FLAG),
        database=options.mongo.database,
        images=_images(target, options.images) if "images" in wanted else Unchecked("registries were not asked", IMAGES_FLAG),
        storage=_storage(options.files, is_asked="files" in asked)
        if "files" in wanted
        else Unchecked("no file storage was named", FILES_FLAG),
        accounts=accounts,
        backups=backups,
        stale_after=stale_after,
        is_named=is_named,
    )


def named_for_every_call(options: SourceOptions) -> list[str]:
    """The stores that the environment or the installation file names."""
    variables = {"mongo": mongo.VARIABLE, "files": files.VARIABLE}
    found = [name for name, variable in variables.items() if os.environ.get(variable, "").strip()]
    configured = {"mongo": mongo.is_configured(options.mongo), "files": files.is_configured(options.files)}
    return list(dict.fromkeys((*found, *(name for name, is_so in configured.items() if is_so))))


def _mongo(target: Target, namespace: str, options: MongoOptions, *, is_asked: bool) -> Mongo | Unchecked:
    try:
        return Mongo(mongo.access(options, target.kube, namespace))
    except LrsError as error:
        if is_asked and isinstance(error, UsageError):
            raise
        return unavailable(error, MONGO_FLAG)


def _images(target: Target, options: ImagesOptions) -> ImageSource:
    return ImageSource(
        access=images.access(options, target.kube, {}, target.kube.stop), wanted=images.wanted(options), workers=options.parallel
    )


def _storage(options: FilesOptions, *, is_asked: bool) -> Storage | Unchecked:
    try:
        return files.storage(options, otherwise="--no-files leaves it out")
    except LrsError as error:
        if is_asked and isinstance(error, UsageError):
            raise
        return unavailable(error, FILES_FLAG)
