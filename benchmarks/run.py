"""All measurements, each beside its peer, as one table; exit status 1 where a budget is exceeded.

Run with the system's Python: `python3 benchmarks/run.py`, or `python3 benchmarks/run.py start small` for some of it. A suite
that has a size takes another one so: `equal=8000`.
It needs a machine with nothing else to do, and sets up all that it needs. `large` takes some minutes; `million`, `million-s3`,
`mongo-ten` and `mongo-one` take hours or very much room, and run where they are named.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measure import Row, table
from tests.bed import toolchain

SUITES = {
    "start": ("benchmarks.start", "measure"),
    "small": ("benchmarks.resources", "small"),
    "large": ("benchmarks.resources", "large"),
    "spark": ("benchmarks.spark", "measure"),
    "hundred": ("benchmarks.resources", "hundred"),
    "equal": ("benchmarks.equal", "measure"),
    "owners": ("benchmarks.owners", "measure"),
    "deactivate": ("benchmarks.deactivate", "measure"),
    "limited": ("benchmarks.deactivate", "limited"),
    "images": ("benchmarks.images", "measure"),
    "files": ("benchmarks.files", "measure"),
    "files-at-once": ("benchmarks.files", "at_once"),
    "million": ("benchmarks.million", "on_path"),
    "million-s3": ("benchmarks.million", "on_s3"),
    "objects": ("benchmarks.objects", "measure"),
    "second": ("benchmarks.repository", "measure"),
    "nightly": ("benchmarks.nightly", "measure"),
    "shards": ("benchmarks.shards", "measure"),
    "check": ("benchmarks.check", "measure"),
    "peers": ("benchmarks.peers", "measure"),
    "portforward": ("benchmarks.portforward", "measure"),
    "mongo-dump": ("benchmarks.mongo", "dump"),
    "mongo-tiny": ("benchmarks.mongo", "tiny"),
    "mongo-deep": ("benchmarks.mongo", "deep"),
    "mongo-ten": ("benchmarks.mongo", "ten"),
    "mongo-one": ("benchmarks.mongo", "one"),
    "mongo-restore": ("benchmarks.mongo", "restore"),
}
"""Name → the module and the function that yields its rows."""

BY_NAME = frozenset(("million", "million-s3", "mongo-ten", "mongo-one"))
"""What takes hours, or very much room, and is measured where it is named."""


def main(names: list[str]) -> int:
    """Measure these suites, or all that do not take hours."""
    if unknown := {name.partition("=")[0] for name in names} - SUITES.keys():
        sys.exit(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    python = toolchain.venv()
    toolchain.binary()
    if Path(sys.executable).resolve() != python.resolve() or sys.prefix != str(python.parents[1]):
        os.execv(python, [str(python), *sys.argv])
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, Kubernetes {toolchain.KUBERNETES}\n")
    rows = [row for name in names or [each for each in SUITES if each not in BY_NAME] for row in _told(name)]
    print(f"\n{table(rows)}")
    return 0 if all(row.is_kept for row in rows) else 1


def _told(name: str) -> Iterator[Row]:
    """The rows of a suite, each said as soon as it is there."""
    name, _, size = name.partition("=")
    module, function = SUITES[name]
    for row in getattr(importlib.import_module(module), function)(*map(int, filter(None, [size]))):
        print(f"{row.what}: {row.ours:.3f} {row.unit}; {row.against}: {row.theirs:.3f} {row.unit}", flush=True)
        yield row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
