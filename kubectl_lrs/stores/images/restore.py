"""The images of a backup → the registries that lack them: planned, with every repository tried, then pushed."""

from __future__ import annotations

from itertools import takewhile

from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap
from kubectl_lrs.stores.common.mentions import LRS, mentions
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.apply import Pusher
from kubectl_lrs.stores.images.find import ImageFilter, find
from kubectl_lrs.stores.images.layout import Layout
from kubectl_lrs.stores.images.plan import ImageStep, Planner, collisions, left_out, unused
from kubectl_lrs.stores.images.saved import TIER, Level, saved


class ImagesRestorer:
    """The images of a restore; `existing` REPLACE: a tag that names another digest is moved. `only`: one application's."""

    name = TIER

    def __init__(
        self,
        folder: Backup,
        access: Access,
        *,
        mapping: RegistryMap,
        existing: Existing,
        workers: int,
        only: Belongings | None = None,
    ) -> None:
        self._only = only
        self._folder = folder
        self._access = access
        self._mapping = mapping
        self._existing = existing
        self._workers = workers
        self._is_logged_in = False

    def plan(self, progress: Progress) -> StorePlan:
        """What the registries have and lack, and whether they may be pushed to; nothing is written."""
        inventory = saved(self._folder)
        if inventory is None:
            raise DamageError(f"{self._folder.describe()}: it holds no images")
        inventory = inventory.of(self._only.of(TIER) if self._only else None)
        layout = Layout(self._folder) if inventory.level is Level.COPY else None
        shared = self._only.shared(TIER) if self._only else {}
        planner = Planner(
            self._access, layout, mapping=self._mapping, existing=self._existing, workers=self._workers, shared=shared
        )
        self._log_in_once(progress)
        if hosts := planner.hosts(inventory.entries):
            progress.note(f"images: contacting {', '.join(hosts)}")
        progress.begin("images: looking at the registries", len(inventory.entries))
        steps, refused = planner.tried(planner.steps(inventory.entries, progress), progress)
        findings = (*collisions(steps), *left_out(steps), *unused(steps, self._mapping), *refused)
        replaced = sum(step.action is Action.REPLACE for step in steps)
        return StorePlan(
            store=TIER,
            target=", ".join(hosts) or "no registry",
            steps=steps,
            findings=findings,
            effects=(f"replace {replaced} image tags",) if replaced else (),
        )

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Push what the plan says; one outcome for each image."""
        todo: list[ImageStep] = []
        for step in plan.of(ImageStep):
            if step.action in WRITES and not options.dry_run:
                todo.append(step)
            else:
                report.add(Outcome.of(step))
        if not todo:
            return
        self._log_in_once(progress)
        progress.begin("images: pushing", len(todo))
        for outcome in Pusher(self._folder, self._access, workers=self._workers).push(todo):
            progress.advance()
            report.add(outcome)
        progress.end()

    def _log_in_once(self, progress: Progress) -> None:
        """Whose the images are, from the LRS that name them, and what the pull secrets hold."""
        if self._is_logged_in or not self._access.uses_secrets:
            return
        found = find(takewhile(lambda each: each.store == LRS, mentions(self._folder)), ImageFilter())
        self._access.log_in(mentions(self._folder), found.images)
        for problem in self._access.notes:
            progress.note(str(problem), problem.note)
        self._is_logged_in = True
