"""What is to happen to one document of a backup, decided by what the collection has under its `_id`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from kubectl_lrs.formats.bson_batches import NotBsonError, id_of
from kubectl_lrs.formats.bson_documents import as_json, id_text
from kubectl_lrs.model.diff import Change, changes
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, Step
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.saved import TIER


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStep(Step):
    """One document. `saved`: as the backup has it; `there`: as it was when the plan was made, empty where there was none.

    `has_validator`: the collection has one, which the document may be older than.
    """

    store: ClassVar[str] = TIER

    database: str
    collection: str
    saved: bytes
    there: bytes = b""
    has_validator: bool = False


def decide(
    step: MongoStep, saved: Iterable[bytes], there: Mapping[bytes, bytes], *, existing: Existing, shared: Mapping[str, str]
) -> list[DocumentStep]:
    """The step of each document of a collection that is there. `there`: by `_id`; `shared`: with whom, by name."""
    assert step.there, "documents are compared with what is there"
    made = []
    for document in saved:
        name = f"{step.name}/{id_text(document)}"
        now = there.get(id_of(document) or b"", b"")
        action, reason = _decided(document, now, existing, shared.get(name, ""), is_capped=step.there.info.is_capped)
        made.append(
            DocumentStep(
                name=name,
                action=action,
                reason=reason,
                bytes=len(document),
                diff=fields(now, document) if now and now != document else (),
                database=step.database,
                collection=step.name,
                saved=document,
                there=now,
                has_validator=bool(step.there.info.option("validator")),
            )
        )
    return made


def _decided(saved: bytes, there: bytes, existing: Existing, shared: str, *, is_capped: bool) -> tuple[Action, str]:
    if there == saved:
        return Action.UNCHANGED, ""
    if is_capped:
        return Action.CONFLICT, "the collection is capped: a document that is written there may push out others"
    if not there:
        return Action.CREATE, ""
    if shared:
        return Action.CONFLICT, f"it differs, and is {shared}: it is left alone"
    if existing is Existing.REPLACE:
        return Action.REPLACE, ""
    return Action.CONFLICT, "it differs; --mongo-existing replace puts it back"


def fields(there: bytes, saved: bytes) -> tuple[Change, ...]:
    """The fields that differ; where they do by type alone, with their types. One change stands for what is no field's."""
    try:
        for exactly in (False, True):
            if found := tuple(changes(as_json(there, exactly=exactly), as_json(saved, exactly=exactly))):
                return found
    except NotBsonError:
        pass
    return (Change(("(bytes)",), f"{len(there)} bytes", f"{len(saved)} bytes"),)
