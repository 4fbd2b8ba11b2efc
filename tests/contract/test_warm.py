"""A process that comes out of a Python which has read the product is to tests what one is that was started for them."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

import pytest

from tests.bed import warm
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.probe import ENDS

PROBE = "tests.builders.probe"
CALLS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "an answer": (("version",), {}),
    "help": (("restore", "--help"), {"COLUMNS": "60"}),
    "a page": (("help", "storage"), {}),
    "nothing said": ((), {}),
    "a document": (("list", "-o", "json"), {"LRS_BACKUP_DIR": "here"}),
    "an empty folder": (("list", "-v=8"), {"LRS_BACKUP_DIR": "here"}),
    "a wrong word": (("frobnicate",), {}),
    "a wrong flag": (("backup", "--frobnicate", "-o", "json"), {}),
    "no cluster": (("backup",), {"KUBECONFIG": "/no/such/file"}),
    "a setting that is none": (("list",), {"LRS_PARALLEL": "many"}),
    "a bucket that is away": (("list", "--backup-dir", "s3://b/p", "--backup-s3-endpoint", "nonsense"), {"AWS_REGION": "x"}),
    "no database": (("backup", "--mongo", "--mongo-uri", "nonsense"), {}),
    "letters": (("show", "n\u00e4cht\udce9"), {}),
    "a word for Tab": (("__complete", "re"), {}),
}


@pytest.fixture(scope="module")
def server() -> Iterator[warm.Warm]:
    made = warm.Warm(warm.environment())
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    """What `warm.run` does here is to start a Python."""
    with warm.opened(False):
        yield


def _both(
    server: warm.Warm, folder: Path, *arguments: str, module: str = warm.PRODUCT, **more: str
) -> tuple[CompletedProcess[str], CompletedProcess[str]]:
    env = {**warm.environment(), **more}
    ours, theirs = (run(arguments, env=env, cwd=folder, timeout=PATIENCE, module=module) for run in (server.run, warm.run))
    return ours, theirs


@pytest.mark.parametrize("what", CALLS)
def test_the_product_says_the_same(server: warm.Warm, folder: Path, what: str) -> None:
    arguments, more = CALLS[what]
    (folder / "here").mkdir()
    ours, theirs = _both(server, folder, *arguments, **more)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)
    assert "this is a bug" not in theirs.stderr


def test_it_says_the_same_of_a_cluster(server: warm.Warm, folder: Path, plane: ControlPlane, namespace: str) -> None:
    for arguments in (("backup", "-n", "no-such"), ("restore", "saved"), ("check", "-n", namespace, "-o", "json")):
        ours, theirs = _both(server, folder, *arguments, KUBECONFIG=str(plane.kubeconfig))
        assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)
        assert len(ours.stdout.splitlines()) == len(theirs.stdout.splitlines())  # there are times in it


def test_it_finds_the_same(server: warm.Warm, folder: Path) -> None:
    ours, theirs = _both(server, folder, "a", "", "\u00e4\udce9", module=PROBE, LATER="x\udce9")
    assert (ours.returncode, ours.stderr) == (0, "")
    assert json.loads(ours.stdout) == json.loads(theirs.stdout)


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_the_same(server: warm.Warm, folder: Path, how: str) -> None:
    ours, theirs = _both(server, folder, "end", how, module=PROBE)
    last = [each.stderr.splitlines()[-1:] for each in (ours, theirs)]  # a traceback shows who called
    assert (ours.returncode, ours.stdout, last[0]) == (theirs.returncode, theirs.stdout, last[1])


def test_what_is_by_chance_is_another_time_another(server: warm.Warm, folder: Path) -> None:
    said = [_both(server, folder, "by chance", module=PROBE)[0].stdout.split() for _ in range(2)]
    assert said[0][0] != said[1][0]


def test_one_that_takes_too_long_is_killed(server: warm.Warm, folder: Path) -> None:
    with pytest.raises(TimeoutExpired) as late:
        server.run(["hang"], env=warm.environment(), cwd=folder, timeout=0.5, module=PROBE)
    assert late.value.stdout in (b"begun\n", b"")
    assert server.run(["version"], env=warm.environment(), cwd=folder, timeout=PATIENCE).returncode == 0


def test_many_at_once(server: warm.Warm, folder: Path) -> None:
    def asked(number: int) -> CompletedProcess[str]:
        return server.run([f"--nonsense-{number}"], env=warm.environment(), cwd=folder, timeout=PATIENCE)

    with ThreadPoolExecutor(8) as pool:
        for number, done in enumerate(pool.map(asked, range(16))):
            assert f"--nonsense-{number}" in done.stderr.split()


def test_a_folder_that_is_not_there_is_said(server: warm.Warm, folder: Path) -> None:
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        server.run(["version"], env=warm.environment(), cwd=folder / "none", timeout=PATIENCE)


def test_a_server_that_is_dead_is_said(folder: Path) -> None:
    lost = warm.Warm(warm.environment())
    assert lost.run(["version"], env=warm.environment(), cwd=folder, timeout=PATIENCE).returncode == 0
    lost._process.kill()
    lost._process.wait()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"is broken \(-9\)"):
            lost.run(["version"], env=warm.environment(), cwd=folder, timeout=PATIENCE)
    lost.stop()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    lost = warm.Warm({**warm.environment(), "PYTHONHOME": str(folder)})
    lost._process.wait(PATIENCE)
    with pytest.raises(RuntimeError, match="encodings"):
        lost.run(["version"], env=warm.environment(), cwd=folder, timeout=PATIENCE)
    lost.stop()


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONUTF8", "LC_ALL", "TZ"])
def test_what_counts_when_a_python_starts_does_not_fit(server: warm.Warm, name: str) -> None:
    assert server.fits(["version"], warm.environment())
    assert not server.fits(["version"], {**warm.environment(), name: "another"})


def test_what_no_process_can_be_given_does_not_fit(server: warm.Warm) -> None:
    assert not server.fits(["a\0b"], warm.environment())
    assert not server.fits(["a" * warm.LONGEST], warm.environment())
    assert not server.fits([], {**warm.environment(), "A": "\0"})


def test_what_is_handed_down_and_has_changed_does_not_fit(server: warm.Warm) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    other = 0 if soft else 1
    old = os.umask(0o27)
    assert not server.fits([], warm.environment())
    os.umask(old)
    assert server.fits([], warm.environment())
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert not server.fits([], warm.environment())
    signal.signal(signal.SIGUSR1, before)
    assert server.fits([], warm.environment())
    if other <= hard or hard < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (other, hard))
        assert not server.fits([], warm.environment())
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


LOOKS = """
import json, os, sys
from tests.bed import warm_server
SOURCES = ("_datetime", "_io", "_random", "_socket", "_thread", "datetime", "posix", "pwd", "signal", "_signal", "time", "uuid")
HARMLESS = {"acquire", "release", "RLock", "allocate_lock", "fspath", "_path_normpath", "register_at_fork", "timedelta"}
seen = set()
def note(frame, what):
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        if frame.f_code.co_name == "<module>":
            seen.add((frame.f_globals["__name__"], what))
            return
        frame = frame.f_back
