"""Verify: is a backup as it was sealed, and would a cluster take what it holds? Nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from enum import Enum

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import CRDS
from kubectl_lrs.model.errors import ApiError, DamageError, DeniedError, ExistsError, ExitCode, NoDryRunError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import Action, ApplyOptions, Finding, Plan, Prepare, Severity
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.model.units import printable
from kubectl_lrs.repository import Backup, Damage
from kubectl_lrs.repository.base import LISTED
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.decide import LrsStep
from kubectl_lrs.stores.lrs.prepare import differing
from kubectl_lrs.stores.lrs.request import says_nothing
from kubectl_lrs.stores.lrs.saved import StoredLrs
from kubectl_lrs.usecases.restore import Restore


@dataclass(frozen=True)
class Checked:
    """What a check found; `files` counts those whose sums were computed. `unread`: what it does not tell, empty where all.

    `has_sums`: whether there was anything to hold it against.
    """

    damages: list[Damage]
    files: int
    seconds: float
    unread: str = ""
    has_sums: bool = True

    @property
    def is_intact(self) -> bool | None:
        """Whether it is as it was sealed, as far as was looked; None where nobody can tell."""
        return not self.damages if self.has_sums else None


def unchecked(folder: Backup) -> Checked:
    """Of what has no sums."""
    return Checked([], 0, 0.0, folder.unread(), has_sums=False)


def verify(folder: Backup, progress: Progress, *, share: float = LISTED) -> Checked:
    """See whether the backup is as it was sealed. `share`: of so many of its contents the sums are computed, at least."""
    began = time.monotonic()
    files = 0

    def count(_size: int) -> None:
        nonlocal files
        files += 1
        progress.advance()

    progress.begin("files")
    try:
        with folder.kept(progress) if share > LISTED else nullcontext():
            damages = list(folder.damages(count, share=share))
    finally:
        progress.end()
    return Checked(damages, files, time.monotonic() - began, folder.unread(share))


def require_intact(folder: Backup, progress: Progress) -> None:
    """DamageError that names the first damaged files, before anybody relies on them; of what has no sums nobody can tell."""
    if not folder.has_sums:
        return
    damages = verify(folder, progress).damages
    if damages:
        named = "; ".join(f"{printable(damage.path)}: {damage.what}" for damage in damages[:3])
        more = f" (and {len(damages) - 3} more)" if len(damages) > 3 else ""
        raise DamageError(
            f"backup {folder.describe()} is damaged: {named}{more}", hint="see all with: verify; nothing was written"
        )


# ---- against a cluster


class Answer(str, Enum):
    """What the server says of one object: `accepted` and `refused` are its word, `unchanged` needs no write.

    `altered`: it would take the object and make another one of it.
    """

    ACCEPTED = "accepted"
    ALTERED = "altered"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    REFUSED = "refused"
    NOT_CHECKED = "not checked"


ANSWERS: Mapping[Result, Answer] = {
    Result.CREATED: Answer.ACCEPTED,
    Result.REPLACED: Answer.ACCEPTED,
    Result.ALTERED: Answer.ALTERED,
    Result.UNCHANGED: Answer.UNCHANGED,
    Result.SKIPPED: Answer.SKIPPED,
    Result.FAILED: Answer.REFUSED,
}
"""What each result of a dry run says; all others leave the object unchecked."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One object and the server's answer, with the reason where it is not plain."""

    namespace: str
    name: str
    type: str
    answer: Answer
    why: str = ""


