"""From the installation file of a call to the backups that its nightly runs make."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_lrs.commands.backup_ import Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.model.settings import Installation
from kubectl_lrs.usecases.nightly import Own


def own_backups(given: Given, found: Installation, *, uids: Iterable[str] = (), namespace: str = "") -> Own:
    """What tells them. `uids`, `namespace`: what the cluster says, where it was asked, beside what the file says."""
    flags = given.of(Flags)
    where = namespace or found.namespace
    return Own(
        uids=found.uids | {each for each in uids if each},
        profile=flags.profile,
        selection=flags.selection(where),
        any_namespace=not (flags.all_namespaces or where),
    )
