"""The images of a backup → the registries that lack them: planned, with every repository tried, then pushed.

Of each image blobs go before manifests, and manifests before the tag, so that a tag never names what is not whole. A tag
that names something else is left alone unless it is to be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

from kubectl_lrs.model.errors import CredentialsError, DamageError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, Existing, Finding, Severity, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.cancel import StoppedError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.common.mentions import Mention, mentions
from kubectl_lrs.stores.images.layout import Layout, Tree, blob_path
from kubectl_lrs.stores.images.registry.client import Push, Registries
from kubectl_lrs.stores.images.saved import TIER, Entry, Level, State, saved
from kubectl_lrs.stores.images.targets import creation


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep(Step):
    """One image: where it goes, what is to happen, and the digest that the tag has there now."""

    store: ClassVar[str] = TIER

    entry: Entry
    target: Reference
    before: str = ""


@dataclass(frozen=True)
class _Task:
    """A blob that a repository must have; `mount`: another repository of the registry that has it by then."""

    registry: str
    repository: str
    digest: str


@dataclass
class _Work:
    """An image that is being pushed, and the blobs that it waits for."""

    step: ImageStep
    tree: Tree
    waiting: set[_Task] = field(default_factory=set)
    sent: int = 0
    error: LrsError | None = None


class ImagesRestorer:
    """The images of a restore; `existing` REPLACE: a tag that names another digest is moved."""

    name = TIER

    def __init__(
        self,
        folder: SealedFolder,
        registries: Registries,
        *,
        mapping: RegistryMap,
        existing: Existing,
        workers: int,
        log_in: Callable[[Iterable[Mention]], None] = lambda _mentions: None,
    ) -> None:
        self._folder = folder
        self._registries = registries
        self._mapping = mapping
        self._existing = existing
        self._workers = workers
        self._log_in = log_in
        self._is_logged_in = False
        self._lost: dict[str, LrsError] = {}
        self._holders: dict[tuple[str, str], str] = {}

    # ---- plan

    def plan(self, progress: Progress) -> StorePlan:
        """What the registries have and lack, and whether they may be pushed to; nothing is written."""
        inventory = saved(self._folder)
        if inventory is None:
            raise DamageError(f"{self._folder.path}: it holds no images")
        layout = Layout(self._folder) if inventory.level is Level.COPY else None
        self._log_in_once()
        progress.begin("images: looking at the registries", len(inventory.entries))
        found = {step.entry.reference: step for step in self._each(inventory.entries, layout, progress)}
        steps = [found[entry.reference] for entry in inventory.entries]
        findings = (*_twice(steps), *_absent(steps), *self._refused(steps, progress))
        replaced = sum(step.action is Action.REPLACE for step in steps)
        return StorePlan(
            store=TIER,
            target=", ".join(sorted({step.target.registry for step in steps})) or "no registry",
            steps=steps,
            findings=findings,
            effects=(f"replace {replaced} image tags",) if replaced else (),
        )

    def _each(self, entries: Iterable[Entry], layout: Layout | None, progress: Progress) -> Iterator[ImageStep]:
        failures: list[LrsError] = []

        def attempt(entry: Entry) -> ImageStep | None:
            try:
                return self._step(entry, layout)
            except LrsError as error:
                failures.append(error)
                return None

        for step in map_unordered(entries, attempt, workers=self._workers, stop=self._registries.stop):
            if failures:
                break
            progress.advance()
            if step:
                yield step
        if failures:
            raise failures[0]

    def _step(self, entry: Entry, layout: Layout | None) -> ImageStep:
        target = self._mapping.target(entry.reference)

        def step(action: Action, reason: str = "", before: str = "") -> ImageStep:
            return _step(entry, target, action, reason, before)

        if entry.state in (State.MISSING, State.UNRESOLVED):
            return step(Action.SKIP, f"the backup does not hold it: {entry.reason}")
        before = self._registries.of(target.registry).digest_of(target.repository, target.digest or target.tag)
        if before == entry.digest:
            return step(Action.UNCHANGED, before=before)
        if entry.state is State.RECORDED:
            why = "another one has its tag there" if before else "the registry does not have it"
            return step(Action.SKIP, f"the backup only lists it, and {why}", before)
        if layout:  # all of it must be there before anything is pushed
            layout.tree(str(entry.reference))
        if not before:
            return step(Action.CREATE)
        if self._existing is Existing.REPLACE:
            return step(Action.REPLACE, f"it is {before} there", before)
        return step(Action.CONFLICT, f"it is {before} there; --images-existing replace moves the tag", before)

    def _refused(self, steps: list[ImageStep], progress: Progress) -> Iterator[Finding]:
        """Every repository that is to be pushed to is tried: an upload is begun, and given up."""
        places = sorted({(step.target.registry, step.target.repository) for step in steps if step.action in WRITES})
        progress.begin("images: trying the repositories", len(places))
        answers = map_unordered(places, self._probe, workers=self._workers, stop=self._registries.stop)
        yield from sorted((each for each in answers if each), key=lambda finding: finding.message)
        progress.end()

    def _probe(self, place: tuple[str, str]) -> Finding | None:
        registry, repository = place
        name = f"{registry}/{repository}"
        try:
            push, said = self._registries.of(registry).probe(repository)
        except LrsError as error:
            return Finding(Severity.ERROR, f"{name}: cannot be tried: {error}", error.hint, ExitCode.UNREACHABLE)
        if push is Push.ALLOWED:
            return None
        if push is Push.MISSING:
            hint = f"create it with: {creation(registry, repository)}" if creation(registry, repository) else "create it"
            return Finding(Severity.ERROR, f"{name}: the repository does not exist: {said}", hint, ExitCode.UNREACHABLE)
        hint = f"log in as somebody who may push (docker login {registry}), or create the repository if it does not exist"
        return Finding(Severity.ERROR, f"{name}: it may not be pushed to: {said}", hint, ExitCode.UNREACHABLE)

    def _log_in_once(self) -> None:
        if not self._is_logged_in:
            self._log_in(mentions(self._folder))
            self._is_logged_in = True

    # ---- apply

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
        self._log_in_once()
        progress.begin("images: pushing", len(todo))
        for outcome in self._push_all(todo):
            progress.advance()
            report.add(outcome)
        progress.end()

    def _push_all(self, todo: list[ImageStep]) -> Iterator[Outcome]:
        """Blobs of several images at once; an image is finished as soon as the last blob of it is there."""
        works, tasks = _works(todo, Layout(self._folder))
        waiting = {task: [work for work in works if task in work.waiting] for task in tasks}
        ended: set[int] = set()
        yield from self._finished(works, ended)
        for task, sent, error in map_unordered(tasks, self._push_blob, workers=self._workers, stop=self._registries.stop):
            for work in waiting[task]:
                work.waiting.discard(task)
                work.sent += sent
                work.error = work.error or error
            yield from self._finished(waiting[task], ended)
        for work in works:
            if id(work) not in ended:
                yield Outcome.of(work.step, Result.NOT_TRIED, "interrupted")

    def _push_blob(self, task: _Task) -> tuple[_Task, int, LrsError | None]:
        if task.registry in self._lost:
            return task, 0, self._lost[task.registry]
        registry = self._registries.of(task.registry)
        holder = self._holders.get((task.registry, task.digest), "")
        try:
            sent = registry.push_blob(
                task.repository, task.digest, self._opener(task.digest), mount_from=holder if holder != task.repository else ""
            )
        except LrsError as error:
            if isinstance(error, (UnreachableError, CredentialsError)):  # nothing else would succeed there either
                self._lost.setdefault(task.registry, error)
            return task, 0, error
        self._holders.setdefault((task.registry, task.digest), task.repository)
        return task, int(sent), None

    def _opener(self, digest: str) -> Any:
        def opened() -> AbstractContextManager[IO[bytes]]:
            return self._folder.reading(blob_path(digest))

        return opened

    def _finished(self, works: Iterable[_Work], ended: set[int]) -> Iterator[Outcome]:
        for work in works:
            if not work.waiting and id(work) not in ended:
                ended.add(id(work))
                yield self._finish(work)

    def _finish(self, work: _Work) -> Outcome:
        """Push the manifests, last the one that the tag names; the tag is looked at once more right before."""
        step = work.step
        if work.error:
            return _failed(step, work.error)
        registry, repository = self._registries.of(step.target.registry), step.target.repository
        wanted = step.target.digest or step.target.tag
        try:
            now = registry.digest_of(repository, wanted)
            if now not in (step.before, step.entry.digest):
                return Outcome.of(step, Result.CONFLICT, f"it has become {now or 'nothing'} since the plan was made")
            *below, top = work.tree.manifests.values()
            for manifest in below:
                registry.push_manifest(repository, manifest.digest, manifest)
            registry.push_manifest(repository, wanted, top)
            if step.target.digest and step.target.tag and not registry.digest_of(repository, step.target.tag):
                registry.push_manifest(repository, step.target.tag, top)
            if registry.digest_of(repository, wanted) != step.entry.digest:
                error = LrsError("the registry took it and does not give it back as it was")
                return Outcome.failed(step, error)
        except LrsError as error:
            return _failed(step, error)
        return Outcome.of(step, counts={"sent": work.sent, "there": len(work.tree.blobs) - work.sent})


def _step(entry: Entry, target: Reference, action: Action, reason: str, before: str) -> ImageStep:
    arrow = f"{entry.reference} -> {target}" if target != entry.reference else str(target)
    return ImageStep(name=arrow, action=action, reason=reason, bytes=entry.bytes, entry=entry, target=target, before=before)


def _twice(steps: Iterable[ImageStep]) -> Iterator[Finding]:
    """Two images of the backup that would become one."""
    seen: dict[Reference, ImageStep] = {}
    for step in steps:
        other = seen.setdefault(step.target, step)
        if other is not step and other.entry.digest != step.entry.digest:
            yield Finding(
                Severity.ERROR,
                f"{other.entry.reference} and {step.entry.reference} would both become {step.target}",
                "map them to different places",
                ExitCode.USAGE,
            )


def _absent(steps: Iterable[ImageStep]) -> Iterator[Finding]:
    lost = [step for step in steps if step.action is Action.SKIP]
    if lost:
        yield Finding(
            Severity.WARNING,
            f"{len(lost)} images cannot be pushed, such as {lost[0].entry.reference}: {lost[0].reason}",
            "what uses them does not start where the registry does not have them",
        )


def _works(todo: Iterable[ImageStep], layout: Layout) -> tuple[list[_Work], list[_Task]]:
    works: list[_Work] = []
    tasks: dict[_Task, None] = {}
    for step in todo:
        work = _Work(step, layout.tree(str(step.entry.reference)))
        for digest in work.tree.blobs:
            task = _Task(step.target.registry, step.target.repository, digest)
            work.waiting.add(task)
            tasks[task] = None
        works.append(work)
    return works, list(tasks)


def _failed(step: ImageStep, error: LrsError) -> Outcome:
    if isinstance(error, StoppedError):
        return Outcome.of(step, Result.NOT_TRIED, "interrupted")
    return Outcome.failed(step, error)
