"""The product at work, from nothing: a throwaway cluster, a backup, a disaster, a restore, a comparison.

Run with the system's Python: `python3 tests/demo.py`. It sets up all that it needs, and takes it down again.
`KEEP=1 python3 tests/demo.py` leaves the cluster there to play with; `python3 tests/demo.py stop` takes that down.
`python3 tests/demo.py --context NAME` uses a cluster that you have, in a namespace of its own, and builds none.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.bed import loader, samples, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.named_cluster import NamedCluster

Lrs = dict[str, Any]
Step = tuple[str, tuple[str, ...]]

NAMESPACE = "datarobot"
CRD = loader.CRDS / "v1alpha1-lrs.yaml"
LEFT_OUT = "spark_app"
PREFIX = "kubectl-lrs-demo-"
KEPT = "kept.json"
PASSED_ON = ("TERM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR", "TZ")
"""All that the commands see of the user's environment: how to write to the terminal."""

IN_YOURS = "kubectl-lrs-demo"
"""The namespace in a cluster of the user's."""


def steps(namespace: str) -> tuple[Step, ...]:
    """What is shown, one after the other."""
    return (
        ("Look at what there is: LRS of every type, most of them running, some failed.", ("get", "lrs", "-n", namespace)),
        ("Back them up, into a folder of plain files in the current directory.", ("lrs", "backup", "-n", namespace)),
        ("List the backups in the current directory.", ("lrs", "list")),
        ("Check that every file of the backup is as it was written.", ("lrs", "verify")),
        ("Now the disaster: the namespace goes, with everything in it.", ("delete", "namespace", namespace)),
        ("Restore the newest backup, and the namespace with it.", ("lrs", "restore", "latest", "--create-namespaces")),
    )


# ---- the comparison: pure

OF_ONE_LIFE = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
"""Metadata that the server sets anew for each object that is created."""


@dataclass(frozen=True)
class Comparison:
    """How many objects and fields were held against each other, and each difference in words."""

    objects: int
    fields: int
    differences: list[str]


def compare(before: Sequence[Lrs], after: Sequence[Lrs]) -> Comparison:
    """Hold the objects that there are against those that there were: every field, with its type."""
    old, new = _by_name(before), _by_name(after)
    differences = [f"{name}: is missing" for name in sorted(old.keys() - new.keys())]
    differences += [f"{name}: was not there before" for name in sorted(new.keys() - old.keys())]
    count = 0
    both = sorted(old.keys() & new.keys())
    for name in both:
        left, right = dict(fields(old[name])), dict(fields(new[name]))
        paths = [*left, *(path for path in right if path not in left)]
        count += len(paths)
        differences += [f"{name}: {line}" for path in paths if (line := _difference(path, left, right))]
    return Comparison(len(both), count, differences)


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and value of every leaf, the value written so that 1, 1.0, true and "1" differ; {} and [] are leaves."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from fields(each, f"{path}[{json.dumps(key)}]")
    elif isinstance(value, list) and value:
        for number, each in enumerate(value):
            yield from fields(each, f"{path}[{number}]")
    else:
        yield path, json.dumps(value)


def is_left_out(manifest: Lrs) -> bool:
    """Whether a backup leaves the object out unless it is asked for."""
    labels = manifest["metadata"].get("labels") or {}
    return bool(labels.get(samples.TYPE_LABEL) == LEFT_OUT)


def _by_name(manifests: Sequence[Lrs]) -> dict[str, Lrs]:
    return {f"{each['metadata']['namespace']}/{each['metadata']['name']}": _essence(each) for each in manifests}


def _essence(manifest: Lrs) -> Lrs:
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in OF_ONE_LIFE}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


def _difference(path: str, left: Mapping[str, str], right: Mapping[str, str]) -> str:
    was, now = left.get(path, "nothing"), right.get(path, "nothing")
    return "" if was == now else f"{path} was {was}, is {now}"


# ---- the show


