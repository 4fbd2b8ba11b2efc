"""The application's file storage, from its options and the environment to its parts of a backup and of a restore."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from kubectl_lrs.backends.options import read_options
from kubectl_lrs.backends.place import FILES, StorageLocation, open_backend
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.paths import is_file, is_folder
from kubectl_lrs.stores.base import BackupContext, RestoreContext, Restorer
from kubectl_lrs.stores.files import saved
from kubectl_lrs.stores.files.collect import COPY, FilesCollector
from kubectl_lrs.stores.files.flags import BackupOptions, RehearseOptions, RestoreOptions, StorageOptions
from kubectl_lrs.stores.files.references import read_references
from kubectl_lrs.stores.files.rehearse import FilesRehearsal
from kubectl_lrs.stores.files.restore import FilesRestorer, OnlyListed
from kubectl_lrs.stores.files.storage import Storage

VARIABLE = "LRS_FILES_URL"
WORKERS = 8
"""Files that a rehearsal has in work at once."""


def storage(place: StorageOptions, *, otherwise: str) -> Storage:
    """The storage that options and environment name; `otherwise` says how to do without."""
    url = _url(place)
    if not url:
        raise UsageError(f"nothing says where the application's file storage is; {otherwise}", hint="give --files-url URL")
    if place.ca_file and not is_file(Path(place.ca_file)):
        raise UsageError(f"--files-ca-file {place.ca_file}: no such file")
    kind = StorageLocation(url=url).scheme
    # What the environment says is for every call: it is no error where it does not fit.
    options = place.options or (os.environ.get("LRS_FILES_OPTIONS", "") if kind != "file" else "")
    endpoint = place.endpoint or (os.environ.get("LRS_FILES_ENDPOINT", "") if kind == "s3" else "")
    found = StorageLocation(
        url=url,
        options=read_options(Path(options), said=FILES.options) if options else {},
        endpoint=endpoint,
        ca_file=place.ca_file,
        workers=place.workers,
    )
    return Storage(open_backend(found))


def by_environment(place: Options) -> tuple[str, str] | None:
    """(where the storage is, the variables or the file that say so), None where the call itself says it, or writes nothing."""
    if not isinstance(place, StorageOptions):
        return None
    found = (*_variables(place), *([place.settings_file] if is_configured(place) else ()))
    return (_target(place), " and ".join(found)) if found else None


def place(options: RestoreOptions, context: RestoreContext) -> RestoreTarget:
    """Where a restore writes, and who says so. What the environment says beside the URL tells whose bucket of a name it is."""
    found, saved_at = _variables(options), str(context.folder.catalog.tiers["files"].get("url") or "")
    return RestoreTarget(
        target=_target(options),
        named_by=NamedBy.ENVIRONMENT if found else NamedBy.SETTINGS if is_configured(options) else NamedBy.FLAG,
        by=" and ".join((*found, *([options.settings_file] if is_configured(options) else ()))),
        settle=", ".join(found.values()),
        saved=saved_at,
        is_saved=bool(saved_at) and saved_at.rstrip("/") == _url(options).rstrip("/"),
    )


def is_configured(place: StorageOptions) -> bool:
    """Whether it is the installation file that says where the storage is."""
    return "--files-url" in place.configured


def _url(place: StorageOptions) -> str:
    return place.url or os.environ.get(VARIABLE, "")


def _target(place: StorageOptions) -> str:
    url = _url(place)
    endpoint = place.endpoint or (os.environ.get("LRS_FILES_ENDPOINT", "") if url.startswith("s3:") else "")
    return f"{url} at {endpoint}" if endpoint else url


def _variables(place: StorageOptions) -> dict[str, str]:
    """The variables that say where the storage is, and the flag that would say it in place of each."""
    url = _url(place)
    kind = StorageLocation(url=url).scheme if url else "file"
    wanted = {
        VARIABLE: ("--files-url URL", place.url, True),
        "LRS_FILES_ENDPOINT": ("--files-endpoint URL", place.endpoint, kind == "s3"),
        "LRS_FILES_OPTIONS": ("--files-options FILE", place.options, kind != "file"),
    }
    return {name: flag for name, (flag, given, fits) in wanted.items() if fits and not given and os.environ.get(name, "").strip()}


def collector(options: BackupOptions, context: BackupContext) -> FilesCollector:
    """The files' part of a backup."""
    found = storage(options, otherwise="a backup with files needs it")
    carriers = context.carriers if context.level == COPY else None
    if options.shards and carriers is None:
        raise UsageError("--shards is about the content of files, and none is copied", hint="copy it with --files copy")
    return FilesCollector(
        found, read_references, level=context.level, take_all=options.take_all, workers=options.workers, carriers=carriers
    )


def rehearsal(options: RehearseOptions, context: RestoreContext) -> FilesRehearsal:
    """The files' part of a rehearsal."""
    parent = Path(options.scratch or tempfile.gettempdir()).absolute()
    if not is_folder(parent):
        raise UsageError(f"--files-scratch {parent}: no such folder", hint="name one that is there; what is written is removed")
    return FilesRehearsal(context.folder, _index(context.folder), parent, workers=WORKERS, stop=context.stop)


def _index(folder: Backup) -> saved.Index:
    index = saved.read(folder)
    if index is None:
        raise DamageError(f"{folder.describe()}: it says that it holds files, and has no list of them")
    return index


def restorer(options: RestoreOptions, context: RestoreContext) -> Restorer:
    """The files' part of a restore."""
    folder = context.folder
    index = _index(folder)
    only = context.only
    if only:
        index = replace(index, entries=[each for each in index.entries if each.path in only.of(saved.TIER)])
    if index.level != COPY:
        return OnlyListed(index)
    found = storage(options, otherwise="the backup's files need it (--tier leaves them out)")
    return FilesRestorer(
        folder,
        index,
        found,
        existing=options.existing,
        workers=options.workers,
        shared=only.shared(saved.TIER) if only else {},
        stop=context.stop,
    )
