"""The last look before the first deletion of a restore: may everything that is recreated still be, and all that goes with it?

Between the plan and its application somebody has said yes, and time has passed. So who owns whom is looked at again, and
for each object that would go together with others the server is asked whether it would take it again, before any is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.plan import Action
from kubectl_lrs.model.report import Outcome, Result
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.lrs.decide import Key, LiveLrs, LrsStep
from kubectl_lrs.stores.lrs.dependents import Dependents, keeper, not_recreated, recreated
from kubectl_lrs.stores.lrs.owners import Owners
from kubectl_lrs.stores.lrs.recreate import not_deleted
from kubectl_lrs.stores.lrs.request import Requests, says_nothing
from kubectl_lrs.stores.lrs.saved import StoredLrs


@dataclass(frozen=True)
class _Refusal:
    """Why an object that goes would not come back; `error` is what the server has said."""

    why: str
    error: LrsError | None = None


def rehearse(
    steps: Mapping[Key, LrsStep],
    source: Iterable[StoredLrs],
    requests: Requests,
    *,
    workers: int,
    stop: Cancel,
) -> dict[str, Outcome]:
    """What becomes of the steps that must not be done, by their key; the others may be."""
    deleted = recreated(steps.values())
    if not deleted:
        return {}
    live = LiveLrs(requests.kube, requests.resource, with_owners=True)
    live.read({namespace for namespace, _ in deleted.values()})
    unseen = _unseen(steps, live.unreadable)
    deleted = {uid: key for uid, key in deleted.items() if key[0] not in live.unreadable}
    keeps = keeper(live, Owners(requests.kube))
    going = Dependents(live.owned, deleted, keeps)
    if not going.takers:
        return unseen
    refused = {key: _Refusal("is not part of the plan") for key in going.takers if not _is_recreated(steps.get(key))}
    refused |= _asked(steps, going, source, requests, workers=workers, stop=stop)
    staying = Dependents(live.owned, _without(steps, deleted, going, refused), keeps)
    return unseen | _held_back(steps, going, refused, staying)


def _unseen(steps: Mapping[Key, LrsStep], unreadable: Mapping[str, str]) -> dict[str, Outcome]:
    """Of a namespace that can no longer be listed it is not known what goes with what is deleted: nothing of it is."""
    return {
        step.key: Outcome.of(step, Result.FAILED, f"not deleted: what would go with it is not known: {unreadable[namespace]}")
        for (namespace, _), step in steps.items()
        if namespace in unreadable and _is_recreated(step)
    }


def _is_recreated(step: LrsStep | None) -> bool:
    return step is not None and step.action is Action.RECREATE


def _asked(
    steps: Mapping[Key, LrsStep],
    going: Dependents,
    source: Iterable[StoredLrs],
    requests: Requests,
    *,
    workers: int,
    stop: Cancel,
) -> dict[Key, _Refusal]:
    """What the server would not create again, of all that goes with others or takes others along."""
    together = going.takers.keys() | {taker for takers in going.takers.values() for taker in takers}
    meant = (each for each in source if (each.namespace, each.name) in together)
    refused: dict[Key, _Refusal] = {}

    def ask(stored: StoredLrs) -> tuple[Key, LrsError | None]:
        return (stored.namespace, stored.name), requests.refusal(stored)

    for key, error in map_unordered(meant, ask, workers=workers, stop=stop):
        if error is not None and _is_recreated(steps.get(key)):
            why = "of which it is not known whether it could be made again" if says_nothing(error) else "could not be made again"
            refused[key] = _Refusal(f"{why}: {error}", error)
    return refused


def _without(
    steps: Mapping[Key, LrsStep], deleted: Mapping[str, Key], going: Dependents, refused: Mapping[Key, _Refusal]
) -> dict[str, Key]:
    """What is deleted after all for its own sake."""
    left = refused.keys() | going.blamed(refused).keys()
    return {uid: key for uid, key in deleted.items() if key not in left and not steps[key].goes_with_owner}


def _held_back(
    steps: Mapping[Key, LrsStep], going: Dependents, refused: Mapping[Key, _Refusal], staying: Dependents
) -> dict[str, Outcome]:
    """The outcomes of what is not deleted: refused itself, to blame for what would be lost, or no longer taken along."""
    outcomes: dict[str, Outcome] = {}
    blamed = going.blamed(refused)
    for key in dict.fromkeys((*refused, *blamed, *going.takers)):
        step = steps.get(key)
        if step is None or step.action is not Action.RECREATE:
            continue
        if step.goes_with_owner:
            if key not in staying.takers:
                outcomes[step.key] = Outcome.of(step, Result.UNCHANGED, "its owner is not recreated")
        elif key in refused:
            error = refused[key].error
            outcomes[step.key] = Outcome.of(step, Result.FAILED, not_deleted(error) if error else refused[key].why, error)
        elif key in blamed:
            cause = blamed[key]
            outcomes[step.key] = Outcome.of(step, Result.CONFLICT, not_recreated(cause, refused[cause].why), refused[cause].error)
    return outcomes
