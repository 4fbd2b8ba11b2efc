"""What an archive holds beside the product: a Python and the packages, by platform, compiled. Made once and kept in the cache.

The pins are `runtime/go.mod` with its `go.sum`, `requirements.txt` and `debian.txt` with their hashes; nothing else gets in.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from krew import debian
from tests.bed import toolchain

HERE = Path(__file__).resolve().parent
PYTHON = "python3.14"
RUNTIME_MODULE = "github.com/kluctl/go-embed-python"
IMAGE_BASE = "image/base.tar.gz"
"""The lowest layer of the image that `kubectl lrs image` makes: it is in the archives for Linux."""

PINS = ("base.py", "debian.txt", "pack.py", "requirements.txt", "runtime/go.mod", "runtime/go.sum")


@dataclass(frozen=True)
class Platform:
    """A platform in krew's words, the tags of the wheels that run on it, and the loader of its programs."""

    os: str
    arch: str
    wheels: tuple[str, ...]
    loader: str

    @property
    def name(self) -> str:
        """As in `linux-amd64`."""
        return f"{self.os}-{self.arch}"


PLATFORMS = (
    Platform("linux", "amd64", ("manylinux2014_x86_64", "manylinux_2_17_x86_64"), "/lib64/ld-linux-x86-64.so.2"),
    Platform(
        "linux",
        "arm64",
        ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_24_aarch64"),
        "/lib/ld-linux-aarch64.so.1",
    ),
    Platform("darwin", "amd64", ("macosx_10_15_x86_64",), "/usr/lib/dyld"),
    Platform("darwin", "arm64", ("macosx_11_0_arm64",), "/usr/lib/dyld"),
)
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

LEFT_OUT = (
    "__hello__", "__phello__", "_pydatetime", "_pydecimal", "_pyio", "_pyrepl", "_sysconfig_vars", "antigravity", "bdb",
    "build-details.json", "cProfile", "cmd.py", "code.py", "compileall", "config-", "curses", "dbm", "doctest.py", "ensurepip",
    "filecmp", "fileinput", "ftplib", "graphlib", "idlelib", "imaplib", "json/tool", "logging/config", "logging/handlers",
    "mailbox", "modulefinder", "nturl2path", "optparse", "pdb.py", "pickletools", "poplib", "profile", "pstats", "pyclbr",
    "pydoc", "rlcompleter", "sched.py", "shelve", "smtplib", "sqlite3/dump", "statistics", "symtable", "tabnanny", "this.py",
    "tkinter", "tomllib", "trace.py", "turtle", "unittest", "urllib/robotparser", "venv", "wave", "wsgiref/validate", "xml/dom",
    "xmlrpc", "zipapp",
)  # fmt: skip
"""Of the standard library, by the beginning of the name: what no part of the product uses."""
LEFT_OUT_NATIVE = ("_ctypes_test", "_dbm", "_test", "_tkinter")
"""Of its native modules. `_dbm` also brings a library whose licence (AGPL) would bind the whole archive."""
AWS_SERVICES = {"s3": "s3", "sts": "sts", "sso": "portal.sso", "sso-oidc": "oidc"}
"""Of the services that botocore describes the one that is used, and those that give credentials → as its endpoints name it."""
ENDPOINTS = "botocore/data/endpoints.json"
UNUSED = (
    "botocore/cacert.pem", "botocore/data/s3/2006-03-01/examples-1.json", "botocore/stub", "certifi/tests/",
    "charset_normalizer/cli/", "click/testing", "dateutil/zoneinfo/dateutil-zoneinfo", "dateutil/zoneinfo/rebuild", "dns/btree",
    "dns/dnssec.", "dns/dnssecalgs/", "dns/e164", "dns/grange", "dns/namedict", "dns/tsigkeyring", "dns/versioned", "dns/zone.",
    "dns/zonefile", "fsspec/archive", "fsspec/conftest", "fsspec/fuse", "fsspec/generic", "fsspec/gui", "fsspec/parquet",
    "fsspec/tests/", "gridfs/", "idna/cli", "idna/codec", "obstore/auth/", "obstore/fsspec", "prometheus_client/aiohttp/",
    "prometheus_client/bridge/", "prometheus_client/django/", "prometheus_client/multiprocess",
    "prometheus_client/openmetrics/parser", "prometheus_client/twisted/", "rich/diagnose", "rich/layout", "rich/logging",
    "rich/prompt", "rich/tree",
)  # fmt: skip
"""Of the packages, by the beginning of the path: what nothing asks for. A test finds whoever imports one of these."""
FILE_SYSTEMS = ("__init__", "arrow", "chained", "dirfs", "local", "webhdfs")
"""Of the file systems of fsspec: those of a path and of HDFS, and what the package itself imports."""
MODEL = re.compile(r"\bmodels\.([A-Z]\w+)")
"""How the product names a model of the kubernetes package."""
NOT_RUN = (".c", ".h", ".pxd", ".pyi", ".pyx", ".typed")
"""Of the packages, by the end of the name: what only compilers and type checkers read."""


