"""Take deployments down, and up again: accounts and a journal give a plan; the same plan is shown, and then applied."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kubectl_lrs.model.errors import NotFoundError, UsageError
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.journal import held
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.runtime.paths import exists
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.safe_files import make_folder
from kubectl_lrs.runtime.trust import NAMED, Trust
from kubectl_lrs.stores.deployments.api.client import DataRobotClient, ForbiddenError
from kubectl_lrs.stores.deployments.apply import Changer, WriteOptions
from kubectl_lrs.stores.deployments.collect import saved
from kubectl_lrs.stores.deployments.inventory import Account, Deployment, inventory
from kubectl_lrs.stores.deployments.journal import (
    FileJournalWriter,
    Journal,
    JournalledDeployment,
    JournalWriter,
    JournalWriters,
    default_path,
    has_journal,
    load,
    merged,
    now,
    open_journals,
    refreshed,
    with_copies,
)
from kubectl_lrs.stores.deployments.outcome import NOT_DONE, DeploymentReport
from kubectl_lrs.stores.deployments.plan import Action as DeploymentAction
from kubectl_lrs.stores.deployments.plan import Choice, DeploymentPlan, Snapshot, Step, on_their_way, plan_down, plan_up
from kubectl_lrs.stores.deployments.statuses import OURS, State


@dataclass(frozen=True, kw_only=True)
class ApplyOptions:
    """How a plan is applied. `timeout`: seconds for each deployment."""

    workers: int
    timeout: float
    wait: bool = True


def look(accounts: Sequence[Account], ids: Iterable[str], progress: Progress) -> Snapshot:
    """What the accounts see; ids that are in no list are asked for one by one, as a list may leave out archived ones."""
    progress.begin("looking at the deployments")
    found: dict[str, Deployment | None] = dict(inventory(accounts))
    for identifier in ids:
        if identifier not in found:
            found[identifier] = _one(accounts, identifier)
    progress.end()
    return Snapshot(deployments=found, users=_users(accounts))


def _users(accounts: Sequence[Account]) -> dict[str, str]:
    return {account.organisation: account.uid for account in accounts}


def _one(accounts: Sequence[Account], identifier: str) -> Deployment | None:
    """A deployment that may not be looked at is not one that is gone: its status is empty, and whoever changes it is told."""
    closed = None
    for account in accounts:
        try:
            document = account.client.deployment(identifier)
        except NotFoundError:
            continue
        except ForbiddenError:
            closed = Deployment(id=identifier, label="", status="", organisation=account.organisation)
            continue
        return Deployment.parse(document, organisation=account.organisation)
    return closed


# ---- down


@contextmanager
def journal_for(
    directory: Path, named: str, *, endpoint: str, dry_run: bool, trust: Trust, state: Path | None = None
) -> Iterator[Journal]:
    """The journal of a deactivation, held while the block lasts; on a dry run it is neither made nor held.

    It is the named one, else one in the folder or the state that was left unfinished, else a new one. `state`: that of the
    application, where each journal lies too.
    """
    states = _states(state)
    journal = _named(Path(named), endpoint, states) if named else _unfinished(directory, endpoint, trust, states)
    if dry_run:
        yield journal
        return
    with _held([journal]):
        # It may have changed between the first look and the moment from which nobody else works with it.
        journal = refreshed(journal)
        journal.put_into(state)
        yield journal


def _states(state: Path | None) -> list[Path]:
    return [state] if state else []


def _named(path: Path, endpoint: str, states: Sequence[Path]) -> Journal:
    if not exists(path):
        return Journal(path=path, endpoint=endpoint, created=now())
    journal = with_copies(load(path, NAMED), states)
    if journal.is_done:
        raise UsageError(f"{path}: this journal is done", hint="name another file with --journal")
    if journal.endpoint != endpoint:
        raise UsageError(f"{path}: this journal is of {journal.endpoint}", hint="name another file with --journal")
    return journal


def _unfinished(directory: Path, endpoint: str, trust: Trust, states: Sequence[Path]) -> Journal:
    """The newest one that nobody works with and that has something left to do, else a new one."""
    for journal in reversed(open_journals(directory, trust, states=states)):
        if journal.is_unfinished and journal.endpoint == endpoint:
            with held(journal.path, journal.trust) as is_free:
                if is_free:
                    return journal
    return Journal(path=default_path(directory), endpoint=endpoint, created=now())


@contextmanager
def _held(journals: Sequence[Journal]) -> Iterator[None]:
    with ExitStack() as stack:
        for journal in journals:
            path = journal.path
            try:
                make_folder(path.parent)
                is_ours = stack.enter_context(held(path, journal.trust))
            except OSError as error:
                raise UsageError(
                    f"{path}: the journal cannot be written: {error.strerror}",
                    hint="without one nothing is changed; name another file with --journal",
                ) from error
            if not is_ours:
                raise UsageError(f"{path}: another run works with this journal", hint="wait for it, or name another file")
        yield


def plan_deactivation(accounts: Sequence[Account], choice: Choice, journal: Journal, progress: Progress) -> DeploymentPlan:
    """Look at the deployments, and decide; nothing is changed."""
    begun = [entry.id for entry in journal.entries.values() if entry.state is State.DEACTIVATING]
    snapshot = look(accounts, [*begun, *choice.named_ids()], progress)
    plan = plan_down(snapshot, choice, journal.entries, users=journal.users, endpoint=journal.endpoint)
    plan.incomplete.extend(note for account in accounts for note in account.client.notes.values())
    return plan


def deactivate(
    plan: DeploymentPlan,
    journal: Journal,
    accounts: Sequence[Account],
    options: ApplyOptions,
    *,
    progress: Progress,
    stop: Cancel,
) -> DeploymentReport:
    """Write the journal, then do what the plan says, several deployments at once."""
    writer = FileJournalWriter(journal)
    journal.users.update(_users(accounts))
    for step in plan.changes:
        if not step.is_ours:
            journal.entries[step.id] = _planned(step)
    if plan.changes:
        writer.write()
    return _apply(plan, writer, [journal], accounts, options, progress=progress, stop=stop)


def _planned(step: Step) -> JournalledDeployment:
    return JournalledDeployment(
        id=step.id,
        label=step.label,
        organisation=step.organisation,
        model=step.model,
        before=step.before,
        state=State.PLANNED,
        status=step.before,
        updated=now(),
    )


# ---- up


@contextmanager
def journals_for(
    directory: Path, named: Sequence[str], *, dry_run: bool, trust: Trust, state: Path | None = None
) -> Iterator[list[Journal]]:
    """The journals of an activation, held while the block lasts: the named ones, else all that are not done.

    Those lie in the folder, and in `state`, that of the application.
    """
    states = _states(state)
    if named:
        journals = [with_copies(load(Path(name), NAMED), states) for name in named]
    else:
        journals = open_journals(directory, trust, states=states)
    if not journals and not any(map(has_journal, (directory, *states))):
        raise UsageError(
            f"{directory}: there is no journal of deactivate", hint="name it with --journal, or its folder with --backup-dir"
        )
    if dry_run:
        yield journals
        return
    with _held(journals):
        journals = [refreshed(journal) for journal in journals]
        for journal in journals:
            journal.put_into(state)
        yield journals


@dataclass(frozen=True, kw_only=True)
class Origin:
    """From where it is known what was active. `users`: by organisation, who saw it. `backup`: its name, else it is journals.

    Of a backup the entries that were not changed by us are what was on its way then.
    """

    entries: Sequence[JournalledDeployment]
    users: Mapping[str, str]
    endpoints: frozenset[str]
    backup: str = ""
    instant: str = ""


def origin_of_journals(journals: Sequence[Journal]) -> Origin:
    """What several journals say."""
    users: dict[str, str] = {}
    for journal in journals:
        users |= journal.users
    return Origin(entries=merged(journals), users=users, endpoints=frozenset(journal.endpoint for journal in journals))


def origin_of_backup(folder: Backup) -> Origin:
    """What was active when a backup was made."""
    held_in = saved(folder)
    if held_in is None:
        raise UsageError(
            f"backup {folder.name} does not hold the status of the deployments",
            hint="it was made without URL and token of the application; take a backup that has it",
        )
    return Origin(
        entries=held_in.entries(),
        users=held_in.users,
        endpoints=frozenset((held_in.endpoint,)),
        backup=folder.name,
        instant=held_in.instant,
    )


def plan_activation(accounts: Sequence[Account], choice: Choice, origin: Origin, progress: Progress) -> DeploymentPlan:
    """Look at the deployments of these entries, and decide; nothing is changed."""
    mine = {account.organisation for account in accounts}
    on_way = [entry for entry in origin.entries if entry.state is State.UNCHANGED] if origin.backup else []
    wanted = [
        entry.id
        for entry in origin.entries
        if (entry.state in OURS or entry in on_way) and (not entry.organisation or mine & {entry.organisation, ""})
    ]
    snapshot = look(accounts, wanted, progress) if wanted else Snapshot(deployments={}, users=_users(accounts))
    plan = plan_up(origin.entries, snapshot, choice, users=origin.users, endpoint=accounts[0].client.endpoint)
    if not origin.backup:
        return plan
    left = {entry.id.lower() for entry in on_way}
    steps = [step for step in plan.steps if step.id.lower() not in left]
    rest = [step for step in steps if step.action is not DeploymentAction.UNCHANGED]
    active = len(steps) - len(rest)
    rest += on_their_way(on_way, snapshot, choice, origin.users)
    return replace(plan, steps=rest, notes=[f"active already: {active}"] if active else [])


def activate(
    plan: DeploymentPlan,
    journals: Sequence[Journal],
    accounts: Sequence[Account],
    options: ApplyOptions,
    *,
    progress: Progress,
    stop: Cancel,
) -> DeploymentReport:
    """Do what the plan says, several deployments at once; afterwards each journal says what is left."""
    writers = [FileJournalWriter(journal) for journal in journals]
    for writer in writers:
        for entry in list(writer.journal.entries.values()):
            if entry.state is State.PLANNED:
                writer.note(entry.id, State.UNCHANGED, message="the run that was to stop it never asked it to")
    return _apply(plan, JournalWriters(writers), journals, accounts, options, progress=progress, stop=stop)


# ---- both


def _apply(
    plan: DeploymentPlan,
    writer: JournalWriter,
    journals: Sequence[Journal],
    accounts: Sequence[Account],
    options: ApplyOptions,
    *,
    progress: Progress,
    stop: Cancel,
) -> DeploymentReport:
    began = time.monotonic()
    report = DeploymentReport(
        verb=plan.direction.verb,
        endpoint=plan.endpoint,
        journals=[str(journal.path) for journal in journals],
        incomplete=list(plan.incomplete),
    )
    clients: dict[str, DataRobotClient] = {account.organisation: account.client for account in accounts}
    changer = Changer(plan.direction, clients, writer, WriteOptions(timeout=options.timeout, wait=options.wait), stop)
    progress.begin(f"{plan.direction.verb[:-1]}ing deployments", len(plan.steps))
    workers = max(1, min(options.workers, len(plan.steps)))
    for outcome in map_unordered(plan.steps, changer.apply, workers=workers, stop=stop):
        report.outcomes.append(outcome)
        progress.advance()
    progress.end()
    if stop.is_set():
        report.add_not_tried(plan.steps)
    order = {step.id: number for number, step in enumerate(plan.steps)}
    report.outcomes.sort(key=lambda outcome: order[outcome.id])
    report.is_lost = any(account.client.lost or changer.standstill.failure(account.organisation) for account in accounts)
    report.interrupted = stop.is_set() and any(outcome.result in NOT_DONE for outcome in report.outcomes)
    report.seconds = time.monotonic() - began
    return report
