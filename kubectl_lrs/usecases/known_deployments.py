"""What is known of the deployments beside a restore, and which LRS are therefore left to `activate`. The API is not asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.plan import Action
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.trust import NAMED, Trust
from kubectl_lrs.stores.deployments.collect import saved
from kubectl_lrs.stores.deployments.journal import load, open_journals, with_copies
from kubectl_lrs.stores.deployments.ownership import Ownership, Verdict
from kubectl_lrs.stores.lrs.decide import LeftAlone

if TYPE_CHECKING:
    from kubectl_lrs.stores.deployments.inventory import Deployment


def known_deployments(
    directory: Path,
    named: Sequence[str],
    folder: Backup | None,
    live: Collection[Deployment],
    *,
    trust: Trust,
    states: Sequence[Path] = (),
    endpoint: str = "",
) -> Ownership:
    """What the journals that are not done, the application and the backup say of the deployments.

    `live`: those that the application shows. `states`: folders of the state, of whose journals those of the application at
    `endpoint` count. What lies beside the backups counts whatever it is of.
    """
    ownership = Ownership()
    paths = [Path(name) for name in named]
    of_backup = saved(folder) if folder is not None else None
    ours = {endpoint or (of_backup.endpoint if of_backup else "")}
    for journal in (*open_journals(directory, trust, paths, states), *(with_copies(load(path, NAMED), states) for path in paths)):
        is_certain = journal.path.parent not in states or journal.endpoint in ours
        if is_certain or "" in ours:
            ownership.add_journal(journal, is_certain=is_certain)
    ownership.add_live(live)
    if ownership.is_open and of_backup:
        ownership.add_saved(of_backup.deployments)
    return ownership


def left_to_activate(ownership: Ownership, *, force: bool) -> LeftAlone:
    """Which LRS a restore leaves alone; with `force`, not those of which nobody knows."""
    actions = {Verdict.ACTIVATE: Action.SKIP} | ({} if force else {Verdict.UNDECIDED: Action.CONFLICT})

    def judge(manifest: Manifest) -> tuple[Action, str] | None:
        verdict, reason = ownership.judge(manifest)
        return (actions[verdict], reason) if verdict in actions else None

    return judge
