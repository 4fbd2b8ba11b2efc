"""Which deployment an LRS belongs to, and who is to bring it back: `restore`, or `activate`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kubectl_lrs.model.workloads import type_of
from kubectl_lrs.stores.common.mentions import tokens_in
from kubectl_lrs.stores.deployments.inventory import Deployment
from kubectl_lrs.stores.deployments.journal import Journal
from kubectl_lrs.stores.deployments.statuses import INACTIVE, OURS, STOPPING

DEPLOYMENT_TYPE = "deployment"


class Verdict(str, Enum):
    """Who brings an LRS back."""

    RESTORE = "restore"
    ACTIVATE = "activate"
    UNDECIDED = "undecided"


@dataclass(kw_only=True)
class Ownership:
    """What is known of the deployments. `down`: why a deployment is left to `activate`, by its id.

    `is_open`: a deactivation is not yet undone, so an LRS of a deployment that nobody knows may be one of its.
    """

    down: dict[str, str] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    is_open: bool = False

    def add_journal(self, journal: Journal, *, is_certain: bool = True) -> None:
        """What a journal says, unless it is done. One that may be of another application tells of no others than its own."""
        if journal.is_done:
            return
        self.is_open = self.is_open or is_certain
        for entry in journal.entries.values():
            self.known.add(entry.id)
            if entry.state in OURS:
                self.down[entry.id] = f"its deployment {entry.label!r} is {entry.state.value}; activate brings it back"

    def add_live(self, deployments: Iterable[Deployment]) -> None:
        """What the application says now."""
        for each in deployments:
            self.known.add(each.id)
            if each.status in (INACTIVE, STOPPING):
                self.down.setdefault(
                    each.id, f"its deployment {each.label!r} is {each.status}; it comes back when that is activated"
                )

    def add_saved(self, deployments: Iterable[Deployment]) -> None:
        """What the backup says of the time when it was made."""
        self.known.update(each.id for each in deployments)

    def judge(self, manifest: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Who brings this LRS back, and why."""
        if not (self.down or self.is_open):
            return Verdict.RESTORE, ""
        ids = set(tokens(manifest))
        if owned := sorted(ids & self.down.keys()):
            return Verdict.ACTIVATE, self.down[owned[0]]
        if self.is_open and type_of(manifest) == DEPLOYMENT_TYPE and not ids & self.known:
            return Verdict.UNDECIDED, "a deactivation is open, and nothing tells whose deployment this is (--force writes it)"
        return Verdict.RESTORE, ""


def tokens(manifest: Mapping[str, Any]) -> list[str]:
    """Every id that stands by itself in the name, a label, an annotation, or a string of the spec."""
    metadata = manifest["metadata"]
    texts: list[str] = []
    _gather((metadata.get("name"), metadata.get("labels"), metadata.get("annotations"), manifest.get("spec")), texts)
    return tokens_in(texts)


def _gather(value: Any, texts: list[str]) -> None:
    """No generator: each string would go through as many of them as it lies deep."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            if item.__class__ is str:
                texts.append(item)
            else:
                _gather(item, texts)
