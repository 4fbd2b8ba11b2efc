"""Run by the Python of an archive: the import statements of all that it carries, as `importer<TAB>name`, by their byte code.

A name that is taken out of a module may be a module of it: both are told.
"""

from __future__ import annotations

import dis
import marshal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

IMPORT = dis.opmap["IMPORT_NAME"]
HEADER = 16
"""Bytes before the code of a .pyc."""


def codes(code: CodeType) -> Iterator[CodeType]:
    """It, and all that is defined within it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes(each)


def imported(code: CodeType, package: list[str]) -> Iterator[str]:
    """The absolute names of one code's statements; `package`: the one that relative names begin in."""
    if IMPORT not in code.co_code[::2]:
        return
    steps = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    for at, step in enumerate(steps):
        if step.opcode == IMPORT:
            level, names = steps[at - 2].argval, steps[at - 1].argval
            above = package[: len(package) + 1 - level] if level else []
            name = ".".join([*above, *filter(None, [step.argval])])
            yield name
            yield from (f"{name}.{each}" for each in names or ())


def main(*roots: str) -> None:
    """Of all modules below some folders of modules."""
    for root in map(Path, roots):
        for file in sorted(root.rglob("*.pyc")):
            parts = [*file.relative_to(root).with_suffix("").parts]
            importer = parts[:-1] if parts[-1] == "__init__" else parts
            for code in codes(marshal.loads(file.read_bytes()[HEADER:])):
                for name in imported(code, parts[:-1]):
                    print(".".join(importer), name, sep="\t")


main(*sys.argv[1:])