def base() -> Path:
    """A folder with one folder for each platform, made anew when a pin has changed; that takes about a minute."""
    digest = hashlib.sha256()
    for pin in PINS:
        digest.update(hashlib.sha256((HERE / pin).read_bytes()).digest())
    digest.update(" ".join(models()).encode())
    place = toolchain.cache() / f"krew-base-{digest.hexdigest()[:16]}"
    with toolchain.held("krew-base"):
        if not place.exists():
            for old in toolchain.cache().glob("krew-base-*"):
                shutil.rmtree(old)
            part = place.with_suffix(".part")
            _make(part)
            part.rename(place)
    return place


def models() -> list[str]:
    """The models of the kubernetes package that the product builds objects from: of 500 these alone are carried."""
    sources = (HERE.parent / "kubectl_lrs").rglob("*.py")
    return sorted({name for source in sources for name in MODEL.findall(source.read_text())})


def host() -> Platform:
    """The platform of this machine: its archive is the one whose Python compiles and packs all of them."""
    key = (platform.system().lower(), MACHINES.get(platform.machine().lower()))
    for candidate in PLATFORMS:
        if (candidate.os, candidate.arch) == key:
            return candidate
    sys.exit("the archives are built on Linux or macOS, on amd64 or arm64")


def pack(python: Path, *arguments: str | Path) -> None:
    """Run `pack.py` by a carried Python, in an environment that cannot change what comes out."""
    options = ("-I", "-S", "-B", "-X", "no_debug_ranges")  # no columns in byte code, whose source is nowhere to be shown
    command = [str(python / "bin" / PYTHON), *options, str(HERE / "pack.py"), *map(str, arguments)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "0", "LC_ALL": "C"}, stdin=subprocess.DEVNULL)


def _make(part: Path) -> None:
    toolchain.say("making the base of the krew archives")
    shutil.rmtree(part, ignore_errors=True)
    for each in PLATFORMS:
        make(each, part / each.name)


def make(target: Platform, root: Path) -> None:
    """The base of one platform, in the folder `root`."""
    runtimes = _runtimes()
    with tempfile.TemporaryDirectory() as temporary:
        runner, wheels = Path(temporary, "runner"), Path(temporary, "wheels")
        _unpack_python(runtimes / host().name, runner)
        _unpack_python(runtimes / target.name, root)
        _download(target, wheels)
        _unpack_wheels(wheels, root / "packages")
        _narrow(root / "packages" / ENDPOINTS)
        if target.os == "linux":
            for library in (root / "packages").rglob("*.so"):
                library.write_bytes(stripped(library.read_bytes()))
        pack(runner, "compile", root)
        if target.os == "linux":
            image = root / IMAGE_BASE
            image.parent.mkdir()
            pack(runner, "base", image, *debian.files(target.arch))


def _runtimes() -> Path:
    """The folder of the Go module's data; go checks it against `go.sum`."""
    answer = json.loads(toolchain.go_run(HERE / "runtime", ["mod", "download", "-json", RUNTIME_MODULE]))
    return Path(answer["Dir"]) / "python" / "internal" / "data"


