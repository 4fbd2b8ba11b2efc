"""What is lost where collections are replaced: documents that the backup does not hold, or holds otherwise, by application.

Each document that is there is held against the backup's by its `_id` and its bytes. Whose it is, is told by the ids in it:
which field says so is not public. Nothing is written, and no document is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.formats.bson_batches import NotBsonError, split
from kubectl_lrs.formats.bson_documents import decoded
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.common.mentions import strings
from kubectl_lrs.stores.mongo.compare import BATCH, digest_of, key_of
from kubectl_lrs.stores.mongo.levels import MINIMUM
from kubectl_lrs.stores.mongo.plan import MongoStep
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.client import Mongo

MOST = 500_000
"""Documents of a collection that are held against each other, some 100 MB; of larger ones only the youngest are counted."""

_APPLICATIONS = MINIMUM[0]
_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{24}(?![0-9A-Za-z])")


@dataclass(kw_only=True)
class Loss:
    """What one application loses, by collection; `application` is empty for what is of none.

    `gone`: documents that the backup does not hold; `changed`: that it holds otherwise. `is_saved`: it is in the backup itself.
    """

    application: str = ""
    name: str = ""
    is_saved: bool = True
    gone: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        named = f"{self.name} ({self.application})" if self.name else self.application
        who = f"application {named}" if self.application else "of no application that is known"
        said = [f"{self.gone.total():,} that the backup does not hold"] if self.gone else []
        said += [f"{self.changed.total():,} that changed since"] if self.changed else []
        itself = "" if self.is_saved else "; the backup does not hold the application itself"
        return f"{who}: {', '.join(said)} ({', '.join(sorted({*self.gone, *self.changed}))}){itself}"


@dataclass(kw_only=True)
class Losses:
    """All of it. `gone`, `changed`: each document counted once, however many applications it is of."""

    gone: int = 0
    changed: int = 0
    of_each: dict[str, Loss] = field(default_factory=dict)

    @property
    def sorted(self) -> list[Loss]:
        """Whoever loses most first, what is of nobody last."""
        return sorted(
            self.of_each.values(),
            key=lambda each: (not each.application, -(each.gone.total() + each.changed.total()), each.application),
        )


def is_compared(step: MongoStep) -> bool:
    """Whether the documents of a step are held against each other."""
    about = step.stored.metadata
    is_plain = not (about.is_view or about.is_timeseries)
    return step.action is Action.REPLACE and is_plain and max(step.documents, step.before) <= MOST


def look(mongo: Mongo, dump: StoredDump, steps: Sequence[MongoStep], present: Iterable[str]) -> Losses:
    """What these steps lose."""
    compared = [step for step in steps if is_compared(step)]
    if not compared:
        return Losses()
    known = _Applications()
    database = compared[0].database
    for name in MINIMUM:
        if stored := next((each for each in dump.collections if each.name == name and each.data), None):
            known.add(name, dump.batches(stored, BATCH), is_saved=True)
        if name in set(present):
            known.add(name, map(b"".join, mongo.present(database, name)), is_saved=False)
    found = Losses()
    for step in compared:
        _compare(mongo, dump, step, known, found)
    return found


def _compare(mongo: Mongo, dump: StoredDump, step: MongoStep, known: _Applications, found: Losses) -> None:
    where = dump.folder.describe(step.stored.data)
    batches = dump.batches(step.stored, BATCH) if step.stored.data else ()
    saved = {key_of(each, where): digest_of(each) for batch in batches for each in split(batch)}
    for batch in mongo.present(step.database, step.name):
        for document in batch:
            digest = saved.get(key_of(document, step.name))
            if digest == digest_of(document):
                continue
            is_gone = digest is None
            found.gone += is_gone
            found.changed += not is_gone
            for application in known.of(document) or ("",):
                loss = found.of_each.setdefault(application, known.loss(application))
                (loss.gone if is_gone else loss.changed)[step.name] += 1


class _Applications:
    """Which there are, what they are called, and what else their documents name."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._saved: set[str] = set()
        self._named_by: dict[str, set[str]] = {}

    def add(self, collection: str, batches: Iterable[bytes], *, is_saved: bool) -> None:
        """Those that these documents are about; both collections have them under the application's id."""
        for content in (each for batch in batches for each in _decoded(batch)):
            identifier = str(content.get("_id"))
            if not _ID.fullmatch(identifier):
                continue
            if collection == _APPLICATIONS:
                name = content.get("name")
                self._names[identifier] = name[:200] if isinstance(name, str) else ""
                if is_saved:
                    self._saved.add(identifier)
            for each in _ids(content):
                self._named_by.setdefault(each, set()).add(identifier)

    def of(self, document: bytes) -> list[str]:
        """Those that a document is about: whose id stands in it, else whose documents name it."""
        ids = {each for content in _decoded(document) for each in _ids(content)}
        if own := ids & self._names.keys():
            return sorted(own)
        return sorted({each for one in ids for each in self._named_by.get(one, ())} & self._names.keys())

    def loss(self, application: str) -> Loss:
        """Nothing yet, of this one."""
        is_saved = not application or application in self._saved
        return Loss(application=application, name=self._names.get(application, ""), is_saved=is_saved)


def _decoded(batch: bytes) -> Iterator[Mapping[str, Any]]:
    """The documents, none where they cannot be looked into: whose they are is then not known."""
    try:
        yield from decoded(batch)
    except NotBsonError:
        return


def _ids(content: Mapping[str, Any]) -> set[str]:
    return {each for _, text in strings(content) for each in _ID.findall(text)}
