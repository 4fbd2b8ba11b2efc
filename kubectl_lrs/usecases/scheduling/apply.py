"""Objects of a schedule → the cluster, and out of it again. What somebody else has made, or owns a field of, is left alone.

All of it is tried first, in a dry run of the server: where one object is refused, none is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kubectl_lrs.clients.kubernetes import resources
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import ConflictError, DeniedError, ExitCode, LrsError, NotFoundError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.scheduling import labels, selector

KINDS: dict[str, Resource] = {
    each.kind: each
    for each in (
        resources.CRONJOBS,
        resources.CLUSTER_ROLE_BINDINGS,
        resources.ROLE_BINDINGS,
        resources.CLUSTER_ROLES,
        resources.ROLES,
        resources.SERVICE_ACCOUNTS,
        resources.CONFIG_MAPS,
    )
}
"""All kinds that there can be, in the order in which they are removed: what begins runs goes first."""

NOTHING: tuple[object, ...] = ({}, [])
"""What an object need not have, to have it so."""

ABOUT_LIFE = ("resourceVersion", "generation", "managedFields", "creationTimestamp", "uid")


class State(str, Enum):
    """What became of an object, or in a dry run would."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    ALTERED = "altered"
    REMOVED = "removed"
    LEAVING = "not gone yet"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True)
class Result:
    """An object and what became of it."""

    kind: str
    namespace: str
    name: str
    state: State
    message: str = ""


@dataclass(kw_only=True)
class Report:
    """All of them. `error`: what ended the run."""

    is_trial: bool
    results: list[Result] = field(default_factory=list)
    error: LrsError | None = None

    def exit_code(self) -> ExitCode:
        """What ended it, else whether all is as it was asked for."""
        if self.error:
            return self.error.exit_code
        return ExitCode.PARTIAL if {each.state for each in self.results} & {State.ALTERED, State.LEAVING} else ExitCode.DONE


@dataclass(frozen=True, kw_only=True)
class Whose:
    """Which schedule: its name, where it is, and the namespaces that it has objects in."""

    name: str
    namespace: str
    namespaces: frozenset[str]


@dataclass(frozen=True)
class Wanted:
    """An object as it is to be, and as it is."""

    resource: Resource
    manifest: Manifest
    current: Manifest | None

    @property
    def namespace(self) -> str | None:
        """Where it is; None for what is in no namespace."""
        return self.manifest["metadata"].get("namespace") if self.resource.namespaced else None

    def result(self, state: State, message: str = "") -> Result:
        """What became of it."""
        return Result(
            kind=self.resource.kind,
            namespace=self.namespace or "",
            name=str(self.manifest["metadata"]["name"]),
            state=state,
            message=message,
        )


# ---- made and brought up to date


def apply(kube: KubeClient, objects: Sequence[Manifest], whose: Whose, *, trial: bool) -> Report:
    """Have all of them as they are here; what an earlier call made and is no part of it any more goes.

    LrsError: nothing was done.
    """
    wanted = [_looked_at(kube, each, whose) for each in objects]
    tried = [_tried(kube, each, wanted) for each in wanted]
    there = set(map(_key, objects))
    surplus = [each for each in made_by(kube, whose) if _key(each.manifest) not in there]
    report = Report(is_trial=True)
    if trial:
        report.results += tried
        report.results += [each.result(State.REMOVED) for each in surplus]
        return report
    report.is_trial = False
    _carry_out(kube, wanted, surplus, report)
    return report


def _tried(kube: KubeClient, each: Wanted, all_of_them: Sequence[Wanted]) -> Result:
    """What a dry run of the server says. The binding of a Role that is not there yet it would refuse to whoever is no master."""
    role = each.manifest.get("roleRef")
    if role and any(it.current is None and it.resource.kind == role["kind"] for it in all_of_them):
        return each.result(State.CREATED, f"not tried, as its {role['kind']} is not there yet")
    try:
        return _judged(each, kube.apply(each.resource, each.manifest, each.namespace, dry_run=True))
    except ConflictError as error:
        raise _explained(error)  # noqa: B904  it is the same


def _carry_out(kube: KubeClient, wanted: Sequence[Wanted], surplus: Sequence[Wanted], report: Report) -> None:
    todo = [*wanted, *surplus]
    for place, each in enumerate(todo):
        try:
            if place < len(wanted):
                report.results.append(_judged(each, kube.apply(each.resource, each.manifest, each.namespace)))
            else:
                report.results.append(_removed(kube, each, trial=False))
        except LrsError as error:
            report.error = _explained(error)
            report.results.append(each.result(State.FAILED, str(error)))
            report.results += [rest.result(State.NOT_TRIED) for rest in todo[place + 1 :]]
            return


