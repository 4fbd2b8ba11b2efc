"""What is to happen to one collection of a backup, decided by what the database has under its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, Step
from kubectl_lrs.stores.mongo.definition import altered, flaw, sent_options
from kubectl_lrs.stores.mongo.evidence import Standing
from kubectl_lrs.stores.mongo.saved import TIER, Measured, StoredCollection
from kubectl_lrs.stores.mongo.server.info import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoStep(Step):
    """One collection, of which database, and what is to happen to it.

    `documents`: how many the backup holds, `empty_timestamps` of them hold one; `there`: what the database has under its
    name; `refused`: indexes that the server does not take, and why.
    """

    store: ClassVar[str] = TIER

    database: str
    stored: StoredCollection
    documents: int
    empty_timestamps: int = 0
    there: Standing | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> int:
        """How many documents were there."""
        return self.there.documents if self.there else 0

    @property
    def is_in_place(self) -> bool:
        """Whether what is there must go before the new one comes: only plain collections can be renamed."""
        return self.stored.metadata.is_timeseries or self.stored.metadata.is_view


def decide(
    stored: StoredCollection,
    there: Standing | None,
    *,
    database: str,
    measured: Measured,
    existing: Existing,
    size: Size | None = None,
) -> MongoStep:
    """The step of one collection. `size`: of what is there, where it matters."""
    action, reason = _decided(stored, there, measured, existing, size)
    return MongoStep(
        name=stored.name,
        action=action,
        reason=reason,
        bytes=measured.bytes,
        database=database,
        stored=stored,
        documents=measured.documents,
        empty_timestamps=measured.empty_timestamps,
        there=there,
    )


def _decided(
    stored: StoredCollection, there: Standing | None, measured: Measured, existing: Existing, size: Size | None
) -> tuple[Action, str]:
    about = stored.metadata
    if problem := flaw(about) or (stored.data and about.is_view and "it is a view, and has documents"):
        return Action.CONFLICT, problem
    if there is None:
        return Action.CREATE, "a view" if about.is_view else f"{measured.documents} documents"
    if kind_of(there) != about.made_kind:
        return Action.CONFLICT, f"there is a {kind_of(there)} of this name"
    if about.is_view:
        return _decided_for_view(about.options, there, existing)
    if existing is not Existing.DROP:
        count = f"{measured.documents} documents into {there.documents}"
        return Action.MERGE, f"{count}; those that are there stay as they are"
    if why := _irreplaceable(stored, size):
        return Action.CONFLICT, why
    return Action.REPLACE, f"{there.documents} documents are replaced by {measured.documents}"


def _decided_for_view(options: Mapping[str, Any], there: Standing, existing: Existing) -> tuple[Action, str]:
    found = there.info.decoded()
    if found.get("collation") == {"locale": "simple"}:  # which is what holds without
        del found["collation"]
    if not altered(options, found) and set(found) <= set(options):
        return Action.UNCHANGED, ""
    return Action.REPLACE if existing is Existing.DROP else Action.CONFLICT, "the view is defined differently"


def _irreplaceable(stored: StoredCollection, size: Size | None) -> str:
    """Why what is there must not be replaced by this."""
    if not stored.data:
        return "the dump has no file with its documents: what is there is not replaced by nothing"
    if not stored.has_metadata:
        return "the dump has no metadata of it: it would be replaced by one without options and indexes"
    if size and size.is_sharded:
        return "it is sharded, and what takes its place would not be: merge into it, or drop it yourself"
    return ""


def kind_of(there: Standing) -> str:
    """collection, view or timeseries."""
    return there.info.kind or "collection"


def options_differ(step: MongoStep) -> bool:
    """Whether a collection that is there has other options than the backup's."""
    sent = sent_options(step.stored.metadata)
    found = step.there.info.decoded() if step.there else {}
    return bool(altered(sent, found) or altered({key: value for key, value in found.items() if key not in sent}, {}))
