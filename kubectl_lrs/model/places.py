"""Where a restore writes beside the cluster, who said so, and whether that belongs to the rest of the call. Pure.

The environment is for every call: settings of one installation may still be exported when another one's cluster is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Finding, Severity


class NamedBy(str, Enum):
    """What says where a store is: this call, the settings of the very cluster that is restored to, the environment, the backup
    itself, or that cluster."""

    FLAG = "flag"
    SETTINGS = "settings"
    ENVIRONMENT = "environment"
    BACKUP = "backup"
    CLUSTER = "cluster"


@dataclass(frozen=True, kw_only=True)
class RestoreTarget:
    """Where a store is, without secrets. `by`: the variable or the flag that says so; `settle`: the flag that says so anew.

    `saved`: where the backup was taken of, empty where it does not say; `is_saved`: whether that is surely the same.
    """

    target: str
    named_by: NamedBy
    by: str = ""
    settle: str = ""
    saved: str = ""
    is_saved: bool = False

    def mixture(self, store: str, *, from_another_cluster: bool) -> Finding | None:
        """An error where it may belong to another installation than the cluster does, and this call does not name it."""
        if self.named_by in (NamedBy.FLAG, NamedBy.SETTINGS, NamedBy.CLUSTER):
            return None
        if self.named_by is NamedBy.ENVIRONMENT and self.is_saved and not from_another_cluster:
            return None
        if self.named_by is NamedBy.BACKUP and not from_another_cluster:
            return None
        but = self._but(from_another_cluster=from_another_cluster)
        return Finding(
            Severity.ERROR,
            f"{store} would be written to {self.target}, which {self._said()}; {but}",
            f"if it is meant, say so in this call: {self.settle}; nothing was written",
            ExitCode.USAGE,
        )

    def _said(self) -> str:
        return f"{self.by} names for every call" if self.named_by is NamedBy.ENVIRONMENT else "the backup names"

    def _but(self, *, from_another_cluster: bool) -> str:
        if from_another_cluster:
            return "the backup is of another cluster than the one that is restored to"
        return f"the backup was taken of {self.saved}" if self.saved else "the backup does not say where it was taken of"
