"""The project's own source, read for what it imports. A statement stands at the beginning of a line: ruff sees to that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([^\n#]+))", re.MULTILINE)


def imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(module, names out of it) of every import in a file, wherever it stands. Parsing would take ten times as long."""
    for module, names, modules in _IMPORT.findall(path.read_text()):
        if module:
            yield module, _names(names)
        else:
            yield from ((each, []) for each in _names(modules))


def imported(path: Path) -> Iterator[str]:
    """The names that a file imports; `from a import b` may mean the module a or the module a.b."""
    for module, names in imports(path):
        yield module
        yield from (f"{module}.{each}" for each in names)


def _names(text: str) -> list[str]:
    """`a, b as c`, over several lines or not."""
    lines = (line.partition("#")[0] for line in text.strip("()\n ").splitlines())
    return [each.split()[0] for each in "".join(lines).split(",") if each.strip()]
