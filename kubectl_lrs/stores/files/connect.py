"""The application's file storage, from flags and the environment to the tiers that back it up and restore it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.backends.base import Place, Storage, open_storage, read_options
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.plan import Existing
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.paths import is_file
from kubectl_lrs.stores.base import Restorer
from kubectl_lrs.stores.files import saved as index
from kubectl_lrs.stores.files.collect import COPY, FilesTier
from kubectl_lrs.stores.files.references import read_references
from kubectl_lrs.stores.files.restore import FilesRestorer, OnlyListed

VARIABLE = "LRS_FILES_URL"


@dataclass(frozen=True, kw_only=True)
class FilesFlags:
    """What the user said of the storage; empty where nothing was said."""

    url: str = ""
    options: str = ""
    endpoint: str = ""
    ca_file: str = ""
    workers: int = 8


def storage(flags: FilesFlags, *, otherwise: str) -> Storage:
    """The storage that flags and environment name; `otherwise` says how to do without."""
    url = flags.url or os.environ.get(VARIABLE, "")
    if not url:
        raise UsageError(f"nothing says where the application's file storage is; {otherwise}", hint="give --files-url URL")
    if flags.ca_file and not is_file(Path(flags.ca_file)):
        raise UsageError(f"--files-ca-file {flags.ca_file}: no such file")
    kind = Place(url=url).scheme
    # What the environment says is for every call: it is no error where it does not fit.
    options = flags.options or (os.environ.get("LRS_FILES_OPTIONS", "") if kind != "file" else "")
    endpoint = flags.endpoint or (os.environ.get("LRS_FILES_ENDPOINT", "") if kind == "s3" else "")
    return open_storage(
        Place(
            url=url,
            options=read_options(Path(options)) if options else {},
            endpoint=endpoint,
            ca_file=flags.ca_file,
            workers=flags.workers,
        )
    )


def collector(flags: FilesFlags, *, level: str, take_all: bool) -> FilesTier:
    """The tier that saves the files."""
    found = storage(flags, otherwise="a backup with files needs it")
    return FilesTier(found, read_references, level=level, take_all=take_all, workers=flags.workers)


def restorer(flags: FilesFlags, folder: SealedFolder, *, existing: Existing, stop: threading.Event) -> Restorer:
    """The tier that brings the files of a backup back."""
    saved = index.read(folder)
    if saved is None:
        raise DamageError(f"{folder.path}: it says that it holds files, and has no list of them")
    if saved.level != COPY:
        return OnlyListed(saved)
    found = storage(flags, otherwise="the backup's files need it (--tier leaves them out)")
    return FilesRestorer(folder, saved, found, existing=existing, workers=flags.workers, stop=stop)
