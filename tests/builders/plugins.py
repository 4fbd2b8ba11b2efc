"""Krew archives as an image is made of them, with hardly anything in them: quick to make, and different by what they hold."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from kubectl_lrs import __version__

ELF = {"amd64": 62, "arm64": 183}


def python(architecture: str) -> bytes:
    """The head of a program of Linux for a machine."""
    return b"\x7fELF" + bytes(14) + ELF[architecture].to_bytes(2, "little") + bytes(44)


def tree(architecture: str = "amd64", **more: bytes) -> dict[str, bytes]:
    """The files of a plugin by their paths; `more` with `__` for `/`, where `.` and `-` cannot stand."""
    return {
        "LICENSE": b"a licence",
        "THIRD-PARTY.md": b"others",
        "bin/python3.14": python(architecture),
        "image/base.tar.gz": tar_of({"usr/lib/libc.so.6": f"libc of {architecture}".encode()}),
        "kubectl-lrs": b"#!/bin/sh\n",
        "lib/python3.14/os.pyc": b"code",
        "packages/kubectl_lrs/__init__.py": f'"""It."""\n\n__version__ = "{__version__}"\n'.encode(),
        "share/man/man1/kubectl-lrs.1": b"a page",
        "start.py": b"print('started')\n",
        **{name.replace("__", "/"): data for name, data in more.items()},
    }


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of these files, as `krew/pack.py` makes one."""
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            entry.mode = 0o755 if name in ("kubectl-lrs", "bin/python3.14") else 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return out.getvalue()


def write_tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files as krew unpacks them."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755 if name in ("kubectl-lrs", "bin/python3.14") else 0o644)
    return folder


def archive(folder: Path, files: Mapping[str, bytes], name: str = "amd64.tar.gz") -> Path:
    """A krew archive, with a line for it in SHA256SUMS beside it."""
    path = folder / name
    path.write_bytes(tar_of(files))
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
    return path


def both(folder: Path) -> list[str]:
    """The flags that name an archive for each machine."""
    paths = [archive(folder, tree(each), f"{each}.tar.gz") for each in ELF]
    return [word for path in paths for word in ("--archive", str(path))]
