"""The images of a backup held against the registries that they go to: what is to happen to each, and whether it may.

What a registry has is what it says itself; where that cannot be told nothing is written. It looks, and tries by beginning
an upload and giving it up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from kubectl_lrs.model.errors import DeniedError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import WRITES, Action, Finding, Severity, Step
from kubectl_lrs.model.units import counted
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.access import OF_ONE, Access, Doing, Domain
from kubectl_lrs.stores.images.layout import Layout
from kubectl_lrs.stores.images.registry.client import Push, RegistryClient
from kubectl_lrs.stores.images.registry.content import Manifest, MissingError
from kubectl_lrs.stores.images.saved import TIER, SavedImage, State
from kubectl_lrs.stores.images.targets import creation


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStep(Step):
    """One image: where it goes, what is to happen, and the digest that the tag has there now."""

    store: ClassVar[str] = TIER

    entry: SavedImage
    target: Reference
    before: str = ""


_Place = tuple[str, str, Domain]
"""A registry, a repository, and whose pull secrets it is pushed to with."""


class _MayNotPushError(DeniedError):
    """The registry refuses uploads to a repository with a login; another one may do."""


def digest_there(access: Access, target: Reference, domain: Domain) -> str:
    """The digest that a place has now; empty where the registry says that it has nothing. OF_ONE where it cannot be told."""

    def look(registry: RegistryClient) -> Manifest:
        return registry.manifest(target.repository, target.wanted)

    try:
        return access.ask(target.registry, target.repository, domain, look).digest
    except MissingError:
        return ""


class Planner:
    """Makes the steps of a plan. `layout`: where the images themselves are in the backup, None where they are only listed.

    `shared`: images that are another's too, and whose: their tags are not moved.
    """

    def __init__(
        self,
        access: Access,
        layout: Layout | None,
        *,
        mapping: RegistryMap,
        existing: Existing,
        workers: int,
        shared: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._access = access
        self._shared = shared
        self._layout = layout
        self._mapping = mapping
        self._existing = existing
        self._workers = workers

    # ---- steps

    def steps(self, entries: tuple[SavedImage, ...], progress: Progress) -> list[ImageStep]:
        """A step for each; an error where not one of the registries that must be asked can be."""
        found: dict[Reference, ImageStep] = {}
        failures: list[LrsError] = []

        for step, failure in map_unordered(entries, self._step, workers=self._workers, stop=self._access.stop):
            found[step.entry.reference] = step
            failures += [failure] if failure else []
            progress.advance()
        asked = sum(self._is_asked(step.entry, step.target) for step in found.values())
        away = [each for each in failures if isinstance(each, (UnreachableError, DeniedError))]
        if away and len(away) == asked:
            raise away[0]
        return [found[entry.reference] for entry in entries if entry.reference in found]

    def hosts(self, entries: Iterable[SavedImage]) -> list[str]:
        """The registries that are asked for these."""
        targets = ((entry, self._mapping.target(entry.reference)) for entry in entries)
        return sorted({target.registry for entry, target in targets if self._is_asked(entry, target)})

    def _is_asked(self, entry: SavedImage, target: Reference) -> bool:
        return entry.state in (State.COPIED, State.RECORDED) and target.registry in self._access.allowed

    def _step(self, entry: SavedImage) -> tuple[ImageStep, LrsError | None]:
        """The step, and what keeps it from being known what is there."""
        target = self._mapping.target(entry.reference)
        if entry.state in (State.MISSING, State.UNRESOLVED):
            return _step(entry, target, Action.SKIP, f"the backup does not hold it: {entry.reason}"), None
        if target.registry not in self._access.allowed:
            return _step(entry, target, Action.SKIP, f"{target.registry} is not among --registry"), None
        try:
            before = digest_there(self._access, target, self._access.domain(entry.reference))
        except OF_ONE as error:
            return _undecided(entry, target, error), error
        return self._decided(entry, target, before), None

    def _decided(self, entry: SavedImage, target: Reference, before: str) -> ImageStep:
        if before == entry.digest:
            return _step(entry, target, Action.UNCHANGED, before=before)
        if entry.state is State.RECORDED:
            why = "another one has its tag there" if before else "the registry does not have it"
            return _step(entry, target, Action.SKIP, f"the backup only lists it, and {why}", before)
        if self._layout:  # all of it must be there before anything is pushed
            self._layout.tree(str(entry.reference))
        if not before:
            return _step(entry, target, Action.CREATE)
        if shared := self._shared.get(str(entry.reference)):
            return _step(entry, target, Action.CONFLICT, f"it is {before} there, and {shared}: it is left alone", before)
        if self._existing is Existing.REPLACE:
            return _step(entry, target, Action.REPLACE, f"it is {before} there", before)
        return _step(entry, target, Action.CONFLICT, f"it is {before} there; --images-existing replace moves the tag", before)

    # ---- trials

    def tried(self, steps: list[ImageStep], progress: Progress) -> tuple[list[ImageStep], list[Finding]]:
        """Every repository that is to be pushed to is tried, with the logins of the push: the steps, and what refuses.

        A refusal keeps the restore from beginning: LRS would start without their images, and what is to be done is known
        now. Where a trial tells nothing, nothing is pushed there; it is an error only where that is so of all of them.
        """
        places = sorted({self._place(step) for step in steps if step.action in WRITES}, key=str)
        progress.begin("images: trying the repositories", len(places))
        answers = dict(map_unordered(places, self._trial, workers=self._workers, stop=self._access.stop))
        progress.end()
        unclear = {place: answer for place, answer in answers.items() if isinstance(answer, LrsError)}
        refused = {answer for answer in answers.values() if isinstance(answer, Finding)}
        if unclear and len(unclear) == len(places):
            refused |= {
                _finding(f"{place[0]}/{place[1]}: cannot be tried: {error}", error.hint) for place, error in unclear.items()
            }
            unclear = {}
        kept = [_untried(step, unclear[self._place(step)]) if self._is_unclear(step, unclear) else step for step in steps]
        return kept, sorted(refused, key=lambda finding: finding.message)

    def _place(self, step: ImageStep) -> _Place:
        return step.target.registry, step.target.repository, self._access.domain(step.entry.reference)

    def _is_unclear(self, step: ImageStep, unclear: Mapping[_Place, LrsError]) -> bool:
        return step.action in WRITES and self._place(step) in unclear

    def _trial(self, place: _Place) -> tuple[_Place, Finding | LrsError | None]:
        """Why a place may not be pushed to, or why that cannot be told."""
        registry, repository, domain = place

        def attempt(client: RegistryClient) -> tuple[Push, str]:
            push, said = client.probe(repository)
            if push is Push.DENIED:
                raise _MayNotPushError(said)
            return push, said

        name = f"{registry}/{repository}"
        try:
            push, said = self._access.ask(registry, repository, domain, attempt, doing=Doing.WRITE)
        except DeniedError as error:
            hint = f"log in as somebody who may push (docker login {registry}), or create the repository if it does not exist"
            return place, _finding(f"{name}: it may not be pushed to: {error}", hint)
        except OF_ONE as error:
            return place, error
        if push is Push.ALLOWED:
            return place, None
        return place, _finding(
            f"{name}: the repository does not exist: {said}", f"create it{_by(creation(registry, repository))}"
        )


def _by(command: str) -> str:
    return f" with: {command}" if command else ""


def _finding(message: str, hint: str) -> Finding:
    way_out = "--registry HOST restores the images of other registries alone"
    return Finding(Severity.ERROR, message, f"{hint}; {way_out}" if hint else way_out, ExitCode.UNREACHABLE)


def _step(entry: SavedImage, target: Reference, action: Action, reason: str = "", before: str = "") -> ImageStep:
    arrow = f"{entry.reference} -> {target}" if target != entry.reference else str(target)
    return ImageStep(name=arrow, action=action, reason=reason, bytes=entry.bytes, entry=entry, target=target, before=before)


def _undecided(entry: SavedImage, target: Reference, error: LrsError) -> ImageStep:
    """What is there cannot be told, so nothing is written, and nothing is said to be missing."""
    if entry.state is State.RECORDED:
        why = f"the backup only lists it, and whether the registry has it cannot be told: {error}"
        return _step(entry, target, Action.SKIP, why)
    return _step(entry, target, Action.CONFLICT, f"cannot tell what is there: {error}")


def _untried(step: ImageStep, error: LrsError) -> ImageStep:
    return replace(step, action=Action.CONFLICT, reason=f"cannot tell whether it may be pushed: {error}")


# ---- findings


def collisions(steps: Iterable[ImageStep]) -> Iterator[Finding]:
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


def left_out(steps: Iterable[ImageStep]) -> Iterator[Finding]:
    """Images that are not pushed whatever the registries say."""
    lost = [step for step in steps if step.action is Action.SKIP]
    if lost:
        yield Finding(
            Severity.WARNING,
            f"{counted(len(lost), 'image')} cannot be pushed, such as {lost[0].entry.reference}: {lost[0].reason}",
            "what uses them does not start where the registry does not have them",
        )


def unused(steps: Iterable[ImageStep], mapping: RegistryMap) -> Iterator[Finding]:
    """Places that are mapped and that no image is in."""
    for source in mapping.unused(step.entry.reference for step in steps):
        yield Finding(
            Severity.WARNING, f"--map-registry: no image of the backup is in {source}", "is it written as images have it?"
        )
