"""The application's file storage, from its options and the environment to its parts of a backup and of a restore."""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_lrs.backends.place import Place as StoragePlace
from kubectl_lrs.backends.place import open_backend
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.runtime.paths import is_file
from kubectl_lrs.stores.base import BackupContext, RestoreContext, Restorer
from kubectl_lrs.stores.files import saved
from kubectl_lrs.stores.files.collect import COPY, FilesTier
from kubectl_lrs.stores.files.flags import BackupOptions, Place, RestoreOptions
from kubectl_lrs.stores.files.options_file import read_options
from kubectl_lrs.stores.files.references import read_references
from kubectl_lrs.stores.files.restore import FilesRestorer, OnlyListed
from kubectl_lrs.stores.files.storage import Storage

VARIABLE = "LRS_FILES_URL"


def storage(place: Place, *, otherwise: str) -> Storage:
    """The storage that options and environment name; `otherwise` says how to do without."""
    url = place.url or os.environ.get(VARIABLE, "")
    if not url:
        raise UsageError(f"nothing says where the application's file storage is; {otherwise}", hint="give --files-url URL")
    if place.ca_file and not is_file(Path(place.ca_file)):
        raise UsageError(f"--files-ca-file {place.ca_file}: no such file")
    kind = StoragePlace(url=url).scheme
    # What the environment says is for every call: it is no error where it does not fit.
    options = place.options or (os.environ.get("LRS_FILES_OPTIONS", "") if kind != "file" else "")
    endpoint = place.endpoint or (os.environ.get("LRS_FILES_ENDPOINT", "") if kind == "s3" else "")
    found = StoragePlace(
        url=url,
        options=read_options(Path(options)) if options else {},
        endpoint=endpoint,
        ca_file=place.ca_file,
        workers=place.workers,
    )
    return Storage(open_backend(found))


def collector(options: BackupOptions, context: BackupContext) -> FilesTier:
    """The files' part of a backup."""
    found = storage(options, otherwise="a backup with files needs it")
    return FilesTier(found, read_references, level=context.level, take_all=options.take_all, workers=options.workers)


def restorer(options: RestoreOptions, context: RestoreContext) -> Restorer:
    """The files' part of a restore."""
    folder = context.folder
    index = saved.read(folder)
    if index is None:
        raise DamageError(f"{folder.path}: it says that it holds files, and has no list of them")
    if index.level != COPY:
        return OnlyListed(index)
    found = storage(options, otherwise="the backup's files need it (--tier leaves them out)")
    return FilesRestorer(folder, index, found, existing=options.existing, workers=options.workers, stop=context.stop)
