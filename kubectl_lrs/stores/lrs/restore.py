"""The restore of LRS, the last store of all: a source and the live cluster give a plan; the same plan is shown, then applied."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.trust import OWN, Trust
from kubectl_lrs.stores.common.journals import operator_journal
from kubectl_lrs.stores.lrs.apply import Run
from kubectl_lrs.stores.lrs.journal import RecreateJournal
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.plan import Planner
from kubectl_lrs.stores.lrs.saved import TIER, Source
from kubectl_lrs.stores.lrs.selected import Selected


class LrsRestorer:
    """One restore of LRS. `directory` is where journals lie, `cluster` what names them, `trust` whose are believed.

    `state`: where they lie too, whichever folder of backups is named.
    """

    name = TIER

    def __init__(
        self,
        source: Source,
        options: RestoreOptions,
        *,
        kube: KubeClient,
        resource: Resource,
        directory: Path,
        cluster: str,
        stop: Cancel,
        trust: Trust = OWN,
        state: Path | None = None,
    ) -> None:
        self._kube = kube
        self._resource = resource
        self._options = options
        self._stop = stop
        self._selected = Selected(source, options.selection, options.names, options.namespace_map, options.registry_map)
        self._journal = RecreateJournal(directory, cluster, trust, state)
        self._pause_journal = operator_journal(directory, cluster, trust, state)

    def plan(self, progress: Progress) -> StorePlan:
        """Look at the source and the cluster, and decide; nothing is written."""
        planner = Planner(
            self._kube,
            self._resource,
            self._selected,
            self._options,
            journal=self._journal,
            pause_journal=self._pause_journal,
            progress=progress,
        )
        with self._kube.warnings.told(progress.note):
            return planner.plan()

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Do what the plan says, several objects at once; an outcome for each step."""
        run = Run(
            self._kube,
            self._resource,
            self._selected,
            self._options,
            plan,
            options,
            journal=self._journal,
            pause_journal=self._pause_journal,
            stop=self._stop,
            progress=progress,
        )
        with self._kube.warnings.told(progress.note):
            run.into(report)
