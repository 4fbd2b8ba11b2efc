"""Images of a backup into registries, as the steps of a plan say.

Why in this order: a registry shows a tag from the moment it is written, and nothing can take it back. So the blobs of an
image go first, then the manifests that are named by others, and the tag last: whenever the run ends, a tag names
something whole. What each write left there is asked for before the next one builds on it. A tag that is to name another
image is moved only after the new manifest was taken and given back under its digest, and only if a last look finds what
the plan found. The distribution protocol has no condition for a write (no If-Match), so between that look and the write,
one round trip, somebody else's tag can still be overtaken; it is looked at once more after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import IO

from kubectl_lrs.model.errors import DeniedError, ExitCode, LrsError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import CancelledError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.images.access import Access, Doing, Domain
from kubectl_lrs.stores.images.layout import Layout, Tree, blob_path
from kubectl_lrs.stores.images.plan import ImageStep, digest_there
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import Manifest, PushError


@dataclass(frozen=True)
class _Task:
    """A blob that a repository must have, and whose pull secrets it is pushed with."""

    registry: str
    repository: str
    domain: Domain
    digest: str
    size: int


@dataclass
class _Work:
    """An image that is being pushed, and the blobs that it waits for."""

    step: ImageStep
    tree: Tree
    domain: Domain
    waiting: set[_Task] = field(default_factory=set)
    sent: int = 0
    error: LrsError | None = None


class Pusher:
    """Pushes the images of some steps. Made for one run of `push` or of `push_each`."""

    def __init__(self, folder: Backup, access: Access, *, workers: int) -> None:
        self._folder = folder
        self._access = access
        self._workers = workers
        self._holders: dict[tuple[str, Domain, str], str] = {}
        """(registry, domain, digest) → a repository that got the blob, for others to mount it from."""

    def push(self, steps: list[ImageStep]) -> Iterator[Outcome]:
        """An outcome for each. Those whose registry was out of reach come last: then it is known whether all of them are."""
        away: list[tuple[ImageStep, LrsError]] = []
        for step, outcome in self.push_each(steps):
            if outcome.error and outcome.error.exit_code is ExitCode.UNREACHABLE:
                away.append((step, outcome.error))
            else:
                yield outcome
        is_lost = all(self._access.failure(step.target.registry, step.target.repository, Doing.WRITE) for step in steps)
        for step, error in away:
            # The store is lost only with the last registry; else it is the failure of these images.
            yield Outcome.failed(step, error if is_lost else LrsError(str(error), hint=error.hint))

    def push_each(self, steps: list[ImageStep]) -> Iterator[tuple[ImageStep, Outcome]]:
        """As they are done. Blobs of several images at once; an image is finished as soon as the last blob of it is there."""
        works, tasks = self._works(steps)
        waiting = {task: [work for work in works if task in work.waiting] for task in tasks}
        ended: set[int] = set()
        yield from self._finished(works, ended)
        for task, sent, error in map_unordered(tasks, self._push_blob, workers=self._workers, stop=self._access.stop):
            for work in waiting[task]:
                work.waiting.discard(task)
                work.sent += sent
                work.error = work.error or error
            yield from self._finished(waiting[task], ended)
        for work in works:
            if id(work) not in ended:
                yield work.step, Outcome.of(work.step, Result.NOT_TRIED, "interrupted")

    def _works(self, steps: Iterable[ImageStep]) -> tuple[list[_Work], list[_Task]]:
        layout = Layout(self._folder)
        works: list[_Work] = []
        tasks: dict[_Task, None] = {}
        for step in steps:
            work = _Work(step, layout.tree(str(step.entry.reference)), self._access.domain(step.entry.reference))
            for blob in work.tree.blobs.values():
                task = _Task(step.target.registry, step.target.repository, work.domain, blob.digest, blob.size)
                work.waiting.add(task)
                tasks[task] = None
            works.append(work)
        return works, list(tasks)

    # ---- blobs

    def _push_blob(self, task: _Task) -> tuple[_Task, int, LrsError | None]:
        key = (task.registry, task.domain, task.digest)
        holder = self._holders.get(key, "")

        def work(registry: RegistryClient) -> bool:
            return registry.push_blob(
                task.repository,
                task.digest,
                task.size,
                self._opener(task.digest),
                mount_from=holder if holder != task.repository else "",
            )

        try:
            sent = self._access.ask(task.registry, task.repository, task.domain, work, doing=Doing.WRITE)
        except LrsError as error:
            return task, 0, error
        self._holders.setdefault(key, task.repository)
        return task, int(sent), None

    def _opener(self, digest: str) -> Callable[[], AbstractContextManager[IO[bytes]]]:
        return lambda: self._folder.reading(blob_path(digest))

    # ---- manifests and tags

    def _finished(self, works: Iterable[_Work], ended: set[int]) -> Iterator[tuple[ImageStep, Outcome]]:
        for work in works:
            if not work.waiting and id(work) not in ended:
                ended.add(id(work))
                yield work.step, self._finish(work)

    def _finish(self, work: _Work) -> Outcome:
        """Push the manifests, last the one that the tag names."""
        if work.error:
            return _failed(work.step, work.error)
        try:
            return self._name(work)
        except LrsError as error:
            return _failed(work.step, error)

    def _name(self, work: _Work) -> Outcome:
        step, target = work.step, work.step.target
        *below, top = work.tree.manifests.values()
        is_moved = step.action is Action.REPLACE
        for manifest in (*below, top) if is_moved or target.digest else below:  # what is lost by it must be sure to be replaced
            self._put_by_digest(work, manifest)
        now = digest_there(self._access, target, work.domain)
        if now not in (step.before, step.entry.digest):
            return Outcome.of(step, Result.CONFLICT, f"it has become {now or 'nothing'} since the plan was made")
        tag = self._tag(work)
        if tag:
            held = self._put(work, tag, top)
            if altered := self._altered(work, held, top):
                return Outcome.of(step, Result.ALTERED, altered)
        return Outcome.of(step, counts={"sent": work.sent, "there": len(work.tree.blobs) - work.sent})

    def _tag(self, work: _Work) -> str:
        """The tag to write. With a digest the digest counts, and the tag is only given where the registry has none such."""
        target = work.step.target
        if target.digest and target.tag and digest_there(self._access, replace(target, digest=""), work.domain):
            return ""
        return target.tag

    def _put_by_digest(self, work: _Work, manifest: Manifest) -> None:
        """PushError where the registry makes something else of it: nothing may name it then."""
        held = self._put(work, manifest.digest, manifest)
        if held.media_type != manifest.media_type:
            raise PushError(f"{manifest.digest}: sent as {manifest.media_type}, the registry has it as {held.media_type}")

    def _put(self, work: _Work, reference: str, manifest: Manifest) -> Manifest:
        """What the registry has under the reference afterwards."""
        target = work.step.target

        def put(registry: RegistryClient) -> Manifest:
            return registry.push_manifest(target.repository, reference, manifest)

        return self._access.ask(target.registry, target.repository, work.domain, put, refusals=(DeniedError,), doing=Doing.WRITE)

    def _altered(self, work: _Work, held: Manifest, sent: Manifest) -> str:
        """In which way the registry has something else than it was sent; empty where it has not."""
        if held.digest != sent.digest:
            return f"the registry has {held.digest} under this tag, not {sent.digest} as it was sent"
        if held.media_type != sent.media_type:
            return f"the registry has it as {held.media_type}, not {sent.media_type} as it was sent"
        if not digest_there(self._access, replace(work.step.target, digest=sent.digest), work.domain):
            return f"the registry does not have it by its digest {sent.digest}"
        return ""


def _failed(step: ImageStep, error: LrsError) -> Outcome:
    if isinstance(error, CancelledError):
        return Outcome.of(step, Result.NOT_TRIED, "interrupted")
    return Outcome.failed(step, error)
