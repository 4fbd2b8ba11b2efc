"""Compiles and packs an archive, the same bytes every time. Run by the Python that the archive carries, never by another:
byte code and compression differ between versions. See `build.py`.

    pack.py compile ROOT          every .py below ROOT becomes a .pyc in its place
    pack.py cache ROOT            every .py below ROOT gets its .pyc beside it, in __pycache__
    pack.py archive OUT ROOT...   all files below the ROOTs, later ones over earlier ones, as a .tar.gz
"""

from __future__ import annotations

import gzip
import importlib.util
import marshal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

EPOCH = 315532800
"""1980-01-01 in UTC: the time of every entry."""
UNCHECKED = 0b01
"""Byte code that is taken as it is: the sources of an installed version never change."""
EXECUTABLES = frozenset({"kubectl-lrs", "bin/python3.14"})


def main(arguments: list[str]) -> None:
    """One of the three commands above."""
    verb, place, *roots = arguments
    if verb == "archive":
        archive(Path(place), [Path(root) for root in roots])
    else:
        for source in sorted(Path(place).rglob("*.py")):
            compile_one(Path(place), source, keep_source=verb == "cache")


def compile_one(root: Path, source: Path, *, keep_source: bool) -> None:
    """The byte code of one file, with no path and no time of this machine in it."""
    text = source.read_bytes()
    code = compile(text, source.relative_to(root).as_posix(), "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED.to_bytes(4, "little") + importlib.util.source_hash(text)
    target = Path(importlib.util.cache_from_source(str(source))) if keep_source else source.with_suffix(".pyc")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(header + marshal.dumps(code))
    if not keep_source:
        source.unlink()


def archive(out: Path, roots: list[Path]) -> None:
    """A .tar.gz of regular files alone, sorted, owned by nobody, with fixed times and modes."""
    files = {path.relative_to(root).as_posix(): path for root in roots for path in _files(root)}
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = files[name].stat().st_size
            entry.mtime = EPOCH
            entry.mode = 0o755 if name in EXECUTABLES else 0o644
            with files[name].open("rb") as content:
                tar.addfile(entry, content)


def _files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            sys.exit(f"{path} is no regular file")
        if path.is_file():
            yield path


if __name__ == "__main__":
    main(sys.argv[1:])
