"""A dump of others as the files that a backup of ours would have of it; and written into one, where it is imported."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import BYTES, Progress
from kubectl_lrs.stores.mongo import names
from kubectl_lrs.stores.mongo.levels import COMPLETE, LEVELS
from kubectl_lrs.stores.mongo.saved import GZIP, TIER, Measured, StoredCollection, StoredDump, content_of

BATCH = 1 << 20


class OthersMongo:
    """The collections of a dump that go back. Each document is looked at once, so that what is cut off is found: DamageError."""

    tier = TIER

    def __init__(self, dump: StoredDump) -> None:
        self._dump = dump
        self._measured = {each.name: dump.measured(each) for each in dump.collections}
        self._data = {self._data_path(each): each for each in dump.collections if each.data}
        described = {f"{each}{names.METADATA}" for each in (names.stem(found.name) for found in dump.collections)}
        self._about = {
            f"{TIER}/{dump.database}/{file}": path
            for path in dump.folder.paths()
            if (file := path.rpartition("/")[2].removesuffix(GZIP)) in described and self._is_ours(path)
        }
        self.facts = {**self._facts(self._measured), "missing": list(self._missing())}

    def _is_ours(self, path: str) -> bool:
        """Whether a file is in the folder of the database, and not in that of another."""
        return path.rpartition("/")[0] in ("", self._dump.database)

    @property
    def levels(self) -> dict[str, str]:
        """Which of the levels of recovery it holds."""
        there = {each.name for each in self._dump.collections}
        fits = [level for level, needed in LEVELS.items() if there.issuperset(needed)]
        return {TIER: fits[-1]} if fits else {}

    def _data_path(self, collection: StoredCollection) -> str:
        return f"{TIER}/{self._dump.database}/{collection.data.rpartition('/')[2].removesuffix(GZIP)}"

    def _facts(self, measured: dict[str, Measured]) -> dict[str, Any]:
        return {
            "database": self._dump.database,
            "consistency": "none",
            "instant": None,
            "atClusterTime": None,
            "operationTime": None,
            "collections": [row for each in self._dump.collections for row in _rows(each, measured[each.name])],
            "documents": sum(each.documents for each in measured.values()),
            "bytes": sum(each.bytes for each in measured.values()),
            "outsideSnapshot": [],
            "allowedMissing": [name for name in COMPLETE if name not in measured],
            "server": {"address": "", "version": self._dump.server},
        }

    def _missing(self) -> Iterator[Missing]:
        """What the dump itself does not have, or what is of no use without more than files."""
        for each in self._dump.collections:
            if not each.has_metadata:
                yield self._lacks(
                    each.name, "its metadata has no file, or an empty one, so its options and indexes are not known"
                )
            if not each.data and not each.metadata.is_view:
                yield self._lacks(each.name, "its documents have no file")
        if self._dump.oplog:
            yield self._lacks(self._dump.oplog, "its writes are not replayed, so collections may be of different instants")

    def _lacks(self, name: str, why: str) -> Missing:
        return Missing(store=TIER, kind="collection", name=name, reason=why, where=self._dump.folder.describe())

    def paths(self) -> list[str]:
        """The files that a backup of ours would have."""
        return [*self._data, *self._about]

    def reading(self, path: str) -> AbstractContextManager[BinaryIO] | None:
        """One of them, unpacked; None where there is none such."""
        if path in self._about:
            return io.BytesIO(self._content(path))
        return self._dump.opened(self._data[path]) if path in self._data else None

    def _content(self, path: str) -> bytes:
        return content_of(self._dump.folder, self._about[path])

    def lines(self, path: str) -> Iterator[str] | None:  # noqa: ARG002
        """None: no list is packed."""
        return None

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write them into a backup; the facts for the catalog. DamageError where they are no longer what was looked at."""
        progress.begin(f"documents of {self._dump.database}", self.facts["bytes"], unit=BYTES)
        for path in self._about:
            writer.write(path, self._content(path))
        for path, collection in self._data.items():
            with writer.stream(path) as sink:
                for batch in self._dump.batches(collection, BATCH):
                    sink.write(batch)
                    progress.advance(len(batch))
            self._require_same(collection, sink.size)
        return {**self._facts(self._measured), "missing": list(self._missing())}

    def _require_same(self, collection: StoredCollection, size: int) -> None:
        if size != self._measured[collection.name].bytes:
            where = self._dump.folder.describe(collection.data)
            raise DamageError(f"{where}: it changed while it was read", hint="nothing was imported")


def _rows(collection: StoredCollection, measured: Measured) -> Iterator[dict[str, Any]]:
    """What a catalog says of a collection; of a time series the buckets have the documents."""
    about = {"name": collection.name, "type": collection.metadata.made_kind, "uuid": ""}
    counts = {"documents": measured.documents, "bytes": measured.bytes} if collection.data else {}
    if collection.metadata.is_timeseries:
        yield about
        yield {"name": f"{names.BUCKETS}{collection.name}", **counts}
    else:
        yield about | counts
