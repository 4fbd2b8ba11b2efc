"""Which images a registry does not have: what `check` asks for. It looks, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime.parallel import map_unordered
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.images.registry.client import Registries


@dataclass(frozen=True)
class Presence:
    """One image: the digest that the registry has it by, empty where it does not; `error`: nobody could say."""

    reference: Reference
    digest: str = ""
    error: LrsError | None = None

    @property
    def is_missing(self) -> bool:
        """Whether the registry surely does not have it."""
        return not self.digest and self.error is None


def presences(references: Iterable[Reference], registries: Registries, *, workers: int) -> Iterator[Presence]:
    """Each image in the order in which the answers come; a registry that is out of reach is not asked for the rest."""
    lost: dict[str, LrsError] = {}

    def look(reference: Reference) -> Presence:
        if reference.registry in lost:
            return Presence(reference, error=lost[reference.registry])
        try:
            return Presence(reference, registries.of(reference.registry).digest_of(reference.repository, reference.wanted))
        except LrsError as error:
            if isinstance(error, UnreachableError):
                lost[reference.registry] = error
            return Presence(reference, error=error)

    return map_unordered(references, look, workers=workers, stop=registries.stop)
