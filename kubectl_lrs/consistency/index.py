"""An inventory, ready to be asked: what has this id? Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from kubectl_lrs.consistency.inventory import Application, Deployed, Document, Inventory, LrsObject, known
from kubectl_lrs.model.workloads import WORKLOADS

DEPLOYMENT_TYPE = "deployment"


class Index:
    """The parts that are not known count as empty: a rule that needs one is not asked."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.applications: dict[str, Application] = {each.id: each for each in known(inventory.applications)}
        self.deployments: dict[str, Deployed] = {each.id: each for each in known(inventory.deployments)}
        self.objects = known(inventory.objects)
        self.documents = known(inventory.documents)

    @cached_property
    def owner_of(self) -> dict[str, str]:
        """Id of an application or of its LRS → the application's id."""
        return {identifier: each.id for each in self.applications.values() for identifier in each.ids}

    def owners(self, ids: Iterable[str]) -> list[str]:
        """The applications that some of these ids are of."""
        return sorted({self.owner_of[each] for each in ids if each in self.owner_of})

    # ---- documents

    @cached_property
    def documented(self) -> frozenset[str]:
        """The applications that have an LRS document.

        It has the application's id, or, where it is no other application's by its own id, speaks of it.
        """
        found = set()
        for document in self.documents:
            if document.id in self.owner_of:
                found.add(self.owner_of[document.id])
            else:
                found.update(self.owners(document.mentions))
        return frozenset(found)

    @cached_property
    def covered(self) -> frozenset[str]:
        """The ids that an LRS document stands for."""
        own = {document.id for document in self.documents}
        return frozenset(own | {each for owner in self.documented for each in self.applications[owner].ids})

    def has_owner(self, document: Document) -> bool:
        """Whether an LRS document is of something that is known: an application, a deployment, an LRS of a published type."""
        ids = document.mentions | {document.id}
        return bool(self.owners(ids)) or any(each in self.deployments or each in self._ids_of_published for each in ids)

    @cached_property
    def _ids_of_published(self) -> frozenset[str]:
        return frozenset(identifier for each in self.objects if each.type in WORKLOADS for identifier in each.ids)

    # ---- objects

    @cached_property
    def _by_id(self) -> dict[str, list[LrsObject]]:
        found: dict[str, list[LrsObject]] = defaultdict(list)
        for each in self.objects:
            for identifier in each.ids:
                found[identifier].append(each)
        return found

    def of_application(self, application: Application) -> list[LrsObject]:
        """Its LRS: those that have its id and are of no published type, which are other things' that only speak of it."""
        found = {each.key: each for identifier in application.ids for each in self._by_id.get(identifier, ())}
        return [each for each in found.values() if each.type not in WORKLOADS]

    def of_deployment(self, deployment: Deployed) -> list[LrsObject]:
        """The LRS that have its id, of its own type or of none."""
        return [each for each in self._by_id.get(deployment.id, ()) if each.type == DEPLOYMENT_TYPE or each.type not in WORKLOADS]

    def of_no_published_type(self) -> Iterator[LrsObject]:
        """What may be an application's: its type is not public."""
        return (each for each in self.objects if each.type not in WORKLOADS and not each.is_going)

    def serving(self) -> Iterator[LrsObject]:
        """The LRS of deployments."""
        return (each for each in self.objects if each.type == DEPLOYMENT_TYPE and not each.is_going)
