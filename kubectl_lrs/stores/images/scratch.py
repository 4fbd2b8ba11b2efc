"""A rehearsal of images in a scratch repository of a registry: each is pushed there, read back, compared, and removed again.

Each comes under a tag of this run's own. One that is there already by its digest is sent without a tag: it is somebody's,
and stays. `scratch_runs` has how the run says what it makes, and what is removed.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kubectl_lrs.model.errors import ExitCode, LrsError, UsageError
from kubectl_lrs.model.plan import WRITES, ApplyOptions, Finding, Severity, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime import process
from kubectl_lrs.runtime.cancel import Cancel, CancelledError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.access import NOBODYS, Access
from kubectl_lrs.stores.images.apply import Pusher
from kubectl_lrs.stores.images.layout import Descriptor, Layout, Tree
from kubectl_lrs.stores.images.plan import ImageStep
from kubectl_lrs.stores.images.registry.client import Push, RegistryClient
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError, WrongContentError
from kubectl_lrs.stores.images.rehearse import ImagesTrial
from kubectl_lrs.stores.images.scratch_runs import LIFE, PREFIX, Left, Mark, Runs
from kubectl_lrs.stores.images.targets import creation

FLAG = "--scratch-repository"
WORKERS = 6
"""Requests to the registry at once."""

MARGIN = 4 * 3600.0
"""Seconds before the end of a run's LIFE, from which on it begins nothing more."""

Users = Callable[[Reference], Iterator[str | Finding]]
"""Who uses a repository now, in words; findings where that could not be looked at."""


