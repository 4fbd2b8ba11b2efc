"""The steps of a nightly run, each as its own command does it: what is to be done here, and what is not here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import NamedTuple

from kubectl_lrs import render
from kubectl_lrs.clients.kubernetes.kubeconfig import load, pod_namespace
from kubectl_lrs.clients.kubernetes.resources import JOBS
from kubectl_lrs.commands import backup_, backup_run, check_, check_run, prune_run, rehearse_run
from kubectl_lrs.commands.command import end
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.own_backups import own_backups
from kubectl_lrs.commands.prune_ import Keep
from kubectl_lrs.commands.run_ import Nightly
from kubectl_lrs.commands.shared import Backups, Quiet, Trusting
from kubectl_lrs.commands.spark import apply, apply_options, plan_of, require_rights
from kubectl_lrs.consistency import Examination
from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.model.choice import group_of
from kubectl_lrs.model.errors import DamageError, ExitCode, LrsError, UnreachableError, UsageError
from kubectl_lrs.model.metrics import backups_told
from kubectl_lrs.model.nightly import BACKUP, PROVE, PRUNE, NightlyReport, Outcome, State, worst
from kubectl_lrs.model.scheduling import INSTANCE, JOB, PART_OF, SEGMENTS, SHARDS, selector
from kubectl_lrs.model.settings import Installation
from kubectl_lrs.model.units import limit_of_age, shards
from kubectl_lrs.repository import Backup, open_pruner, open_repository
from kubectl_lrs.runtime import state
from kubectl_lrs.stores.lrs.connect import require_namespace, target
from kubectl_lrs.stores.spark.flags import DEFAULT_TIMEOUT, DEFAULT_WORKERS, CleanFirst
from kubectl_lrs.usecases import known_findings
from kubectl_lrs.usecases.clean_spark import SessionSelection
from kubectl_lrs.usecases.nightly import Own, Task, gone_since, newest_of, no_whole_since, stale
from kubectl_lrs.usecases.notify import STATE_FILE, read_metrics
from kubectl_lrs.usecases.prune import PrunePlan, plan_prune
from kubectl_lrs.usecases.scheduling.segments import Pods
from kubectl_lrs.usecases.verify import verify

CLEAN, VERIFY, CHECK, REHEARSE = "clean-spark", "verify", "check", "rehearse"


LOOK = "look at it with: prune --dry-run=client; prune asks, and does it"


class Findings(NamedTuple):
    """What `check` has found, what the runs before have, and where it is kept."""

    memory: known_findings.Memory
    examination: Examination
    before: frozenset[str] | None


@dataclass
class Steps:
    """All steps of a call. `asked`: the parts that it names, none where it names none.

    `place`: of the backup that the run has made or goes by; another one, made in the same second, may have its name.
    """

    given: Given
    installation: Installation
    report: NightlyReport
    asked: tuple[str, ...]
    place: str = ""
    found: Findings | None = None

    def tasks(self) -> Iterator[Task]:
        """In their order."""
        backs_up, prunes = self.why_not(BACKUP), self.why_not(PRUNE)
        if backs_up:
            yield Task(name=BACKUP, part=BACKUP, why_not=backs_up)
        else:
            if self.given.of(Nightly).clean_spark:
                yield Task(name=CLEAN, part=BACKUP, do=self._cleaning)
            yield Task(name=BACKUP, part=BACKUP, do=self._backup)
            yield Task(name=VERIFY, part=BACKUP, do=self._verify_made, needs=BACKUP)
            yield Task(name=CHECK, part=BACKUP, do=self._check)
        if prunes:
            yield Task(name=PRUNE, part=PRUNE, why_not=prunes)
        else:
            if backs_up:
                yield Task(name=VERIFY, part=PRUNE, do=self._verify_newest)
            yield Task(name=PRUNE, part=PRUNE, do=self._prune, needs=VERIFY)
        if proves_not := self.why_not(PROVE):
            yield Task(name=REHEARSE, part=PROVE, why_not=proves_not)
        else:
            yield Task(name=REHEARSE, part=PROVE, do=self._rehearse)

    def why_not(self, part: str) -> str:
        """Why a part is not done in this call, empty where it is."""
        if self.asked:
            return "" if part in self.asked else "another run does it: --part names what this one does"
        if part == PROVE:
            return "it is done where --part prove asks for it"
        has_rules = self._has_rules()
        if part == PRUNE:
            return "" if has_rules else "nothing says which backups are kept (retention)"
        if self._has_cluster() or not has_rules:  # with nothing else to do it is tried, and fails: what does nothing is not done
            return ""
        return "no cluster is configured, and this is no pod with a token"

    def _has_rules(self) -> bool:
        try:
            return not prune_run.rules_if_any(self.given.of(Keep)).is_empty
        except UsageError:  # the step says it, and leaves its trace
            return True

    def _has_cluster(self) -> bool:
        try:
            load(self.given.kube_alone, os.environ)
        except UnreachableError:
            return bool(self.installation.context)  # a kubeconfig that is lost is no machine without a cluster
        except LrsError:  # the step says it
            return True
        return True

    # ---- what is done

    def _cleaning(self) -> Outcome:
        flags, quiet = self.given.of(backup_.Flags), self.given.of(Quiet).quiet
        cluster = target(self.given.kube, self.given.cancel)
        namespace = None if flags.all_namespaces else cluster.connection.namespace
        if namespace is not None:
            require_namespace(cluster.kube, namespace)
        plan = plan_of(cluster, SessionSelection(namespace=namespace, selector=flags.selector), quiet=quiet)
        require_rights(plan)
        if not plan.sessions:
            return Outcome(message=render.nothing_to_clean(plan))
        identity = cluster.kube.identity()
        whom, by = identity.uid or identity.server, cluster.kube.whoami()
        self.given.note(whom, target=identity.server, what=plan.selection.scope, verb=CLEAN, by=by)
        options = apply_options(parallel=DEFAULT_WORKERS, timeout=DEFAULT_TIMEOUT, wait=True)
        report = apply(cluster, plan, options, operator="", quiet=quiet)
        return self._ended(report.exit_code(), render.spark_report_view(report).after[-1])

    def _backup(self) -> Outcome:
        made = backup_run.make(self.given, CleanFirst(), _pods(self.given))
        self.report.backup, self.place = made.catalog, made.location
        for line in backup_run.said(made, quiet=self.given.of(Quiet).quiet):
            render.say(line)
        status = ExitCode.DONE if made.is_whole else ExitCode.PARTIAL
        return self._ended(
            status, "; but ".join([render.made(made.location, made.catalog).before[0], *render.holds_less(made.shrunk)])
        )

    def _verify_made(self) -> Outcome:
        return self._verified(open_repository(*self.given.of(Backups).where).find(self.place))

    @cached_property
    def _own(self) -> Own:
        return own_backups(self.given, self.installation)

    def _newest(self) -> tuple[Backup, str]:
        """The newest backup of this installation, which the report is about then; what is to be said where it is too old."""
        within = limit_of_age(self.given.of(Nightly).fresh, what="--fresh")
        backup = newest_of(open_repository(*self.given.of(Backups).where), self._own)
        self.report.backup, self.place = backup.catalog, backup.location
        return backup, stale(backup, within=within, now=datetime.now(timezone.utc))

    def _verify_newest(self) -> Outcome:
        backup, too_old = self._newest()
        if too_old:
            hint = "see what the backup part says; nothing is removed before there is a new one"
            raise LrsError(too_old, hint=hint, exit_code=ExitCode.PARTIAL)
        return self._verified(backup)

    def _verified(self, backup: Backup) -> Outcome:
        """Whether it is as it was sealed, as far as a list tells; and whether its group lacks a whole one for too long."""
        checked = verify(backup, render.progress(quiet=self.given.of(Quiet).quiet))
        if checked.damages:
            first = checked.damages[0]
            raise DamageError(f"{backup.name} is damaged: {first.path}: {first.what}", hint=f"see all with: verify {backup.name}")
        catalogs = [each.catalog for each in open_repository(*self.given.of(Backups).where).scan()[0]]
        if since := no_whole_since(backup.catalog, catalogs, datetime.now(timezone.utc)):
            return Outcome(  # what was sealed is good, so prune may go by it
                state=State.PARTIAL,
                status=ExitCode.FAILED,
                message=f"no backup of this kind was whole since {render.local(since)}",
                hint=f"see what they lack: show {backup.name}",
            )
        if gone := gone_since(self._told_before(), sum(map(self._own.has, catalogs))):
            return Outcome(
                state=State.PARTIAL,
                status=ExitCode.PARTIAL,
                message=f"{backup.name} is as it was sealed, but {gone}",
                hint=f"is {self.report.repository} mounted, and what it was? or does the file ask for something else now?",
            )
        return Outcome(message=f"{backup.name} is as it was sealed{'; not read: ' + checked.unread if checked.unread else ''}")

    def _told_before(self) -> int:
        """How many backups the run before has told of, where this machine keeps that; a pod does not."""
        with suppress(OSError, ValueError, OverflowError, LrsError):
            if folder := state.made_or_why(self.report.cluster)[0]:
                return backups_told(read_metrics(folder / STATE_FILE), self.report)
        return 0

    def _check(self) -> Outcome:
        report = check_run.of_cluster(self.given, self.given.of(check_.Flags))
        memory, every = self._memory(), self.given.of(Nightly).check_fails
        before = memory.recalled()
        self.found = Findings(memory, report.examination, before)
        return known_findings.judge(report.examination, before, every=every, said=render.verdict(report))

    def remember(self) -> None:
        """In the end, for the next run: what `check` has found."""
        if self.found is None:
            return
        is_told = self.report.exit_code() in (ExitCode.DIFFERENCE, ExitCode.PARTIAL, ExitCode.DONE)
        memory, examination, before = self.found
        try:
            memory.keep(known_findings.to_keep(examination, before, is_told=is_told))
        except (OSError, LrsError) as error:
            render.say(f"warning: the next run is not told what this one has found: {error}")

    def _memory(self) -> known_findings.Memory:
        repository = open_repository(*self.given.of(Backups).where)
        return known_findings.memory_of(self.report, repository, self._own, self.place)

    def _prune(self) -> Outcome:
        """Of the backups of this installation alone: of another one in the same place its own rules say what stays."""
        rules, where = prune_run.rules_of(self.given.of(Keep)), self.given.of(Backups)
        plan = plan_prune(open_pruner(where.path, self.given.of(Trusting).trust, where.reach), rules, self._is_meant)
        for line in render.prune_remarks(plan):
            render.say(line)
        if plan.thinned:
            outcome = Outcome(
                state=State.LEFT_OUT,
                status=ExitCode.PARTIAL,
                message="more than half of a group of backups would go, which nobody has agreed to",
                hint=LOOK,
            )
        elif lost := plan.last_holding:
            outcome = Outcome(
                state=State.LEFT_OUT,
                status=ExitCode.PARTIAL,
                message=f"{lost[0][0].name} would go, the last that holds any of what it has: {', '.join(lost[0][1])}",
                hint=LOOK,
            )
        else:
            report = prune_run.carried_out(self.given, plan, verb=PRUNE)
            outcome = self._ended(report.exit_code(), render.prune_report_view(report).after[-1])
        return _with_doubts(outcome, plan, self._is_meant)

    def _is_meant(self, catalog: Catalog) -> bool:
        """Whether a backup is surely of this installation: by its uid, or as it is of one kind with that of this run."""
        made = self.report.backup
        is_alike = made is not None and group_of(made) == group_of(catalog)
        return is_alike or (bool(catalog.cluster.uid) and self._own.has(catalog))

    def _rehearse(self) -> Outcome:
        """Of the newest backup of this installation: that another one's restores proves nothing here."""
        backup, too_old = self._newest()
        proof = rehearse_run.prove(self.given, backup.location)
        outcome = self._ended(proof.exit_code(), render.rehearsal_view(proof).done)
        if not too_old or outcome.status is not ExitCode.DONE:
            return outcome
        return Outcome(state=State.PARTIAL, status=ExitCode.PARTIAL, message=f"{outcome.message}; but {too_old}")

    def end(self, status: ExitCode, said: str) -> None:
        """Note the end of the act of a step; the next one has its own."""
        end(self.given, status, said)
        self.given.drop_act()

    def _ended(self, status: ExitCode, said: str) -> Outcome:
        """What an act has come to, noted in the history too."""
        self.end(status, said)
        return replace(OUTCOMES.get(status, Outcome(state=State.FAILED)), status=status, message=said)


