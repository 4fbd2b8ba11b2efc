"""Which images a registry does not have: what `check` asks for. It looks, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.access import OF_ONE, Access
from kubectl_lrs.stores.images.registry.client import RegistryClient
from kubectl_lrs.stores.images.registry.content import MissingError


@dataclass(frozen=True)
class Presence:
    """One image: whether its registry says not to have it; `error`: nobody could say."""

    reference: Reference
    is_missing: bool = False
    error: LrsError | None = None


def presences(references: Iterable[Reference], access: Access, *, workers: int) -> Iterator[Presence]:
    """Each image in the order in which the answers come; a registry that is out of reach is not asked for the rest."""

    def look(reference: Reference) -> Presence:
        def require(registry: RegistryClient) -> None:
            if not registry.has(reference.repository, reference.wanted):
                raise MissingError(f"{reference}: its registry does not have it")

        try:
            access.ask(reference.registry, reference.repository, access.domain(reference), require)
        except MissingError:
            return Presence(reference, is_missing=True)
        except OF_ONE as error:
            return Presence(reference, error=error)
        return Presence(reference)

    return map_unordered(references, look, workers=workers, stop=access.stop)