def main(arguments: list[str]) -> int:
    """The demo, or `stop`; the exit status."""
    if arguments == ["stop"]:
        return stop()
    context = arguments[1] if len(arguments) == 2 and arguments[0] == "--context" else ""
    if arguments and not context:
        print(f"usage: {_self()} [stop | --context NAME]", file=sys.stderr)
        return 2
    keep = os.environ.get("KEEP", "") not in ("", "0")
    if context and keep:
        print("KEEP=1 keeps a cluster of the demo's own; in yours nothing is kept", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return demo_in(context) if context else demo(keep=keep)
    except KeyboardInterrupt:
        print("\ninterrupted; everything is stopped and removed", file=sys.stderr)
        return 130


def demo(*, keep: bool) -> int:
    """Set up, show, and take down unless it is to be kept."""
    say("kubectl lrs: back up, destroy, restore, compare. In a throwaway cluster on this machine; yours is not touched.")
    _get_ready()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    plane: ControlPlane | None = None
    kept = False
    try:
        plane = _set_up(directory)
        status = 0 if _show(plane, directory) else 1
        if keep:
            _keep(plane, directory)
            kept = True
    finally:
        if not kept:
            _take_down(plane, directory)
    _say_goodbye(directory, kept=kept)
    return status


def demo_in(context: str) -> int:
    """The same in a cluster of the user's: what is made there is taken out again."""
    say(f"kubectl lrs: back up, destroy, restore, compare. In your cluster {context}, in a namespace of its own: {IN_YOURS}.")
    toolchain.venv()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        _make_places(directory)
        cluster = NamedCluster(context, IN_YOURS, directory)
        try:
            cluster.set_up()
            status = 0 if _show(cluster, directory, IN_YOURS) else 1
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            cluster.stop()
    finally:
        _remove(directory)
    say(f"\nWhat was made in {context} is removed: the namespace {IN_YOURS} and the CRD.")
    return status


def _get_ready() -> None:
    """The Python environment and the control plane: two downloads, which need not wait for each other."""
    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(make) for make in (toolchain.venv, toolchain.binary)]:
            work.result()


def _set_up(directory: Path) -> ControlPlane:
    """A control plane with the CRD and the samples, and a place for `kubectl lrs` on the PATH."""
    began = time.monotonic()
    say(f"Starting Kubernetes {toolchain.KUBERNETES} ...", end=" ")
    _make_places(directory)
    plane = ControlPlane.start(directory / "plane")
    try:
        _populate(plane)
    except BaseException:
        plane.stop()
        raise
    say(f"ready in {time.monotonic() - began:.0f} s")
    return plane


def _make_places(directory: Path) -> None:
    for name in ("home", "backups", "launcher"):
        (directory / name).mkdir()
    launcher = directory / "launcher" / "kubectl-lrs"
    launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(str(toolchain.VENV / "bin" / "kubectl-lrs"))} "$@"\n')
    launcher.chmod(0o755)


def _populate(plane: ControlPlane) -> None:
    loader.install_crd(plane, CRD)
    loader.create_namespace(plane, NAMESPACE)
    made = samples.samples(*loader.version_and_kind(CRD), NAMESPACE)
    loader.create_many(plane, made)
    for each in made:
        loader.set_status(plane, each, samples.status_of(each))


def _show(plane: ControlPlane | NamedCluster, directory: Path, namespace: str = NAMESPACE) -> bool:
    """Every step and the comparison; whether all went well."""
    before, shown = _live(plane), steps(namespace)
    for number, (why, arguments) in enumerate(shown, 1):
        say(f"\n{number}. {why}")
        if status := _run(plane, directory, arguments):
            say(f"\nThat ended with exit status {status}; the demo failed.")
            return False
    say(f"\n{len(shown) + 1}. Compare what is there now with what was there before the disaster, field by field.")
    return verdict(before, _live(plane))


def _live(plane: ControlPlane | NamedCluster) -> list[Lrs]:
    if isinstance(plane, NamedCluster):
        return plane.live()
    return loader.live(plane, loader.version_and_kind(CRD)[0], NAMESPACE)


