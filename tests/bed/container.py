"""A program in what a container has of a machine: a root of its own, mounts, a user, nothing to gain by setuid.

Run by the stand-in of a node in a mount namespace of its own; it becomes the program. Standard library only, and nothing of
this repository: it is started with `-I`.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

RDONLY, NOSUID, REMOUNT, BIND, REC, PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
NO_NEW_PRIVS = 38
MERGED = ("bin", "sbin", "lib", "lib64")
OF_ETC = ("ssl", "hosts", "nsswitch.conf", "ld.so.cache", "localtime")
DEVICES = ("null", "zero", "full", "random", "urandom")

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, flags: int, kind: str = "", data: str = "") -> None:
    """mount(2)."""
    if _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None):
        code = ctypes.get_errno()
        raise OSError(code, f"mount {source} on {target}: {os.strerror(code)}")


def bind(source: str, target: str, *, read_only: bool) -> None:
    """Have a file or folder of the machine there too."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    mount(source, target, BIND | REC)
    if read_only:
        mount("none", target, BIND | REMOUNT | RDONLY | NOSUID)


def build(root: str, spec: dict[str, Any]) -> None:
    """The root: what an image would have, and the mounts of the pod."""
    mount("none", "/", REC | PRIVATE)
    mount("tmpfs", root, NOSUID, "tmpfs", "mode=755")
    bind("/usr", f"{root}/usr", read_only=True)
    _system(root)
    for target, source in spec["image"].items():
        bind(source, f"{root}{target}", read_only=True)
    os.makedirs(f"{root}/run")
    os.makedirs(f"{root}/var")
    os.makedirs(f"{root}/tmp", mode=0o755)
    os.symlink("/run", f"{root}/var/run")
    for each in spec["mounts"]:
        path = each["path"].replace("/var/run/", "/run/", 1)
        if each["size"]:
            os.makedirs(f"{root}{path}", exist_ok=True)
            mount("tmpfs", f"{root}{path}", NOSUID, "tmpfs", f"mode=1777,size={each['size']}")
        else:
            bind(each["source"], f"{root}{path}", read_only=each["readOnly"])
    if spec["readOnlyRoot"]:
        mount("none", root, REMOUNT | BIND | RDONLY | NOSUID)


def _system(root: str) -> None:
    """What programs of this machine need of it."""
    for name in MERGED:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        elif os.path.isdir(f"/{name}"):
            bind(f"/{name}", f"{root}/{name}", read_only=True)
    for name in filter(lambda each: os.path.exists(f"/etc/{each}"), OF_ETC):
        bind(os.path.realpath(f"/etc/{name}"), f"{root}/etc/{name}", read_only=True)
    for name in DEVICES:
        bind(f"/dev/{name}", f"{root}/dev/{name}", read_only=False)
    bind("/proc", f"{root}/proc", read_only=False)


def become(spec: dict[str, Any]) -> None:
    """The user, and the program."""
    if os.getuid() == 0 and spec["mayChangeUser"]:
        os.setgroups(spec["groups"])
        os.setgid(spec["gid"])
        os.setuid(spec["uid"])
    if _libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    os.execve(spec["argv"][0], spec["argv"], spec["env"])


def main() -> None:
    """What is asked for on the command line, as JSON in a file."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    build(spec["root"], spec)
    os.chroot(spec["root"])
    os.chdir("/")
    os.umask(0o022)
    become(spec)


if __name__ == "__main__":
    main()
