"""Compiles and packs an archive, the same bytes every time. Run by the Python that the archive carries, never by another:
byte code and compression differ between versions. See `build.py`.

    pack.py compile ROOT          every .py below ROOT becomes a .pyc in its place
    pack.py archive OUT ROOT...   all files below the ROOTs, later ones over earlier ones, as a .tar.gz
    pack.py base OUT DEB...       what the image needs of some Debian packages, as a layer of it
"""

from __future__ import annotations

import ast
import gzip
import importlib.util
import io
import marshal
import re
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

EPOCH = 315532800
"""1980-01-01 in UTC: the time of every entry."""
UNCHECKED = 0b01
"""Byte code that is taken as it is: no source lies beside it."""
EXECUTABLES = frozenset({"kubectl-lrs", "bin/python3.14"})


def main(arguments: list[str]) -> None:
    """One of the commands above."""
    verb, place, *roots = arguments
    if verb == "archive":
        archive(Path(place), [Path(root) for root in roots])
    elif verb == "base":
        base(Path(place), [Path(root) for root in roots])
    else:
        for source in sorted(Path(place).rglob("*.py")):
            compile_one(Path(place), source)


def compile_one(root: Path, source: Path) -> None:
    """The byte code of one file, in its place: with no path and no time of this machine in it, and with every line's number."""
    text = source.read_bytes()
    code = compile(_undocumented(text), source.relative_to(root).as_posix(), "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(text)
    source.with_suffix(".pyc").write_bytes(header + marshal.dumps(code))
    source.unlink()


def _undocumented(text: bytes) -> ast.Module:
    """A module without the docstrings of its functions, which nothing shows.

    Those of classes stay: exceptions are shown by them (dnspython), and a dataclass that has none makes itself one at each start.
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
    return tree


def archive(out: Path, roots: list[Path]) -> None:
    """A .tar.gz of regular files alone, sorted, owned by nobody, with fixed times and modes."""
    files = {path.relative_to(root).as_posix(): path for root in roots for path in _files(root)}
    with _packed(out) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = files[name].stat().st_size
            entry.mtime = EPOCH
            entry.mode = 0o755 if name in EXECUTABLES else 0o644
            with files[name].open("rb") as content:
                tar.addfile(entry, content)


@contextmanager
def _packed(out: Path) -> Iterator[tarfile.TarFile]:
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        yield tar


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            sys.exit(f"{path} is no regular file")
        if path.is_file():
            yield path


# ---- the base of the image

UNASKED = "BrokenLocale|c_malloc_debug|memusage|mvec|nsl|nss_compat|nss_hesiod|pcprofile|thread_db"
"""Of glibc's libraries: what no program of an archive is linked against; for debuggers, NIS, Hesiod, programs of other times."""

KEPT = re.compile(
    r"(?:bin|sbin|lib|lib64)"
    r"|usr/lib(?:64)?(?:/(?!locale/|[^/]+/(?:gconv|audit)/|[^/]+/lib(?:" + UNASKED + r")[.-]).*)?"
    r"|usr/share/(?:zoneinfo|common-licenses)/.*|usr/share/doc/[^/]+(?:/copyright)?"
    r"|etc/(?:debian_version|host\.conf|os-release)"
)
"""Of the packages: libraries, time zones, licences, what tells scanners which system it is. No program and no shell."""

AUTHORITY = re.compile(r"usr/share/ca-certificates/mozilla/[^/]+\.crt")
NOBODY = 65532
MADE = {
    "etc/passwd": f"root:x:0:0:root:/nonexistent:/nonexistent\nnonroot:x:{NOBODY}:{NOBODY}:nonroot:/tmp:/nonexistent\n",
    "etc/group": f"root:x:0:\nnonroot:x:{NOBODY}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
"""What Debian writes when packages are installed."""

BUNDLE = "etc/ssl/certs/ca-certificates.crt"
STATUS = "var/lib/dpkg/status.d"
"""Where scanners look for the packages of an image without a package manager."""

EMPTY = {"dev": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o1777}
"""Folders that who runs it mounts over."""


def base(out: Path, packages: list[Path]) -> None:
    """A layer: what is kept of the packages, owned by root, written by nobody else, nothing set-uid, with fixed times."""
    entries: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    authorities: dict[str, bytes] = {}
    for package in packages:
        control, content = _unpacked(package)
        for name, (entry, data) in content.items():
            if AUTHORITY.fullmatch(name):
                authorities[name] = data.rstrip(b"\n") + b"\n"
            elif KEPT.fullmatch(name) and not entry.isdir():
                entries[name] = (entry, data)
        told = control["control"][1]
        named = re.search(rb"^Package: (\S+)$", told, re.MULTILINE)
        entries[f"{STATUS}/{named[1].decode() if named else package.stem}"] = _file(told)
    for name, text in MADE.items():
        entries[name] = _file(text.encode())
    entries[BUNDLE] = _file(b"".join(authorities[name] for name in sorted(authorities)))
    folders = {str(parent) for name in entries for parent in PurePosixPath(name).parents} - {"."}
    folders -= entries.keys()
    with _packed(out) as tar:
        for name in sorted({*entries, *folders, *EMPTY}):
            entry, data = entries.get(name, _folder(EMPTY.get(name, 0o755)))
            entry.name = name
            tar.addfile(entry, io.BytesIO(data))


def _file(data: bytes, mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo()
    entry.size, entry.mtime, entry.mode = len(data), EPOCH, mode
    return entry, data


def _folder(mode: int) -> tuple[tarfile.TarInfo, bytes]:
    entry, _ = _file(b"", mode)
    entry.type = tarfile.DIRTYPE
    return entry, b""


def _unpacked(package: Path) -> tuple[dict[str, tuple[tarfile.TarInfo, bytes]], dict[str, tuple[tarfile.TarInfo, bytes]]]:
    """The two halves of a Debian package (deb(5)): what it says of itself, and its files."""
    data = package.read_bytes()
    halves: dict[str, dict[str, tuple[tarfile.TarInfo, bytes]]] = {}
    at = len(b"!<arch>\n")
    while at + 60 <= len(data):
        name, size = data[at : at + 16].decode().strip().rstrip("/"), int(data[at + 48 : at + 58])
        if name.startswith(("control.tar", "data.tar")):
            halves[name.partition(".")[0]] = _entries(data[at + 60 : at + 60 + size])
        at += 60 + size + size % 2
    return halves["control"], halves["data"]


def _entries(data: bytes) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Each file, link and folder by its path, as a layer has it; a hard link is another file with the same bytes."""
    found: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for given in tar:
            name = given.name.removeprefix("./").rstrip("/")
            if given.isdir():
                found[name] = _folder(0o755)
            elif given.issym():
                entry, _ = _file(b"", 0o777)
                entry.type, entry.linkname = tarfile.SYMTYPE, given.linkname
                found[name] = entry, b""
            elif given.isreg() or given.islnk():
                content = tar.extractfile(given)
                found[name] = _file(content.read() if content else b"", 0o755 if given.mode & 0o100 else 0o644)
            else:
                sys.exit(f"{name} is neither file, folder nor link")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