def _run(plane: ControlPlane | NamedCluster, directory: Path, arguments: Sequence[str]) -> int:
    """Run kubectl as the person at this terminal would; its output goes straight there."""
    command = ["kubectl", *arguments]
    say(_bold(f"$ {shlex.join(command)}"))
    path = f"{_path(directory)}:{os.defpath}"
    own = {"PATH": path, "HOME": str(directory / "home"), "KUBECONFIG": str(plane.kubeconfig)}
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | own
    if isinstance(plane, NamedCluster):  # its credentials may come from a program that needs the user's own
        environment = {**os.environ, "PATH": f"{_path(directory)}:{os.environ['PATH']}", "KUBECONFIG": own["KUBECONFIG"]}
    return subprocess.run([plane.kubectl, *arguments], env=environment, cwd=directory / "backups", check=False).returncode


def verdict(before: Sequence[Lrs], after: Sequence[Lrs]) -> bool:
    """Print what the comparison found; whether everything came back, and nothing else."""
    wanted = [each for each in before if not is_left_out(each)]
    found = compare(wanted, after)
    for line in found.differences:
        say(f"  {line}")
    count = len(found.differences)
    say(f"{found.objects} objects, {found.fields} fields compared: {_bold(f'{count} difference' + 's' * (count != 1))}")
    say(f"{len(before) - len(wanted)} {LEFT_OUT} sessions left out by default")
    expected = sum(samples.COUNTS.values()) - samples.COUNTS[LEFT_OUT]
    if found.objects != expected:
        say(f"There should be {expected} objects.")
    return count == 0 and found.objects == expected


def say(message: str, *, end: str = "\n") -> None:
    """Print at once, so that it stands before what the commands print."""
    print(message, end=end, flush=True)


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def _path(directory: Path) -> str:
    return f"{directory / 'plane' / 'bin'}:{directory / 'launcher'}"


def _self() -> str:
    return shlex.join(["python3", sys.argv[0]])


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


# ---- the end


def _take_down(plane: ControlPlane | None, directory: Path) -> None:
    """Stop and remove everything; a second Ctrl-C does not leave half of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if plane:
        plane.stop()
    _remove(directory)


def _say_goodbye(directory: Path, *, kept: bool) -> None:
    if not kept:
        say("\nThe cluster is stopped and removed. To keep it and try things by hand: KEEP=1 make demo")
        return
    settings = {"KUBECONFIG": directory / "plane" / "admin.kubeconfig", "LRS_BACKUP_DIR": directory / "backups"}
    exports = [f"{name}={shlex.quote(str(value))}" for name, value in settings.items()]
    exports.insert(1, f'PATH={shlex.quote(_path(directory))}:"$PATH"')
    say("\nThe cluster is still there. To try things by hand:")
    say(_bold(f"export {' '.join(exports)}"))
    say("To stop and remove it:")
    say(_bold(f"{_self()} stop"))


def _keep(plane: ControlPlane, directory: Path) -> None:
    """Leave the cluster to a process of its own: it holds the pipes whose end is the end of the cluster, until SIGTERM.

    It holds a lock on its file too, so that `stop` can tell whether it lives, and wait for its end.
    """
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    file = os.open(directory / KEPT, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # for good: nothing of note is left to do here
    keeper = os.fork()
    if not keeper:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
        signal.sigwait({signal.SIGTERM})
        os._exit(0)
    os.write(file, json.dumps({"keeper": keeper, "cluster": plane.detach()}).encode())


def stop() -> int:
    """Take down what `KEEP=1` has left."""
    files = [file for file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{KEPT}") if file.stat().st_uid == os.getuid()]
    for file in files:
        _end(file)
        _remove(file.parent)
        say(f"stopped and removed {file.parent}")
    if not files:
        say("there is nothing to stop")
    return 0


def _end(path: Path) -> None:
    """End a keeper, if it still lives, and wait until its cluster is gone."""
    with path.open() as file:
        processes = json.load(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(processes["keeper"], signal.SIGTERM)
            fcntl.flock(file, fcntl.LOCK_EX)
            _wait(processes["cluster"])


def _wait(processes: Sequence[int], limit: float = 5) -> None:
    """Wait until they have ended, which they do on their own."""
    until = time.monotonic() + limit
    while time.monotonic() < until and any(_is_there(process) for process in processes):
        time.sleep(0.05)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _remove(directory: Path, limit: float = 5) -> None:
    """Remove it, again where a process that was ending has still written."""
    until = time.monotonic() + limit
    while directory.exists() and time.monotonic() < until:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
