"""The server of warm.py: a Python that has read the product, and forks whenever one is to run. Standard library only.

In each child `serve` goes on as `python -m` would. Nothing of the server's is there: its descriptors are closed, its signals
are as they were, and its modules are those that no call has used.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = "kubectl_lrs"
LIBRARIES = (
    "_strptime",
    "concurrent.futures.thread",
    "http.client",
    "requests",
    "rich.console",
    "rich.live",
    "ssl",
    "tempfile",
    "yaml",
)
"""What the product imports within its functions, in many calls."""

FIXED = ("PYTHON", "LANG", "LC_", "TZ", "LD_", "OPENSSL_", "MALLOC_", "GLIBC_")
"""How the names of variables begin that count when a process starts, and not later."""

FORK = 0
"""What the server is asked for; else it is the process that must be killed."""

OURS = 1 << 12
"""The server has fewer descriptors than that."""


def fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of them that count when a process starts."""
    return {name: value for name, value in environment.items() if name.startswith(FIXED)}


def read() -> None:
    """Import the modules of the product, and those that it imports in many calls."""
    package = importlib.import_module(PRODUCT)
    for each in pkgutil.walk_packages(package.__path__, f"{PRODUCT}."):
        if not each.name.endswith(".__main__"):
            importlib.import_module(each.name)
    for name in LIBRARIES:
        importlib.import_module(name)


def serve(channel: int) -> None:
    """Returns in each process that comes out of it, when that has done what it was asked for."""
    sys.path[0] = str(ROOT)
    read()
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    module, *arguments = _become(*_Server(channel).child())
    sys.argv[:] = ["-m", *arguments]
    sys.orig_argv[:] = [sys.executable, "-m", module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if type(end.code) is int:
            _end(end.code)
        raise


def _end(code: int) -> None:
    """What Python does at its end, but for taking its modules apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()  # what the call itself has made
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


class _Server:
    """Its channel, and the children that live, each with the descriptor by which its end is told."""

    def __init__(self, channel: int) -> None:
        self._channel = socket.socket(fileno=channel)
        self._children: dict[int, int] = {}
        self._woken, self._waker = os.pipe()
        for each in (self._woken, self._waker):
            os.set_blocking(each, False)

    def child(self) -> list[int]:
        """Fork whenever that is asked for; returns in each child, with the descriptors of its call."""
        signal.set_wakeup_fd(self._waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        asked = self._channel.fileno()
        while True:
            ready, _, _ = select.select([asked, self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 1 << 12)
                self._tell_ends()
            if asked in ready and (descriptors := self._answered()):
                return descriptors

    def _answered(self) -> list[int]:
        """Do what is asked for next; in a new child the descriptors of its call."""
        message, descriptors, _, _ = socket.recv_fds(self._channel, 8, 3)
        if not message:
            os._exit(0)
        doomed = int.from_bytes(message, "big")
        if doomed == FORK:
            return self._forked(descriptors)
        if doomed in self._children:
            os.kill(doomed, signal.SIGKILL)
        return []

    def _forked(self, descriptors: list[int]) -> list[int]:
        child = os.fork()
        if not child:
            self._channel.detach()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return descriptors
        teller, *streams = descriptors
        for each in streams:
            os.close(each)
        self._children[child] = teller
        _tell(teller, child)
        return []

    def _tell_ends(self) -> None:
        while self._children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            teller = self._children.pop(child)
            _tell(teller, status)
            os.close(teller)


def _tell(teller: int, number: int) -> None:
    with suppress(OSError):  # who asked has gone
        os.write(teller, b"%d\n" % number)


def _become(teller: int, out: int, err: int) -> list[str]:
    """Give a new process what it is to have; returns its module and arguments."""
    try:
        with os.fdopen(os.dup(teller), "rb") as told:
            wish = json.loads(told.readline())
        at_start = fixed(os.environ)  # Python itself sets some
        os.environ.clear()
        os.environ.update({**wish["environment"], **at_start})
        os.chdir(wish["folder"])
        sys.path[0] = os.getcwd()
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, OURS)
    except BaseException as error:
        os.write(teller, f"{error!r}\n".encode())
        os._exit(1)
    return [wish["module"], *wish["arguments"]]
