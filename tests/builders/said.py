"""What documents say of files, for tests that have no documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.files.match import References, Where
from kubectl_lrs.stores.files.named import Named, Names

HERE = Where("workspace_items", "1", "path")
Read = Callable[[References, Writer, Progress], None]


def nothing(_references: References, _writer: Writer, _progress: Progress) -> None:
    """As documents that speak of no file."""


def saying(*texts: str, where: Where = HERE) -> Read:
    """As documents that have these strings, all in one place."""

    def read(references: References, _writer: Writer, _progress: Progress) -> None:
        for text in texts:
            references.add(where, text)

    return read


def alone(path: str) -> tuple[str, ...]:
    """The full names in a storage that has no name of its own."""
    return (path,)


def listed(paths: Iterable[str], names: Names = alone) -> References:
    """To be told of what documents say, of a storage that has these files."""
    there = list(paths)
    return References(Named(there, len(there), names))