def _looked_at(kube: KubeClient, manifest: Manifest, whose: Whose) -> Wanted:
    """It and what is there under its name; LrsError where that was not made here, or is about to go."""
    found = Wanted(KINDS[manifest["kind"]], manifest, None)
    try:
        current = kube.get(found.resource, str(manifest["metadata"]["name"]), found.namespace)
    except NotFoundError:
        return found
    if not _is_ours(current, whose):
        raise LrsError(
            f"{_named(manifest)} is there, and was not made by this command: it is left alone, and nothing was written",
            hint="choose other names with --schedule-name, or remove it",
        )
    if current["metadata"].get("deletionTimestamp"):
        raise LrsError(f"{_named(manifest)} is being deleted", hint="try again when it is gone")
    return Wanted(found.resource, manifest, current)


def _is_ours(manifest: Manifest, whose: Whose) -> bool:
    there = manifest["metadata"].get("labels") or {}
    return all(there.get(key) == value for key, value in labels(whose.name, whose.namespace).items())


def _judged(wanted: Wanted, answer: Manifest) -> Result:
    """What an answer says: the server holds what was sent, or something else."""
    if differs := next(differences(wanted.manifest, answer), ""):
        return wanted.result(State.ALTERED, f"the server holds another {differs} than was sent: is a webhook at work?")
    if wanted.current is None:
        return wanted.result(State.CREATED)
    is_suspended = wanted.resource.kind == resources.CRONJOBS.kind and answer["spec"].get("suspend")
    state = State.UNCHANGED if _content(wanted.current) == _content(answer) else State.UPDATED
    return wanted.result(state, "it is suspended, and stays so: it begins no run" if is_suspended else "")


def differences(sent: Any, held: Any, path: str = "") -> Iterator[str]:
    """Where what is held is not what was sent; what is held besides is a default, or another manager's."""
    if isinstance(sent, dict) and isinstance(held, dict):
        for key, value in sent.items():
            yield from differences(value, held.get(key), f"{path}.{key}" if path else key)
    elif isinstance(sent, list) and isinstance(held, list) and len(sent) <= len(held):
        for place, value in enumerate(sent):
            yield from differences(value, held[place], f"{path}[{place}]")
    elif sent != held and not (held is None and sent in NOTHING):
        yield path


def _content(manifest: Manifest) -> Manifest:
    """An object without its status, and what is about its life."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in ABOUT_LIFE}
    return {**{key: value for key, value in manifest.items() if key != "status"}, "metadata": metadata}


def _explained(error: LrsError) -> LrsError:
    if isinstance(error, ConflictError):
        error.with_hint("another manager owns the field: let it go there, or have it as this command would")
    return error


# ---- removed


def remove(kube: KubeClient, whose: Whose, *, trial: bool) -> Report:
    """Take away what `apply` has made, and nothing else."""
    report = Report(is_trial=trial)
    for each in made_by(kube, whose):
        try:
            report.results.append(_removed(kube, each, trial=trial))
        except NotFoundError:
            report.results.append(each.result(State.REMOVED, "by another"))
        except LrsError as error:
            report.results.append(each.result(State.FAILED, str(error)))
            report.error = report.error or error
    return report


def _removed(kube: KubeClient, each: Wanted, *, trial: bool) -> Result:
    """Delete this very object; what it has begun goes with it."""
    metadata = each.manifest["metadata"]
    running = [str(job["name"]) for job in (each.manifest.get("status") or {}).get("active") or ()]
    message = f"with what was running: {', '.join(running)}" if running else ""
    is_gone = kube.delete(each.resource, each.namespace, str(metadata["name"]), uid=str(metadata["uid"]), dry_run=trial)
    return each.result(State.REMOVED if trial or is_gone or _is_gone(kube, each) else State.LEAVING, message)


def _is_gone(kube: KubeClient, each: Wanted) -> bool:
    """Whether it is: of some kinds the server gives the object back which it has removed."""
    metadata = each.manifest["metadata"]
    try:
        there = kube.get(each.resource, str(metadata["name"]), each.namespace)
    except NotFoundError:
        return True
    return bool(there["metadata"].get("uid") != metadata["uid"])


def made_by(kube: KubeClient, whose: Whose) -> list[Wanted]:
    """Every object that is there and has the labels of this schedule."""
    found = []
    for kind, resource in KINDS.items():
        for manifest in _listed(kube, resource, whose):
            held = {"apiVersion": resource.api_version, "kind": kind} | manifest
            found.append(Wanted(resource, held, held))
    return found


def _listed(kube: KubeClient, resource: Resource, whose: Whose) -> Iterator[Manifest]:
    """Those of a kind: of all namespaces where they may be listed, else of those that are known.

    What is of the whole cluster and may not be listed was not made by this user.
    """
    asked = selector(whose.name, whose.namespace)
    try:
        yield from kube.items(resource, selector=asked)
    except DeniedError:
        for where in sorted(whose.namespaces) if resource.namespaced else ():
            yield from kube.items(resource, where, selector=asked)


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return str(manifest["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"])


def _named(manifest: Manifest) -> str:
    kind, namespace, name = _key(manifest)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
