"""Gets every server and program of the bed before the tests begin, so that no test waits for a compiler.

Run with the Python of the virtual environment: `.venv/bin/python -m tests.bed.prepare`. What is there is found in a moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from krew import base
from tests.bed import hdfs, mongo, registry, s3, toolchain

KREW = toolchain.SOURCES.parent / "go-krew"

PARTS: tuple[Callable[[], object], ...] = (
    toolchain.binary,
    mongo.mongod,
    lambda: mongo.tool("mongodump"),
    lambda: mongo.tool("mongorestore"),
    registry.program,
    s3.program,
    lambda: krew("krew"),
    lambda: krew("validate-krew-manifest"),
    base.base,
    lambda: hdfs.missing() or (hdfs.jars(), hdfs.java()),
)
"""One after the other: each compiler takes all cores."""


def krew(name: str) -> Path:
    """A program of krew's own."""
    return toolchain.program(KREW, f"sigs.k8s.io/krew/cmd/{name}", name)


def main() -> None:
    """All of them."""
    for part in PARTS:
        part()


if __name__ == "__main__":
    main()
