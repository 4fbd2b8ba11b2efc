"""The flags of the application's file storage, and how its tiers are made from them. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubectl_lrs.model.plan import Existing

if TYPE_CHECKING:
    from kubectl_lrs.commands.stores import BackupCall, RestoreCall
    from kubectl_lrs.stores.base import Collector, Restorer

F = TypeVar("F", bound=Callable[..., Any])

_PLACE = (
    click.option(
        "--files-url",
        default="",
        metavar="URL",
        help="The application's file storage: a path, or s3://BUCKET/PREFIX, gs://, abfs://, webhdfs://HOST:PORT/PATH; "
        "else LRS_FILES_URL.",
    ),
    click.option(
        "--files-options",
        default="",
        metavar="FILE",
        help="JSON or YAML with options and credentials, as the storage's fsspec library takes them; else LRS_FILES_OPTIONS.",
    ),
    click.option(
        "--files-endpoint", default="", metavar="URL", help="Of a storage that speaks S3 and is not AWS; else LRS_FILES_ENDPOINT."
    ),
    click.option("--files-ca-file", default="", metavar="FILE", help="Certificate file of the file storage's authority."),
    click.option(
        "--files-parallel", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Files in work at once."
    ),
)


def _with(function: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def backup_options(function: F) -> F:
    """Where the storage is, and which of its files to take."""
    everything = click.option(
        "--files-all", is_flag=True, help="Take every file below the URL, not only those that belong to what is saved."
    )
    return _with(function, *_PLACE, everything)


def check_options(function: F) -> F:
    """Where the storage is."""
    return _with(function, *_PLACE)


def restore_options(function: F) -> F:
    """Where the storage is, and what to do with what is in it."""
    existing = click.option(
        "--files-existing",
        type=click.Choice(["skip", "replace"]),
        default="skip",
        show_default=True,
        help="What to do with a file that is there and differs.",
    )
    return _with(function, *_PLACE, existing)


def collector(call: BackupCall) -> Collector:
    """The tier that saves files."""
    from kubectl_lrs.stores.files import connect as files

    return files.collector(place_of(call.options), level=call.level, take_all=call.options["files_all"])


def restorer(call: RestoreCall) -> Restorer:
    """The tier that restores files."""
    from kubectl_lrs.stores.files import connect as files

    return files.restorer(place_of(call.options), call.folder, existing=Existing(call.options["files_existing"]), stop=call.stop)


def place_of(options: Any) -> Any:
    """The flags as `FilesFlags`."""
    from kubectl_lrs.stores.files.connect import FilesFlags

    return FilesFlags(
        url=options["files_url"],
        options=options["files_options"],
        endpoint=options["files_endpoint"],
        ca_file=options["files_ca_file"],
        workers=options["files_parallel"],
    )