class ImagesScratch(ImagesTrial):
    """One rehearsal in a repository. `connect`: the registries, until the run is to end; `users`: who uses it now."""

    how = "pushed into a scratch repository, read back, compared and removed"
    is_timed = True

    def __init__(
        self, folder: Backup, where: Reference, *, connect: Callable[[Cancel], Access], users: Users, stop: Cancel
    ) -> None:
        super().__init__(folder, stop=stop)
        self._where = where
        self._connect = connect
        self._users = users
        self._halt = stop.child()
        self._access = connect(self._halt)
        self._runs = Runs(self._access, where, workers=WORKERS)
        self._name = f"{PREFIX}{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{secrets.token_hex(8)}"
        self.aside = 0.0

    def sweep(self, progress: Progress) -> Iterator[str]:
        """What killed rehearsals have left there."""
        progress.begin("looking for what earlier rehearsals have left")
        return self._runs.sweep()

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """A push of each; UsageError where the repository is one that the backup or an LRS of now uses."""
        plan = super().plan(progress)
        steps = plan.of(ImageStep)
        if not any(step.action in WRITES for step in steps):
            return plan
        if used := next((step.name for step in steps if step.entry.reference.name == self._where.name), ""):
            raise UsageError(f"{FLAG} {self._where.name}: the backup names {used}", hint="name one that nobody uses")
        found = list(self._users(self._where))
        if users := [each for each in found if isinstance(each, str)]:
            raise UsageError(f"{FLAG} {self._where.name}: {users[0]} uses it", hint="name one that nobody uses")
        findings = (*(each for each in found if isinstance(each, Finding)), *self._obstacles())
        placed = [replace(step, target=self._target(number)) for number, step in enumerate(steps)]
        return replace(plan, target=self._where.name, steps=placed, findings=findings)

    def _target(self, number: int) -> Reference:
        return replace(self._where, tag=f"{self._name}-{number}")

    def _obstacles(self) -> Iterator[Finding]:
        """Whether it may be pushed to, and nobody else is at work in it."""
        where = self._where
        try:
            push, said = self._ask(lambda registry: registry.probe(where.repository))
            busy = self._runs.at_work() if push is Push.ALLOWED else []
        except LrsError as error:
            yield Finding(Severity.ERROR, f"{where.name}: {error}", error.hint, error.exit_code)
            return
        if push is not Push.ALLOWED:
            kind = "it may not be pushed to" if push is Push.DENIED else "the repository does not exist"
            hint = creation(where.registry, where.repository) or f"docker login {where.registry}, as somebody who may push"
            yield Finding(Severity.ERROR, f"{where.name}: {kind}: {said}", hint, ExitCode.UNREACHABLE)
        if busy:
            why = f"{where.name}: a rehearsal is at work in it or may be: {busy[0]}"
            yield Finding(Severity.ERROR, why, "wait for its end, or name another repository")

    def _ask(self, work: Callable[[RegistryClient], tuple[Push, str]]) -> tuple[Push, str]:
        return self._access.ask(self._where.registry, self._where.repository, NOBODYS, work)

    # ---- apply

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:
        """Hold each against its digests, push those that are whole, read them back; remove all that was made."""
        began = time.monotonic()
        checked = Report(source=report.source, target=report.target)
        super().apply(plan, options, checked, progress)
        report.outcomes += [each for each in checked.outcomes if each.result is not Result.CREATED]
        whole = {each.name for each in checked.outcomes if each.result is Result.CREATED}
        steps = [step for step in plan.of(ImageStep) if step.name in whole]
        self.aside += time.monotonic() - began
        if steps and not self._stop.is_set():
            self._rehearse(steps, report, progress)

    def _rehearse(self, steps: Sequence[ImageStep], report: Report, progress: Progress) -> None:
        layout = Layout(self._folder)
        trees = {step.name: layout.tree(step.name) for step in steps}
        there = self._runs.there({digest for tree in trees.values() for digest in tree.manifests})
        placed = [_placed(step, there) for step in steps]
        mark = self._mark(placed, trees, there)
        try:
            self._runs.announce(mark)
            if busy := self._runs.at_work(mark.name):
                raise LrsError(f"{self._where.name}: another rehearsal has begun in it: {busy[0]}", hint="try again later")
            self._pushed(placed, trees, report, progress)
        finally:
            began = time.monotonic()
            self._remove(mark, report, progress)
            self.aside += time.monotonic() - began

    def _mark(self, steps: Iterable[ImageStep], trees: Mapping[str, Tree], there: set[str]) -> Mark:
        made: dict[str, None] = {}
        for digest in (each for tree in trees.values() for each in reversed(tree.manifests) if each not in there):
            made.pop(digest, None)  # what names it in any image goes before it
            made[digest] = None
        return Mark(
            name=self._name,
            began=self._runs.now(),
            process=os.getpid(),
            place=process.place(),
            who=f"{socket.gethostname()} process {os.getpid()}",
            tags={step.target.tag: step.entry.digest for step in steps if step.target.tag},
            manifests=tuple(made),
        )

    def _pushed(self, steps: list[ImageStep], trees: Mapping[str, Tree], report: Report, progress: Progress) -> None:
        progress.begin("images: pushing", len(steps))
        end = time.monotonic() + LIFE - MARGIN
        made: list[Outcome] = []
        for _, outcome in Pusher(self._folder, self._access, workers=WORKERS).push_each(steps):
            progress.advance()
            (made if outcome.result is Result.CREATED else report.outcomes).append(outcome)
            if time.monotonic() > end:
                self._halt.set()
        began = time.monotonic()
        report.outcomes += self._read_back(made, trees, progress)
        self.aside += time.monotonic() - began

    def _read_back(self, made: Sequence[Outcome], trees: Mapping[str, Tree], progress: Progress) -> Iterator[Outcome]:
        """Each manifest and blob of them once."""
        parts: dict[str, Manifest | Descriptor] = {}
        for outcome in made:
            parts |= {**trees[outcome.name].manifests, **trees[outcome.name].blobs}
        progress.begin("images: reading back", len(parts))
        read: dict[str, LrsError | None] = {}
        for digest, error in map_unordered(parts.values(), self._read, workers=WORKERS, stop=self._halt):
            read[digest] = error
            progress.advance()
        for outcome in made:
            tree = trees[outcome.name]
            yield _judged(outcome, [read.get(each, CancelledError("stopped")) for each in (*tree.manifests, *tree.blobs)])

    def _read(self, part: Manifest | Descriptor) -> tuple[str, LrsError | None]:
        """Why it is not there as it was sent; under its digest it can be nothing else, but of another media type."""
        repository = self._where.repository

        def read(registry: RegistryClient) -> None:
            if isinstance(part, Descriptor):
                for _ in registry.blob(repository, part.digest, part.size):
                    pass
            elif (held := registry.manifest(repository, part.digest)).media_type != part.media_type:
                raise WrongContentError(f"{part.digest}: sent as {part.media_type}, the registry has it as {held.media_type}")

        try:
            self._access.ask(self._where.registry, repository, NOBODYS, read)
        except LrsError as error:
            return part.digest, error
        return part.digest, None

    def _remove(self, mark: Mark, report: Report, progress: Progress) -> None:
        """Whatever has ended the run; what stays is said."""
        progress.begin("images: removing what was pushed")
        runs = Runs(self._connect(Cancel()), self._where, workers=WORKERS)
        try:
            left = runs.remove(mark)
        except LrsError as error:
            left = Left(failed=[f"what is there could not be looked at: {error}"])
        where = f"{self._where.name}:{mark.name}"
        report.incomplete += [f"{where}: {each}; the next rehearsal there removes it" for each in left.failed[:1]]
        if left.kept:
            why = f"{where}: of what was pushed {len(left.kept)} manifests stay, such as {left.kept[0]}"
            report.findings.append(Finding(Severity.WARNING, why, "the registry's own garbage collection may remove them"))


def _placed(step: ImageStep, there: set[str]) -> ImageStep:
    """One that is there already gets no tag: what names it would keep us from telling whose it is."""
    digest = step.entry.digest
    return replace(step, target=replace(step.target, tag="", digest=digest), before=digest) if digest in there else step


def _judged(outcome: Outcome, errors: Iterable[LrsError | None]) -> Outcome:
    """An outcome of the push, after all of it was read back."""
    error = next((each for each in errors if each), None)
    if error is None:
        return outcome
    if isinstance(error, CancelledError):
        return replace(outcome, result=Result.NOT_CHECKED, message="it was not read back")
    if isinstance(error, MissingError | WrongContentError):
        return replace(outcome, result=Result.ALTERED, message=f"it does not come back: {error}")
    return replace(outcome, result=Result.FAILED, message=str(error), error=error)
