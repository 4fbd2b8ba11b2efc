"""Which application each document and LRS is of, told by the ids in them: the fields' names are not public. Pure.

An application's own document has its id as `_id`, and so has the one of longrunningservices. Beside these, what names an
application is its; what its documents name is its too; and of what nobody names, what names one of its documents. Only the
collections of custom applications count: what else is saved may speak of an application without being a part of it.

What two applications lead to is shared by them. What leads nowhere is of nobody, and stands in the way as much as another
application: it is never said to be of this one alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kubectl_lrs.model.workloads import TYPE_LABEL, WORKLOADS
from kubectl_lrs.stores.common.mentions import APPLICATIONS, LRS, LRS_DOCUMENTS, Document, tokens_in
from kubectl_lrs.stores.mongo.levels import COMPLETE

ID = re.compile(r"[0-9a-f]{24}")

Key = tuple[str, str]
"""(collection or `lrs`, `_id` or `namespace/name`)."""

ITSELF = "the application's own document"
HAS_ITS_ID = "it has the application's id"
SO_IT_WAS = "so it was in the backup"


@dataclass(frozen=True, slots=True)
class _Node:
    """What matters of a document. `mentions`: id → the first field that holds it; `is_part`: it may be a part of one."""

    mentions: Mapping[str, str]
    is_part: bool


@dataclass
class Owners:
    """Take everything in with `add`, then ask. `names`: of the applications whose documents were there, by id.

    `given`: whose something is surely, whatever else is found out: a backup may have told.
    """

    names: dict[str, str] = field(default_factory=dict)
    given: Mapping[Key, str] = field(default_factory=dict)
    _nodes: dict[Key, _Node] = field(default_factory=dict)
    _by_id: dict[str, list[Key]] = field(default_factory=dict)
    _of: dict[Key, dict[str, str]] | None = None

    def add(self, document: Document, texts: Iterable[tuple[str, str]]) -> None:
        """One document or LRS, with its strings, each with its field."""
        self._of = None
        key = (document.store, document.id)
        mentions: dict[str, str] = {}
        for where, text in texts:
            for each in tokens_in([text]):
                mentions.setdefault(each, where)
        mentions.pop(document.id, None)
        self._nodes[key] = _Node(mentions, _is_part(document))
        if document.store in COMPLETE:
            self._by_id.setdefault(document.id, []).append(key)
        if document.store == APPLICATIONS and ID.fullmatch(document.id):
            name = document.content.get("name")
            self.names[document.id] = name[:200] if isinstance(name, str) else ""

    def add_unknown(self, application: str) -> None:
        """An application of which no document tells."""
        self._of = None
        self.names.setdefault(application, "")

    def of(self, key: Key) -> Mapping[str, str]:
        """Application → what makes this its; empty where it is of none that is known."""
        if self._of is None:
            self._of = self._found()
        return self._of.get(key, {})

    def title(self, key: Key, beside: str) -> tuple[str, ...]:
        """Whose a thing is beside this application, for people: applications by name, else the thing itself."""
        store, name = key
        owners, node = self.of(key), self._nodes[key]
        if not owners and not node.is_part and store != LRS and set(node.mentions) & set(self.names) == {beside}:
            return ()  # it is no part of an application, and speaks of this one alone
        if not owners:
            return (f"LRS {name}" if store == LRS else f"{store}/{name}, which is of no application that is known",)
        named = {each: self.names[each] for each in owners if each != beside}
        return tuple(sorted(f"{name} ({each})" if name else each for each, name in named.items()))

    def __iter__(self) -> Iterator[Key]:
        """Everything that was taken in."""
        return iter(self._nodes)

    # ---- who owns what

    def _found(self) -> dict[Key, dict[str, str]]:
        found: dict[Key, dict[str, str]] = {}
        for application in list(self._untold()):
            self.add_unknown(application)
        parts = {key: node for key, node in self._nodes.items() if node.is_part and key[0] != LRS}
        for key, node in parts.items():
            found[key] = self._named_by_itself(key, node)
        self._spread(found, list(found))
        while loose := self._by_what_they_name(parts, found):
            found |= loose
            self._spread(found, list(loose))
        for key, node in self._nodes.items():
            if key[0] == LRS and node.is_part:
                told = {self.given[key]: SO_IT_WAS} if key in self.given else {}
                found[key] = told | self._of_lrs(key[1], node, found)
        return {key: owners for key, owners in found.items() if owners}

    def _untold(self) -> Iterator[str]:
        """Applications whose own document is gone: that of longrunningservices has the id, too, unless it names another's."""
        for key, node in self._nodes.items():
            if (
                key[0] == LRS_DOCUMENTS
                and ID.fullmatch(key[1])
                and key not in self.given
                and not node.mentions.keys() & self.names
            ):
                yield key[1]

    def _named_by_itself(self, key: Key, node: _Node) -> dict[str, str]:
        if key[1] in self.names:
            return {key[1]: ITSELF if key[0] == APPLICATIONS else HAS_ITS_ID}
        named = {each: f"its {field} names the application" for each, field in node.mentions.items() if each in self.names}
        return {self.given[key]: SO_IT_WAS, **named} if key in self.given else named

    def _spread(self, found: dict[Key, dict[str, str]], begun: list[Key]) -> None:
        """What a document names is whoever's the document is. One that has an application's id is that one's alone."""
        waiting = begun
        while waiting:
            key = waiting.pop()
            for mentioned, where in self._nodes[key].mentions.items():
                for target in self._by_id.get(mentioned, ()):
                    if target == key or target[1] in self.names:
                        continue
                    known = {each for each, why in found[target].items() if why != SO_IT_WAS}
                    new = {each: f"{where} of {'/'.join(key)} names it" for each in found[key] if each not in known}
                    if new:
                        found[target] |= new
                        waiting.append(target)

    def _by_what_they_name(self, parts: Mapping[Key, _Node], found: Mapping[Key, dict[str, str]]) -> dict[Key, dict[str, str]]:
        """Those of nobody so far, but for what a backup told, that name something that is somebody's."""
        made: dict[Key, dict[str, str]] = {}
        for key, node in parts.items():
            if any(why != SO_IT_WAS for why in found[key].values()):
                continue
            owners: dict[str, str] = {}
            for mentioned, where in node.mentions.items():
                for target in self._by_id.get(mentioned, ()):
                    owners |= {each: f"its {where} names {'/'.join(target)}" for each in found[target] if each not in owners}
            if owners.keys() - found[key].keys():
                made[key] = owners | found[key]
        return made

    def _of_lrs(self, name: str, node: _Node, found: Mapping[Key, dict[str, str]]) -> dict[str, str]:
        """By the id in its name: one that has another's there only speaks of this one."""
        own = tokens_in([name.partition("/")[2]])
        if mine := [each for each in own if each in self.names]:
            return dict.fromkeys(mine, "its name has the application's id")
        by_document = [target for each in own for target in self._by_id.get(each, ())]
        if owners := {each: f"its name has the id of {'/'.join(target)}" for target in by_document for each in found[target]}:
            return owners
        if own:
            return {}
        return {each: f"its {field} names the application" for each, field in node.mentions.items() if each in self.names}


def _is_part(document: Document) -> bool:
    """Whether it can be a part of an application: an LRS of a published type is another thing's."""
    if document.store != LRS:
        return document.store in COMPLETE
    labels = document.content["metadata"]["labels"]
    return not isinstance(labels, Mapping) or labels.get(TYPE_LABEL) not in WORKLOADS
