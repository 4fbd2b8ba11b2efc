"""What a process finds in itself when it starts, as JSON; and how it ends, in the way that its first argument names."""

from __future__ import annotations

import atexit
import gc
import json
import locale
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any


def found() -> dict[str, Any]:
    """All that is the same for any two processes that were started in the same way."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return {
        "arguments": [sys.argv, sys.orig_argv, __name__, sorted(vars(sys.modules["__main__"]))],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "group": [os.getpgrp(), os.getsid(0), os.getuid(), os.getegid(), os.getpid() == threading.get_native_id()],
        "signals": {each: str(signal.getsignal(each)).partition(" at ")[0] for each in signal.valid_signals()},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "umask": [os.umask(0o22), os.umask(0o22)][0],
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
        "priority": os.nice(0),
        "descriptors": [number for number in range(64) if _is_open(number)],
        "inheritable": [os.get_inheritable(number) for number in range(3)],
        "streams": [(each.encoding, each.errors, each.line_buffering, each.isatty(), each.newlines) for each in streams],  # type: ignore[union-attr]
        "kinds": [oct(os.fstat(number).st_mode >> 12) for number in range(3)],
        "to read": sys.stdin.read(),
        "threads": [len(threading.enumerate()), threading.current_thread() is threading.main_thread()],
        "python": [sys.flags, sys.path, sys.executable, sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace() is None],
        "rubbish": [gc.isenabled(), gc.get_threshold()],
        "language": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding()],
        "time": time.tzname,
    }


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _thread() -> None:
    threading.Thread(target=lambda: (threading.main_thread().join(), print("a thread ended last"))).start()
    sys.exit(3)


def _later() -> None:
    atexit.register(print, "registered for the end")
    sys.stdout.write("not flushed")
    sys.exit(4)


def _closed() -> None:
    sys.stdout.write("lost")
    os.close(1)
    sys.exit(0)


ENDS: dict[str, Callable[[], object]] = {
    "": lambda: None,
    "text": lambda: sys.exit("no"),
    "large code": lambda: sys.exit(300),
    "truth": lambda: sys.exit(True),
    "at once": lambda: os._exit(7),
    "error": lambda: [][0],
    "interrupted": lambda: signal.raise_signal(signal.SIGINT),
    "thread": _thread,
    "later": _later,
    "closed": _closed,
    **{
        each.name: partial(os.kill, os.getpid(), each)
        for each in (signal.SIGKILL, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)
    },
}


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["end"]:
        ENDS[words[1]]()
    elif words[:1] == ["by chance"]:
        print(random.random(), hash("text"))
    elif words[:1] == ["hang"]:
        print("begun", flush=True)
        signal.pause()
    else:
        print(json.dumps(found(), sort_keys=True, indent=1))
