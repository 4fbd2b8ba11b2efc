"""What belongs to one application, in every store, and what leads to each thing of it. Pure: it is found out elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from kubectl_lrs.model.stores import TIERS


@dataclass(frozen=True, kw_only=True)
class Belonging:
    """One thing. `name`: by which its store knows it: `namespace/name`, `collection/_id`, a reference, a path.

    `why`: what leads to it. `others`: whose it is too, or may be: applications, LRS, documents of which nobody knows whose.
    """

    tier: str
    name: str
    why: str
    others: tuple[str, ...] = ()

    @property
    def shared(self) -> str:
        """With whom it is shared, in words; empty where it is of this application alone."""
        more = len(self.others) - SHOWN
        return f"shared with {', '.join(self.others[:SHOWN])}{f' and {more} more' if more > 0 else ''}" if self.others else ""


SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """All things of one application. `name`: what it is called, empty where nothing tells.

    `untold`: what nobody could look into, so that something of it may be missing here, in words.
    """

    id: str
    name: str = ""
    things: tuple[Belonging, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name and id."""
        return f"{self.name} ({self.id})" if self.name else self.id

    def of(self, tier: str) -> Mapping[str, Belonging]:
        """What one store has of it, by name."""
        return self._by_tier.get(tier, {})

    @cached_property
    def _by_tier(self) -> dict[str, dict[str, Belonging]]:
        return {tier: {each.name: each for each in self.things if each.tier == tier} for tier in TIERS}

    def shared(self, tier: str) -> dict[str, str]:
        """Name → with whom it is shared: such a thing is made where it is not there, and never changed where it is."""
        return {name: each.shared for name, each in self.of(tier).items() if each.others}

    def shared_too(self, now: Iterable[Belonging]) -> Belongings:
        """The same with those beside it to whom its things belong by now."""
        found = {(each.tier, each.name): each.others for each in now}
        things = (
            replace(each, others=tuple(sorted({*each.others, *found.get((each.tier, each.name), ())}))) for each in self.things
        )
        return replace(self, things=tuple(things))
