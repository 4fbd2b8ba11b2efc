"""Restore: a source and the live cluster give a plan; the same plan is shown, and then applied."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from kubectl_lrs.clients.kube import NAMESPACES, KubeClient, Resource
from kubectl_lrs.errors import ConflictError, DeniedError, LrsError, NotFoundError, UsageError
from kubectl_lrs.parallel import for_each
from kubectl_lrs.plan import WRITES, Plan, Step
from kubectl_lrs.progress import Progress
from kubectl_lrs.report import Outcome, Report, Result
from kubectl_lrs.selection import Selection
from kubectl_lrs.tiers.resources.applying import Applier
from kubectl_lrs.tiers.resources.owners import Owners
from kubectl_lrs.tiers.resources.planning import Cluster, Policy, plan_steps
from kubectl_lrs.tiers.resources.stored import Source, StoredLrs


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which objects of the source are restored, and how."""

    selection: Selection
    names: tuple[str, ...] = ()
    policy: Policy = Policy.SKIP
    create_namespaces: bool = False


class Chosen:
    """The objects of a source that are wanted; may be read more than once, as the source."""

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self.description = source.description
        self._source = source
        self._matches = wanted.selection.matcher()
        self._keys = _resolve(source, wanted.names) if wanted.names else None

    def __iter__(self) -> Iterator[StoredLrs]:
        for stored in self._source:
            if self._keys is not None:
                if (stored.namespace, stored.name) in self._keys:
                    yield stored
            elif self._matches(stored.manifest):
                yield stored


def _resolve(source: Source, names: Collection[str]) -> set[tuple[str, str]]:
    """The objects that the names mean; a name that is there twice or not at all is an error."""
    wanted = {name: tuple(name.rpartition("/")[::2]) for name in names}
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    everything: list[str] = []
    for stored in source:
        everything.append(stored.name)
        for name, (namespace, plain) in wanted.items():
            if plain == stored.name and namespace in ("", stored.namespace):
                found[name].append((stored.namespace, stored.name))
    for name, keys in found.items():
        if not keys:
            near = get_close_matches(wanted[name][1], set(everything), n=3, cutoff=0.6)
            hint = f"did you mean {', '.join(near)}?" if near else "list them with: show -o name"
            raise UsageError(f"LRS {name!r} is not in {source.description}", hint=hint)
        if len(keys) > 1:
            both = ", ".join("/".join(key) for key in keys)
            raise UsageError(
                f"LRS {name!r} is in {source.description} {len(keys)} times: {both}", hint="name it as namespace/name"
            )
    return {keys[0] for keys in found.values()}


def plan_restore(
    source: Source, wanted: Wanted, *, kube: KubeClient, resource: Resource, progress: Progress
) -> tuple[Plan, Chosen]:
    """Look at the cluster and decide; nothing is written. The plan, and the objects of its steps in the same order."""
    chosen = Chosen(source, wanted)
    progress.begin("reading the backup")
    namespaces: Counter[str] = Counter()
    for stored in chosen:
        namespaces[stored.namespace] += 1
        progress.advance()
    to_create, unusable = _namespaces(kube, namespaces, create=wanted.create_namespaces)
    progress.begin("looking at the cluster")
    cluster = Cluster(kube, resource)
    cluster.read(name for name in namespaces if name not in to_create and name not in unusable)
    steps = list(plan_steps(chosen, cluster, wanted.policy, unusable))
    progress.end()
    return Plan(source=source.description, target=kube.connection.server, steps=steps, namespaces_to_create=to_create), chosen


def _namespaces(kube: KubeClient, names: Collection[str], *, create: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Which namespaces are to be created, and which cannot be used, with the reason."""
    to_create: list[str] = []
    unusable: dict[str, str] = {}
    for name in sorted(names):
        try:
            phase = kube.get(NAMESPACES, name).get("status", {}).get("phase")
        except DeniedError:  # not an error in itself: one may write to a namespace that one may not look up
            continue
        except NotFoundError:
            if create:
                to_create.append(name)
            else:
                unusable[name] = f"namespace {name} does not exist (--create-namespaces makes it)"
            continue
        if phase == "Terminating":
            unusable[name] = f"namespace {name} is being deleted"
    return tuple(to_create), unusable


def apply_plan(
    plan: Plan,
    chosen: Chosen,
    *,
    kube: KubeClient,
    resource: Resource,
    progress: Progress,
    stop: threading.Event,
    workers: int,
    dry_run: bool,
) -> Report:
    """Do what the plan says, several objects at once; one outcome per step."""
    began = time.monotonic()
    report = Report(source=plan.source, target=plan.target, warnings=list(plan.warnings))
    failed = {} if dry_run else _create_namespaces(kube, plan.namespaces_to_create)
    not_there = set(plan.namespaces_to_create) if dry_run else set()
    applier = Applier(kube, resource, Owners(kube), dry_run=dry_run)

    def work(pair: tuple[Step, StoredLrs]) -> Outcome:
        step, stored = pair
        if step.namespace in failed:
            return Outcome.of(step, Result.FAILED, failed[step.namespace])
        if step.namespace in not_there:
            return Outcome.of(step, Result.NOT_CHECKED, "its namespace does not exist yet")
        return applier.apply(step, stored)

    progress.begin("restoring", sum(step.action in WRITES for step in plan.steps))
    pairs = zip(plan.steps, chosen, strict=True)
    for outcome in for_each(pairs, work, workers=workers, stop=stop):
        report.outcomes.append(outcome)
        progress.advance()
    progress.end()
    if stop.is_set():
        report.interrupted = True
        done = {(outcome.namespace, outcome.name) for outcome in report.outcomes}
        report.outcomes += [
            Outcome.of(s, Result.NOT_TRIED, "interrupted") for s in plan.steps if (s.namespace, s.name) not in done
        ]
    report.seconds = time.monotonic() - began
    return report


def _create_namespaces(kube: KubeClient, names: Collection[str]) -> dict[str, str]:
    """Make the namespaces; those that could not be made, with the reason."""
    failed = {}
    for name in names:
        try:
            kube.create_object(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        except ConflictError:  # somebody else made it meanwhile
            continue
        except LrsError as error:
            failed[name] = f"namespace {name} could not be created: {error}"
    return failed
