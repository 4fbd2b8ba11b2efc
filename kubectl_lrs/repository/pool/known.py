"""What is in the pool already, and what a new backup has so far: tables on the disk, so that memory stays flat.

They lie in an unnamed temporary file of SQLite, which ends with the process. Several threads may use it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from kubectl_lrs.repository.pool.entries import IndexEntry, Part, encoded
from kubectl_lrs.repository.pool.layout import BLOB, PACKS, described, pool_key
from kubectl_lrs.repository.pool.refs import Ref

_TABLES = (
    "CREATE TABLE listed (token BLOB PRIMARY KEY, size INTEGER) WITHOUT ROWID",
    "CREATE TABLE blobs (digest BLOB PRIMARY KEY, key TEXT, size INTEGER) WITHOUT ROWID",
    "CREATE TABLE packs (number INTEGER PRIMARY KEY, key TEXT, size INTEGER)",
    "CREATE TABLE contents (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, size INTEGER, is_new INTEGER,"
    " pack INTEGER, start INTEGER, length INTEGER, coding TEXT, parts TEXT)",
    "CREATE TABLE files (at INTEGER PRIMARY KEY, path BLOB UNIQUE, content INTEGER)",
    "CREATE TABLE refs (token BLOB PRIMARY KEY, size INTEGER, key TEXT) WITHOUT ROWID",
)
"""`pack`: the number of the pack that a content is in, and where it is there; of this run, its key is known when it is closed.
`parts`: those of a content that is in none.
"""

_AT_ONCE = 1000


class Content(NamedTuple):
    """What is known of a content: the number that files refer to it by. `pack`: see the tables. `is_new`: of this run."""

    id: int
    sha256: str
    size: int
    pack: int | None
    parts: tuple[Part, ...]
    is_new: bool


class Ledger:
    """The tables."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._packs = 0
        self._numbers: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA cache_size=-16384", "BEGIN", *_TABLES):
            self._database.execute(statement)

    def close(self) -> None:
        """It is gone."""
        with self._guard:
            self._database.close()

    # ---- what is in the pool

    def note_listed(self, objects: Iterable[tuple[bytes, int]]) -> None:
        """Tokens and sizes of what is there and may be used."""
        with self._guard:
            self._database.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?)", objects)

    def strike(self, tokens: Iterable[bytes]) -> None:
        """What must not be used."""
        with self._guard:
            self._sizes.clear()
            self._database.executemany("DELETE FROM listed WHERE token = ?", ((each,) for each in tokens))

    def size(self, token: bytes) -> int | None:
        """As the listing has it; None where it is not there."""
        size: int | None = self._one("SELECT size FROM listed WHERE token = ?", token)
        return size

    def is_listed(self, part: Part) -> bool:
        """Whether the object that a part lies in is there, and long enough."""
        if part.key in self._sizes:  # of a pack, which many lie in
            return self._sizes[part.key] >= part.offset + part.length
        found = pool_key(part.key)
        size = self.size(found.token) if found else None
        if found is None or size is None:
            return False
        if found.kind == BLOB:
            return size == part.length
        self._sizes[part.key] = size
        return size >= part.offset + part.length

    def size_of_pack(self, key: str) -> int:
        """As the listing has it; 0 where it is not there."""
        found = pool_key(key)
        return (self.size(found.token) or 0) if found else 0

    # ---- contents

    def blob(self, digest: str) -> str | None:
        """The key of an object with this sum of its stored bytes."""
        key: str | None = self._one("SELECT key FROM blobs WHERE digest = ?", bytes.fromhex(digest))
        return key

    def add_blob(self, key: str, size: int) -> None:
        """It is in the pool."""
        if found := pool_key(key):
            self._do("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", bytes.fromhex(found.digest), key, size)

    def content(self, digest: str) -> Content | None:
        """What has this SHA-256 and is in the pool, or in a pack that is being made."""
        return _content(self._row(_CONTENT + " FROM contents c WHERE digest = ?", bytes.fromhex(digest)))

    def add(self, entry: IndexEntry, *, pack: int | None = None) -> Content:
        """A new content and where it is. The one that is known already, where there is one."""
        with self._guard:
            cursor = self._insert(entry, pack, is_new=True)
            if cursor.rowcount == 1 and cursor.lastrowid is not None:
                return Content(cursor.lastrowid, entry.sha256, entry.size, pack, entry.parts, is_new=True)
            found = self.content(entry.sha256)
        assert found is not None
        return found

    def learn(self, entry: IndexEntry, *, is_new: bool = False) -> None:
        """A content that another run has put into the pool. `is_new`: for this one, if it was not known before."""
        pack: int | None = None
        if entry.parts and (key := entry.parts[0].key).startswith(PACKS):
            pack = self._numbers.get(key)
            if pack is None:
                pack = self._numbers[key] = self.new_pack()
                self.close_pack(pack, key, self.size_of_pack(key))
        else:
            for part in entry.parts:
                self.add_blob(part.key, part.length)
        with self._guard:
            self._insert(entry, pack, is_new=is_new)

    def _insert(self, entry: IndexEntry, pack: int | None, *, is_new: bool) -> sqlite3.Cursor:
        if pack is None:
            where: tuple[Any, ...] = (None, None, None, encoded(entry.parts))
        else:
            where = (*entry.parts[0][1:4], None)
        values = bytes.fromhex(entry.sha256), entry.size, is_new, pack, *where
        return self._database.execute(_INSERT, values)

    def unlearn(self, is_wanted: Callable[[str, int], bool]) -> None:
        """The contents of packs, by key and size, that are not wanted."""
        for key, number in self._numbers.items():
            if not is_wanted(key, self.size_of_pack(key)):
                self._do("DELETE FROM contents WHERE pack = ?", number)

    def new_pack(self) -> int:
        """A number."""
        with self._guard:
            self._packs += 1
            return self._packs

    def close_pack(self, number: int, key: str, size: int) -> None:
        """It is in the pool, under this key."""
        self._do("INSERT INTO packs VALUES (?, ?, ?)", number, key, size)

    def pack(self, number: int) -> str | None:
        """The key of a pack; None while it is being made."""
        key: str | None = self._one("SELECT key FROM packs WHERE number = ?", number)
        return key

    def uploaded(self, after: int) -> tuple[int, list[IndexEntry]]:
        """The new contents after a number that are in the pool, and the number before the first one that is not yet."""
        rows = self._all(
            _CONTENT + ", p.key FROM contents c LEFT JOIN packs p ON c.pack = p.number WHERE c.id > ? AND c.is_new ORDER BY c.id",
            after,
        )
        found: list[IndexEntry] = []
        last: int = rows[-1][0] if rows else after
        for number, digest, size, _, pack, *where, key in rows:
            entry = IndexEntry("", digest.hex(), size, _parts(size, key, *where))
            if (key is not None) if pack is not None else all(map(self._is_uploaded, entry.parts)):
                found.append(entry)
            else:
                last = min(last, number - 1)
        return last, found

    def _is_uploaded(self, part: Part) -> bool:
        known = pool_key(part.key)
        return known is not None and self.blob(known.digest) is not None

    # ---- files

    def finish(self, path: str, content: int) -> bool:
        """It is part of the backup; False where there is one at this path already."""
        with self._guard:
            cursor = self._database.execute("INSERT OR IGNORE INTO files (path, content) VALUES (?, ?)", (path.encode(), content))
            return cursor.rowcount == 1

    def finish_anew(self, path: str, content: int) -> None:
        """It is part of the backup already, with another content now."""
        self._do("UPDATE files SET content = ? WHERE path = ?", content, path.encode())

    def mark(self) -> int:
        """What `roll_back` takes the files back to."""
        return int(self._one("SELECT max(at) FROM files") or 0)

    def roll_back(self, mark: int) -> None:
        """The files since then are none."""
        self._do("DELETE FROM files WHERE at > ?", mark)

    def paths(self, prefix: str) -> list[str]:
        """Those that begin so, in the order in which they were finished."""
        start = prefix.encode()
        query = "SELECT path FROM files WHERE substr(path, 1, ?) = ? ORDER BY at"
        return [path.decode() for (path,) in self._all(query, len(start), start)]

    def file(self, path: str) -> Content | None:
        """The content of a file."""
        query = _CONTENT + " FROM files f JOIN contents c ON f.content = c.id WHERE f.path = ?"
        return _content(self._row(query, path.encode()))

    def entries(self) -> Iterator[IndexEntry]:
        """All files in the order of the paths, once every pack is closed."""
        after = b""
        query = (
            "SELECT f.path, c.digest, c.size, p.key, c.start, c.length, c.coding, c.parts"
            " FROM files f JOIN contents c ON f.content = c.id"
            " LEFT JOIN packs p ON c.pack = p.number WHERE f.path > ? ORDER BY f.path LIMIT ?"
        )
        while rows := self._all(query, after, _AT_ONCE):
            for path, digest, size, *where in rows:
                yield IndexEntry(path.decode(), digest.hex(), size, _parts(size, *where))
            after = rows[-1][0]

    def sums(self) -> Iterator[tuple[bytes, bytes]]:
        """(path, SHA-256 in hexadecimal digits) of all files, in the order of the paths."""
        after = b""
        query = (
            "SELECT f.path, c.digest FROM files f JOIN contents c ON f.content = c.id WHERE f.path > ? ORDER BY f.path LIMIT ?"
        )
        while rows := self._all(query, after, _AT_ONCE):
            yield from ((path, digest.hex().encode()) for path, digest in rows)
            after = rows[-1][0]

    def totals(self) -> dict[str, int]:
        """Files, and bytes of their contents, that are new and that were there before."""
        query = "SELECT c.is_new, count(*), sum(c.size) FROM files f JOIN contents c ON f.content = c.id GROUP BY c.is_new"
        found = {bool(is_new): (count, size) for is_new, count, size in self._all(query)}
        (new, new_bytes), (old, old_bytes) = found.get(True, (0, 0)), found.get(False, (0, 0))
        return {"newFiles": new, "newBytes": new_bytes, "linkedFiles": old, "linkedBytes": old_bytes}

    # ---- refs

    def refer(self, entries: Iterable[IndexEntry]) -> None:
        """What these need of the pool, instead of what was needed before."""
        packs = dict(self._all("SELECT key, size FROM packs"))
        with self._guard:
            self._do("DELETE FROM refs")
            last = ""
            for each in entries:
                for part in each.parts:
                    if part.key != last and (found := pool_key(part.key)):  # neighbours mostly lie in one pack
                        last = part.key
                        size = part.length if found.kind == BLOB else packs.get(part.key) or self.size_of_pack(part.key)
                        self._do("INSERT OR IGNORE INTO refs VALUES (?, ?, ?)", found.token, size, part.key)

    def key(self, token: bytes) -> str:
        """What of the pool is needed and has this token."""
        return str(self._one("SELECT key FROM refs WHERE token = ?", token) or described(token))

    def refs(self) -> Iterator[Ref]:
        """Sorted."""
        after = b""
        while rows := self._all("SELECT token, size FROM refs WHERE token > ? ORDER BY token LIMIT ?", after, _AT_ONCE):
            yield from (Ref(*row) for row in rows)
            after = rows[-1][0]

    # ---- the database

    def _do(self, statement: str, *values: Any) -> None:
        with self._guard:
            self._database.execute(statement, values)

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._guard, closing(self._database.execute(query, values)) as cursor:
            return cursor.fetchall()

    def _row(self, query: str, *values: Any) -> Any:
        with self._guard:
            return self._database.execute(query, values).fetchone()

    def _one(self, query: str, *values: Any) -> Any:
        row = self._row(query, *values)
        return row[0] if row else None


_CONTENT = "SELECT c.id, c.digest, c.size, c.is_new, c.pack, c.start, c.length, c.coding, c.parts"
_INSERT = (
    "INSERT OR IGNORE INTO contents (digest, size, is_new, pack, start, length, coding, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _content(row: Any) -> Content | None:
    return Content(row[0], row[1].hex(), row[2], row[4], _parts(row[2], "", *row[5:]), bool(row[3])) if row else None


def _parts(size: int, key: str | None, start: int | None, length: int, coding: str, parts: str) -> tuple[Part, ...]:
    """Those of a content; `key`: of the pack that it is in."""
    if start is not None:
        return (Part(key or "", start, length, coding, size),)
    return tuple(Part(*each) for each in json.loads(parts))