def _unpack_python(source: Path, target: Path) -> None:
    """The interpreter and its library without their links and without what is left out."""
    listing: list[dict[str, Any]] = json.loads((source / "files.json").read_text())["files"]
    for entry in listing:
        name = str(entry["name"])
        packed = source / f"{name}.gz" if entry.get("compressed") else source / name
        if entry.get("symlink") or not packed.is_file() or not is_wanted(name):
            continue
        content = packed.read_bytes()
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.decompress(content) if entry.get("compressed") else content)
    (target / "bin" / PYTHON).chmod(0o755)


def is_wanted(name: str) -> bool:
    """Whether a file of the Python, by its path there, is carried."""
    library = f"lib/{PYTHON}/"
    if not name.startswith(library):
        return name == f"bin/{PYTHON}"
    inside = name.removeprefix(library)
    if inside.startswith("lib-dynload/"):
        return not inside.removeprefix("lib-dynload/").startswith(LEFT_OUT_NATIVE)
    return not inside.startswith(LEFT_OUT) and "__pycache__" not in inside


def _download(target: Platform, folder: Path) -> None:
    """The wheels of a platform, by hash, for the carried Python whatever Python this is."""
    tags = [argument for tag in target.wheels for argument in ("--platform", tag)]
    abis = [argument for abi in ("cp314", "abi3", "none") for argument in ("--abi", abi)]
    toolchain.pip(
        [
            "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version=3.14",
            "--implementation=cp", *abis, *tags, "--dest", str(folder), "--requirement", str(HERE / "requirements.txt"),
        ]
    )  # fmt: skip


def stripped(library: bytes) -> bytes:
    """An ELF library of 64 bits without what only debuggers read: all that is loaded, and no table of sections.

    That is what `strip` comes to, for any processor on any; those of macOS are signed, and stay as they are.
    """
    header = struct.Struct("<16sHHIQQQIHHHHHH")
    ident, kind, machine, version, entry, at, _, flags, size, each, count, *_ = header.unpack_from(library)
    assert ident[:6] == b"\x7fELF\x02\x01"
    end = at + each * count
    for place in range(at, end, each):
        segment, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", library, place)
        if segment == LOADED:
            end = max(end, offset + length)
    return (
        header.pack(ident, kind, machine, version, entry, at, 0, flags, size, each, count, 0, 0, 0) + library[header.size : end]
    )


LOADED = 1
"""The kind of a segment that is loaded (elf(5): PT_LOAD)."""


def _unpack_wheels(folder: Path, target: Path) -> None:
    carried = _carried()
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if ".data/scripts/" in name:  # programs that nobody calls
                    continue
                if ".data/" in name:
                    sys.exit(f"{wheel.name} has files for elsewhere: {name}")
                if not name.endswith("/") and is_carried(name, carried):
                    packed.extract(name, target)


def _narrow(endpoints: Path) -> None:
    """Of botocore's table of endpoints, which it reads as a whole: the services that are carried."""
    table: dict[str, Any] = json.loads(endpoints.read_text())
    for partition in table["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in AWS_SERVICES.values()}
    endpoints.write_text(json.dumps(table, separators=(",", ":")))


def _carried() -> frozenset[str]:
    """Of the kubernetes package: the models that are used, and what they stand on."""
    found = (re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in models())
    below = (
        "__init__",
        "client/__init__",
        "client/configuration",
        "client/models/__init__",
        *(f"client/models/{m}" for m in found),
    )
    return frozenset(f"{each}.py" for each in below)


def is_carried(name: str, of_kubernetes: Collection[str]) -> bool:
    """Of a package all that runs; of its metadata what it is, its licences, and what is linked into it."""
    if name.startswith(UNUSED):
        return False
    folder, _, inside = name.partition("/")
    if folder.endswith(".dist-info"):
        return inside == "METADATA" or inside.upper().startswith(("LICENSE", "NOTICE", "COPYING", "AUTHORS", "SBOMS/"))
    described = inside.removeprefix("data/").partition("/") if name.startswith("botocore/data/") else ("", "", "")
    if described[1] and described[0] not in AWS_SERVICES:
        return False
    part, _, system = inside.partition("/")
    if (folder, part) == ("fsspec", "implementations") and system.removesuffix(".py") not in FILE_SYSTEMS:
        return False
    return not name.endswith(NOT_RUN) and (folder != "kubernetes" or inside in of_kubernetes)