def called(frame, event, function):
    if event == "c_call":
        owner = getattr(function, "__self__", None)
        kind = owner if isinstance(owner, type) else type(owner)
        of = function.__module__ or (getattr(owner, "__name__", "") if kind.__name__ == "module" else kind.__module__)
        if of in SOURCES and function.__name__ not in HARMLESS:
            note(frame, f"{of}.{function.__name__}")
def watched(name):
    real = getattr(os._Environ, name)
    def asked(self, *arguments):
        note(sys._getframe(1), "environment")
        return real(self, *arguments)
    setattr(os._Environ, name, asked)
watched("__getitem__"), watched("__iter__"), watched("copy")
sys.setprofile(called)
import tests.builders.looker
warm_server.read()
sys.setprofile(None)
print(json.dumps([sorted(seen), sorted(name for name in sys.modules if name.startswith('kubectl_lrs'))]))
"""


def test_no_module_looks_at_anything_when_it_is_imported() -> None:
    """Else what it saw would be the server's, and not that of the call: environment, folder, clock, chance, files."""
    done = subprocess.run([sys.executable, "-c", LOOKS], env=warm.environment(), stdout=subprocess.PIPE, text=True, check=True)
    looked, read = json.loads(done.stdout)
    by = {name: {what for who, what in looked if who == name} for name, _ in looked}
    assert by.pop("tests.builders.looker") == {"environment", "posix.getcwd", "time.time", "datetime.now", "posix.urandom"}
    assert sorted(name for name in by if name.startswith(warm.PRODUCT)) == []
    files = sorted((warm.ROOT / warm.PRODUCT).rglob("*.py"))
    names = {".".join(each.relative_to(warm.ROOT).with_suffix("").parts).removesuffix(".__init__") for each in files}
    assert set(read) == names - {f"{warm.PRODUCT}.__main__"}