def _with_doubts(outcome: Outcome, plan: PrunePlan, is_meant: Callable[[Catalog], bool]) -> Outcome:
    """The same, and what the look at all backups has shown of one that was good when it was made: nobody else looks at it."""
    mine = [each for each in plan.steps if each.found.doubt and is_meant(each.catalog)]
    damaged = [(each.name, f"is {each.found.doubt}") for each in mine if each.name in plan.prepared.lacking]
    damaged += [(each.name, f"cannot be read as a backup: {each.why}") for each in plan.left_alone if each.is_unread]
    told = damaged or [(each.name, f"is {each.found.doubt}") for each in mine]
    if not told:
        return outcome
    name, why = told[0]
    more = f"; of {len(told) - 1} more it is alike" if len(told) > 1 else ""
    return replace(
        outcome,
        state=State.FOUND if outcome.state is State.DONE else outcome.state,
        status=worst((outcome.status, ExitCode.DIFFERENCE if damaged else ExitCode.PARTIAL)),
        message=f"{outcome.message}; {name} {why}{more}",
        hint=outcome.hint or f"no rule removes it: look at it with verify {name}; forget does, or rm where it cannot be read",
    )


def _pods(given: Given) -> Pods | None:
    """Those that copy files beside this one, once what an earlier run had begun is over; None where there are none."""
    said, job = os.environ.get(SHARDS, ""), os.environ.get(JOB, "")
    if not (said and job):
        return None
    cluster = target(given.kube, given.cancel)
    own = cluster.kube.get(JOBS, job, pod_namespace(os.environ))
    labels = own["metadata"].get("labels") or {}
    found = Pods(
        kube=cluster.kube,
        own=own,
        cron_job=os.environ["LRS_CRONJOB"],
        selector=selector(labels.get(INSTANCE, ""), labels.get(PART_OF, ""), SEGMENTS),
        shards=shards(said, what=SHARDS),
        tell=render.say,
        cancel=given.cancel,
    )
    found.settle()
    return found


OUTCOMES = {
    ExitCode.DONE: Outcome(),
    ExitCode.PARTIAL: Outcome(state=State.PARTIAL),
    ExitCode.INTERRUPTED: Outcome(state=State.INTERRUPTED),
}
