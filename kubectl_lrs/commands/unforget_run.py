"""Bring a forgotten backup back, as `unforget_` is told."""

from __future__ import annotations

from kubectl_lrs.commands import changed
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.unforget_ import Flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.repository import bring_back, open_repository


def run(given: Given) -> None:
    """Seal it again."""
    flags = given.of(Flags)
    if not flags.backup:
        raise UsageError("no backup is named", hint="name one that prune or forget has removed")
    name = bring_back(flags.path, flags.backup, flags.reach)
    backup = open_repository(flags.path, flags.reach).find(name)
    changed.show(given, backup, flags.reach, f"{flags.backup} is back, as {name}")
