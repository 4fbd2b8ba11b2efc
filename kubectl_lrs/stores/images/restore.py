"""The images of a backup → the registries that lack them: planned, with every repository tried, then pushed.

Of each image blobs go before manifests, and manifests before the tag, so that a tag never names what is not whole. A tag
that names something else is left alone unless it is to be replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Any

from kubectl_lrs.model.errors import CredentialsError, DamageError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.plan import Action, Effort, Finding, Item, Severity, TierPlan
from kubectl_lrs.model.report import RESULT_OF, ItemOutcome, Result
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.runtime.parallel import for_each
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.mentions import Mention, mentions
from kubectl_lrs.stores.images.layout import Layout, Tree, blob_path
from kubectl_lrs.stores.images.mapping import RegistryMap
from kubectl_lrs.stores.images.reference import Reference
from kubectl_lrs.stores.images.registry.client import Push, Registries
from kubectl_lrs.stores.images.registry.http import StoppedError
from kubectl_lrs.stores.images.saved import TIER, Entry, Level, State, saved
from kubectl_lrs.stores.images.targets import creation

WRITES = (Action.CREATE, Action.REPLACE)


@dataclass(frozen=True)
class _Step:
    """One image: where it goes, what is to happen, and the digest that the tag has there now."""

    entry: Entry
    target: Reference
    action: Action
    reason: str = ""
    before: str = ""

    @property
    def item(self) -> Item:
        """As the plan shows it."""
        arrow = f"{self.entry.reference} -> {self.target}" if self.target != self.entry.reference else str(self.target)
        return Item(tier=TIER, name=arrow, action=self.action, reason=self.reason, bytes=self.entry.bytes)


@dataclass(frozen=True)
class _Task:
    """A blob that a repository must have; `mount`: another repository of the registry that has it by then."""

    registry: str
    repository: str
    digest: str


@dataclass
class _Work:
    """An image that is being pushed, and the blobs that it waits for."""

    step: _Step
    tree: Tree
    waiting: set[_Task] = field(default_factory=set)
    sent: int = 0
    error: LrsError | None = None


class ImagesRestore:
    """The images tier of a restore; `replace`: a tag that names another digest is moved."""

    name = TIER

    def __init__(
        self,
        folder: SealedFolder,
        registries: Registries,
        *,
        mapping: RegistryMap,
        replace: bool,
        workers: int,
        log_in: Callable[[Iterable[Mention]], None] = lambda _mentions: None,
    ) -> None:
        self._folder = folder
        self._registries = registries
        self._mapping = mapping
        self._replace = replace
        self._workers = workers
        self._log_in = log_in
        self._lost: dict[str, LrsError] = {}
        self._steps: list[_Step] = []
        self._layout: Layout | None = None
        self._holders: dict[tuple[str, str], str] = {}

    # ---- plan

    def plan(self, progress: Progress) -> TierPlan:
        """What the registries have and lack, and whether they may be pushed to; nothing is written."""
        inventory = saved(self._folder)
        if inventory is None:
            raise DamageError(f"{self._folder.path}: it holds no images")
        if inventory.level is Level.COPY:
            self._layout = Layout(self._folder)
        self._log_in(mentions(self._folder))
        progress.begin("images: looking at the registries", len(inventory.entries))
        found = {step.entry.reference: step for step in self._each(inventory.entries, progress)}
        self._steps = [found[entry.reference] for entry in inventory.entries]
        findings = [*self._twice(), *self._absent(), *self._refused(progress)]
        replaced = sum(step.action is Action.REPLACE for step in self._steps)
        return TierPlan(
            tier=TIER,
            target=", ".join(sorted({step.target.registry for step in self._steps})) or "no registry",
            items=[step.item for step in self._steps],
            findings=findings,
            stakes=(f"replace {replaced} image tags",) if replaced else (),
        )

    def _each(self, entries: Iterable[Entry], progress: Progress) -> Iterator[_Step]:
        failures: list[LrsError] = []

        def attempt(entry: Entry) -> _Step | None:
            try:
                return self._step(entry)
            except LrsError as error:
                failures.append(error)
                return None

        for step in for_each(entries, attempt, workers=self._workers, stop=self._registries.stop):
            if failures:
                break
            progress.advance()
            if step:
                yield step
        if failures:
            raise failures[0]

    def _step(self, entry: Entry) -> _Step:
        target = self._mapping.target(entry.reference)
        if entry.state in (State.MISSING, State.UNRESOLVED):
            return _Step(entry, target, Action.SKIP, f"the backup does not hold it: {entry.reason}")
        wanted = target.digest or target.tag
        before = self._registries.of(target.registry).digest_of(target.repository, wanted)
        if before == entry.digest:
            return _Step(entry, target, Action.UNCHANGED, before=before)
        if entry.state is State.RECORDED:
            why = "another one has its tag there" if before else "the registry does not have it"
            return _Step(entry, target, Action.SKIP, f"the backup only lists it, and {why}", before)
        if self._layout:  # all of it must be there before anything is pushed
            self._layout.tree(str(entry.reference))
        if not before:
            return _Step(entry, target, Action.CREATE)
        if self._replace:
            return _Step(entry, target, Action.REPLACE, f"it is {before} there", before)
        return _Step(entry, target, Action.CONFLICT, f"it is {before} there; --images-existing replace moves the tag", before)

    def _twice(self) -> Iterator[Finding]:
        """Two images of the backup that would become one."""
        seen: dict[Reference, _Step] = {}
        for step in self._steps:
            other = seen.setdefault(step.target, step)
            if other is not step and other.entry.digest != step.entry.digest:
                yield Finding(
                    Severity.ERROR,
                    f"{other.entry.reference} and {step.entry.reference} would both become {step.target}",
                    "map them to different places",
                    ExitCode.USAGE,
                )

    def _absent(self) -> Iterator[Finding]:
        lost = [step for step in self._steps if step.action is Action.SKIP]
        if lost:
            yield Finding(
                Severity.WARNING,
                f"{len(lost)} images cannot be pushed, such as {lost[0].entry.reference}: {lost[0].reason}",
                "what uses them does not start where the registry does not have them",
            )

    def _refused(self, progress: Progress) -> Iterator[Finding]:
        """Every repository that is to be pushed to is tried: an upload is begun, and given up."""
        places = sorted({(step.target.registry, step.target.repository) for step in self._steps if step.action in WRITES})
        progress.begin("images: trying the repositories", len(places))
        answers = for_each(places, self._probe, workers=self._workers, stop=self._registries.stop)
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

    # ---- apply

    def apply(self, plan: TierPlan, effort: Effort, progress: Progress) -> Iterator[ItemOutcome]:  # noqa: ARG002
        """Push what the plan says; one outcome for each image."""
        todo = [step for step in self._steps if step.action in WRITES]
        for step in self._steps:
            if step not in todo:
                yield _outcome(step, RESULT_OF[step.action], step.reason)
        if effort.dry_run:
            for step in todo:
                yield _outcome(step, RESULT_OF[step.action], step.reason)
            return
        progress.begin("images: pushing", len(todo))
        for outcome in self._push_all(todo):
            progress.advance()
            yield outcome
        progress.end()

    def _push_all(self, todo: list[_Step]) -> Iterator[ItemOutcome]:
        """Blobs of several images at once; an image is finished as soon as the last blob of it is there."""
        works, tasks = self._works(todo)
        waiting = {task: [work for work in works if task in work.waiting] for task in tasks}
        ended: set[int] = set()
        yield from self._finished(works, ended)
        for task, sent, error in for_each(tasks, self._push_blob, workers=self._workers, stop=self._registries.stop):
            for work in waiting[task]:
                work.waiting.discard(task)
                work.sent += sent
                work.error = work.error or error
            yield from self._finished(waiting[task], ended)
        for work in works:
            if id(work) not in ended:
                yield _outcome(work.step, Result.NOT_TRIED, "interrupted")

    def _works(self, todo: list[_Step]) -> tuple[list[_Work], list[_Task]]:
        works: list[_Work] = []
        tasks: dict[_Task, None] = {}
        for step in todo:
            tree = self._layout.tree(str(step.entry.reference)) if self._layout else Tree()
            work = _Work(step, tree)
            for digest in tree.blobs:
                task = _Task(step.target.registry, step.target.repository, digest)
                work.waiting.add(task)
                tasks[task] = None
            works.append(work)
        return works, list(tasks)

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

    def _finished(self, works: Iterable[_Work], ended: set[int]) -> Iterator[ItemOutcome]:
        for work in works:
            if not work.waiting and id(work) not in ended:
                ended.add(id(work))
                yield self._finish(work)

    def _finish(self, work: _Work) -> ItemOutcome:
        """Push the manifests, last the one that the tag names; the tag is looked at once more right before."""
        step = work.step
        if work.error:
            return _failed(step, work.error)
        registry, repository = self._registries.of(step.target.registry), step.target.repository
        wanted = step.target.digest or step.target.tag
        try:
            now = registry.digest_of(repository, wanted)
            if now not in (step.before, step.entry.digest):
                return _outcome(step, Result.CONFLICT, f"it has become {now or 'nothing'} since the plan was made")
            *below, top = work.tree.manifests.values()
            for manifest in below:
                registry.push_manifest(repository, manifest.digest, manifest)
            registry.push_manifest(repository, wanted, top)
            if step.target.digest and step.target.tag and not registry.digest_of(repository, step.target.tag):
                registry.push_manifest(repository, step.target.tag, top)
            if registry.digest_of(repository, wanted) != step.entry.digest:
                return _outcome(step, Result.FAILED, "the registry took it and does not give it back as it was")
        except LrsError as error:
            return _failed(step, error)
        counts = {"sent": work.sent, "there": len(work.tree.blobs) - work.sent}
        return ItemOutcome(tier=TIER, name=step.item.name, result=RESULT_OF[step.action], message=step.reason, counts=counts)


def _outcome(step: _Step, result: Result, message: str = "", error: LrsError | None = None) -> ItemOutcome:
    return ItemOutcome(tier=TIER, name=step.item.name, result=result, message=message, error=error)


def _failed(step: _Step, error: LrsError) -> ItemOutcome:
    if isinstance(error, StoppedError):
        return _outcome(step, Result.NOT_TRIED, "interrupted")
    return _outcome(step, Result.FAILED, str(error), error)