@dataclass(kw_only=True)
class Trial:
    """What came out. `unanswered`: the server did not answer for some object, or not this user."""

    target: str
    findings: list[Finding] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    unanswered: bool = False
    interrupted: bool = False

    def counts(self) -> Counter[Answer]:
        """How many objects got each answer."""
        return Counter(each.answer for each in self.tried)

    def exit_code(self) -> ExitCode:
        """0 only if nothing is known that would keep the backup from being restored; 5 where it cannot be known."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        errors = [finding for finding in self.findings if finding.severity is Severity.ERROR]
        if (
            self.counts()[Answer.REFUSED]
            or self.counts()[Answer.ALTERED]
            or any(error.exit_code is not ExitCode.UNREACHABLE for error in errors)
        ):
            return ExitCode.DIFFERENCE
        return ExitCode.UNREACHABLE if errors or self.unanswered else ExitCode.DONE


def hopeless(selected: Iterable[StoredLrs], skipped_types: Iterable[str], target: str, why: Finding) -> Trial:
    """The cluster cannot take a single object, and nothing can be tried."""
    skipped = frozenset(skipped_types)
    tried = [
        Tried(each.namespace, each.name, each.type, Answer.SKIPPED, "left out by default")
        if each.type in skipped
        else Tried(each.namespace, each.name, each.type, Answer.NOT_CHECKED, "the cluster does not serve such objects")
        for each in selected
    ]
    return Trial(target=target, findings=[why], tried=tried)


def try_restore(restore: Restore, *, workers: int, create_namespaces: bool) -> Trial:
    """Plan a restore, and ask the server about each write of it.

    The restore is one that makes namespaces: its objects are then unchecked, not refused. Where the user did not ask
    for namespaces to be made, each that is missing is an error.
    """
    plan = restore.plan()
    trial = Trial(target=plan.target, findings=list(plan.findings))
    if not create_namespaces:
        trial.findings += _missing_namespaces(plan)
    if plan.from_another_cluster:
        trial.findings.append(Finding(Severity.NOTE, f"{plan.source} was taken of another cluster", note=Note.ANOTHER_CLUSTER))
    parts = tuple(replace(part, steps=[_to_try(step) for step in part.of(LrsStep)]) for part in plan.parts)
    report = restore.apply(replace(plan, parts=parts), ApplyOptions(workers=workers, timeout=0, dry_run=True))
    trial.interrupted = report.interrupted
    trial.unanswered = any(step.action is Action.CONFLICT for step in plan.steps)  # it would be left alone: nobody was asked
    for outcome in report.outcomes:
        unanswered = _is_unanswered(outcome, denied=bool(plan.errors))
        answer = Answer.NOT_CHECKED if unanswered else ANSWERS.get(outcome.result, Answer.NOT_CHECKED)
        why = "" if answer in (Answer.ACCEPTED, Answer.UNCHANGED) else outcome.message
        trial.tried.append(Tried(outcome.namespace, outcome.name, outcome.type, answer, why))
        trial.unanswered |= unanswered
    trial.tried.sort(key=lambda each: (each.namespace, each.name))
    return trial


def _missing_namespaces(plan: Plan) -> Iterator[Finding]:
    counts = Counter(step.namespace for step in plan.steps if step.action is Action.CREATE)
    for name in (name for part in plan.parts for name in part.first(Prepare.CREATE_NAMESPACE)):
        if counts[name]:
            yield Finding(
                Severity.ERROR,
                f"namespace {name} does not exist, or is being deleted; {counts[name]} LRS cannot be restored",
                "make it, or let restore --create-namespaces do so; --create-namespaces here takes it for granted",
                ExitCode.DIFFERENCE,
            )


def _to_try(step: LrsStep) -> LrsStep:
    """A create that has to wait for the old object to go cannot be tried now."""
    if step.action is Action.CREATE and step.reason:
        return replace(step, action=Action.CONFLICT, reason="an object of this name is being deleted")
    return step


def _is_unanswered(outcome: Outcome, *, denied: bool) -> bool:
    """Whether the failure of a write says nothing of the object. `denied`: rights are known to be missing."""
    error = outcome.error
    if error is None or isinstance(error, NoDryRunError):
        return False
    return says_nothing(error) or (denied and isinstance(error, DeniedError))


def try_crd(kube: KubeClient, crd: Manifest) -> Iterator[Finding]:
    """Ask the server whether the saved CRD could be installed."""
    try:
        if found := differing(crd, kube.create(CRDS, crd, dry_run=True)):
            yield Finding(Severity.ERROR, f"the saved CRD would be {found}", "see what admits CRDs there", ExitCode.DIFFERENCE)
    except ExistsError:
        return
    except DeniedError as error:
        yield Finding(Severity.ERROR, f"you may not install the CRD: {error}", "ask for the right", ExitCode.UNREACHABLE)
    except ApiError as error:
        if says_nothing(error):
            why = f"whether the server takes the saved CRD is not known: {error}"
            yield Finding(Severity.ERROR, why, error.hint or "try again later", ExitCode.UNREACHABLE)
        else:
            yield Finding(Severity.ERROR, f"the server refuses the saved CRD: {error}", error.hint, ExitCode.DIFFERENCE)
