"""What an image is made of: the files of an installation that brings its own Python, or of a krew archive; read without trust.

An archive counts only if `SHA256SUMS` beside it has its sum. Which machine it is for is what its Python itself says.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

import kubectl_lrs
from kubectl_lrs import __version__
from kubectl_lrs.model.errors import DamageError, UsageError

SUMS = "SHA256SUMS"
BASE = "image/base.tar.gz"
MACHINES = {62: "amd64", 183: "arm64"}
"""`e_machine` of ELF → what OCI calls it."""

PYTHON = re.compile(r"bin/python3\.\d+")
START = "start.py"
TOPS = frozenset(("bin", "lib", "packages", "LICENSE", "THIRD-PARTY.md", START))
"""What of it goes into the image: the launcher needs a shell, the man page a reader."""

ABOUT = "packages/kubectl_lrs/__init__.py"
VERSION = re.compile(rb'^__version__ = "([^"\n]+)"$', re.MULTILINE)
MAX_FILE = 256 << 20
MAX_FILES = 100_000
MAX_SUMS = 1 << 20
GET_ONE = "name an archive of this release for Linux with --archive"


@dataclass(frozen=True)
class File:
    """A file of the plugin, by its path there."""

    name: str
    is_program: bool
    data: bytes


class Files(Protocol):
    """Where the files are, which `what` tells; `read` gives one of them."""

    what: str
    names: tuple[str, ...]

    def read(self, name: str) -> File: ...


@dataclass(frozen=True)
class Plugin:
    """The plugin for one machine."""

    source: Files
    architecture: str
    python: str

    def files(self) -> Iterator[File]:
        """What goes into the image, sorted by path."""
        return (self.source.read(name) for name in self.source.names if name.partition("/")[0] in TOPS)

    def base(self) -> bytes:
        """The layer below it, packed; UsageError where it brings none."""
        if BASE not in self.source.names:
            raise UsageError(f"{self.source.what}: it brings no base", hint=f"name one with --base, or {GET_ONE}")
        return self.source.read(BASE).data


def plugin(source: Files) -> Plugin:
    """The plugin that these files are; UsageError where they are none of this version for a machine of Linux."""
    pythons = [name for name in source.names if PYTHON.fullmatch(name)]
    if len(pythons) != 1 or not {START, ABOUT} <= set(source.names):
        raise UsageError(f"{source.what}: not the plugin with a Python of its own", hint=GET_ONE)
    head = source.read(pythons[0]).data[:20]
    machine = MACHINES.get(struct.unpack_from("<H", head, 18)[0]) if head.startswith(b"\x7fELF") and len(head) == 20 else None
    if machine is None:
        raise UsageError(f"{source.what}: its Python is not one for Linux on amd64 or arm64", hint=GET_ONE)
    said = VERSION.search(source.read(ABOUT).data)
    version = said[1].decode(errors="replace") if said else "an unknown one"
    if version != __version__:
        raise UsageError(f"{source.what}: its version is {version}, and this one is {__version__}", hint=GET_ONE)
    return Plugin(source, machine, pythons[0])


# ---- an installation


class Installed:
    """The folder that this program runs from, as krew or `tar` has unpacked it."""

    def __init__(self, root: Path) -> None:
        self.what = str(root)
        self._root = root
        found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        self.names = tuple(sorted(found))

    def read(self, name: str) -> File:
        """One of the files."""
        path = self._root / name
        return File(name, bool(path.stat().st_mode & 0o100), path.read_bytes())


def installed() -> Installed | None:
    """The installation that this program is of, where it brings its own Python."""
    root = Path(kubectl_lrs.__file__).resolve().parents[2]
    return Installed(root) if (root / START).is_file() and (root / ABOUT).is_file() else None


# ---- an archive


class Archive:
    """A krew archive that is open."""

    def __init__(self, what: str, tar: tarfile.TarFile) -> None:
        self.what = what
        self._tar = tar
        self._members = {member.name: member for member in self._checked()}
        self.names = tuple(sorted(self._members))

    def _checked(self) -> Iterator[tarfile.TarInfo]:
        for count, member in enumerate(self._tar):
            path = PurePosixPath(member.name)
            if not member.isreg() or path.is_absolute() or ".." in path.parts or str(path) != member.name:
                raise DamageError(f"{self.what}: {member.name!r} has no place in an archive of the plugin")
            if count >= MAX_FILES or member.size > MAX_FILE:
                raise DamageError(f"{self.what}: more than any archive of the plugin holds")
            yield member

    def read(self, name: str) -> File:
        """One of the files."""
        member = self._members[name]
        content = self._tar.extractfile(member)
        return File(name, bool(member.mode & 0o100), content.read() if content else b"")


@contextmanager
def archive(path: Path) -> Iterator[Archive]:
    """Open a krew archive; DamageError where it is not what SHA256SUMS beside it says, UsageError where that says nothing."""
    try:
        with path.open("rb") as file:
            _require_sum(path, file)
            with tarfile.open(fileobj=file, mode="r:gz") as tar:
                yield Archive(str(path), tar)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UsageError(f"{path}: not an archive of the plugin: {error}", hint=GET_ONE) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _require_sum(path: Path, file: IO[bytes]) -> None:
    """The bytes are those of the release; the file is at its beginning afterwards."""
    sums = path.with_name(SUMS)
    try:
        with sums.open("rb") as listed:
            lines = listed.read(MAX_SUMS).decode(errors="replace").splitlines()
    except OSError as error:
        hint = f"{SUMS} of the release tells whether the archive is as it was published: put it there"
        raise UsageError(f"{sums}: cannot be read: {error.strerror}", hint=hint) from error
    known = {name.lstrip(" *"): value for value, _, name in (line.partition(" ") for line in lines)}
    if path.name not in known:
        raise UsageError(f"{sums}: it does not name {path.name}", hint="take both from the same release")
    digest = hashlib.sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    file.seek(0)
    if digest.hexdigest() != known[path.name].lower():
        raise DamageError(f"{path}: damaged: it is not what {sums} says")
