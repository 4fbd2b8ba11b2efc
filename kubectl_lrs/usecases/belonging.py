"""What of a backup, or of what is live, belongs to one application: found out once, and then handed to every store.

What two applications lead to is told with both. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING

from kubectl_lrs.model.belonging import Belonging, Belongings
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.manifest import loads
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.model.workloads import WORKLOADS
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.runtime.sorting import Sorted
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap
from kubectl_lrs.stores.common.image_names.reference import Reference, parse
from kubectl_lrs.stores.common.mentions import (
    APPLICATIONS,
    LRS,
    LRS_DOCUMENTS,
    LRS_FILE,
    Document,
    Mention,
    collections,
    of_lrs,
    strings,
    tokens_in,
)
from kubectl_lrs.stores.files import references
from kubectl_lrs.stores.files.match import FileMatcher, References
from kubectl_lrs.stores.files.named import Named
from kubectl_lrs.stores.files.saved import Index
from kubectl_lrs.stores.files.saved import read as saved_files
from kubectl_lrs.stores.images.find import Found, ImageFilter, find
from kubectl_lrs.stores.images.saved import saved as saved_images
from kubectl_lrs.stores.lrs.saved import index
from kubectl_lrs.stores.mongo import names as mongo_names
from kubectl_lrs.stores.mongo.levels import COMPLETE
from kubectl_lrs.usecases.owners import ID, Key, Owners

if TYPE_CHECKING:
    from kubectl_lrs.clients.kubernetes.client import KubeClient
    from kubectl_lrs.stores.mongo.flags import DatabaseOptions

MONGO, IMAGES, FILES = "mongo", "images", "files"
Read = Callable[[], Iterable[Document]]
"""Gives every LRS, then every document; it may be called more than once."""


# ---- which application


def applications_in(backup: Backup) -> dict[str, str]:
    """Id → name, empty where nothing tells it, of every application of which a backup has a document or an LRS. DamageError."""
    found = {each: "" for entry in index(backup) if entry["type"] not in WORKLOADS for each in tokens_in([str(entry["name"])])}
    found |= {document.id: "" for document in _saved(backup, LRS_DOCUMENTS)}
    return found | {document.id: _name(document) for document in _saved(backup, APPLICATIONS)}


def names_in(backup: Backup) -> dict[str, str]:
    """Id → name of the applications whose documents tell it. DamageError."""
    named = ((document.id, _name(document)) for document in _saved(backup, APPLICATIONS))
    return {identifier: name for identifier, name in named if name}


def _saved(backup: Backup, collection: str) -> Iterator[Document]:
    """The documents of one collection that have an id; none where the backup holds no documents."""
    wanted = mongo_names.stem(collection)
    found = collections(backup, wanted.__eq__) if MONGO in backup.catalog.tiers else iter(())
    return (document for document in found if ID.fullmatch(document.id))


def _name(document: Document) -> str:
    name = document.content.get("name")
    return name[:200] if isinstance(name, str) else ""


def has_application(backup: Backup, word: str) -> bool:
    """Whether a backup knows it. One that cannot be read may: whoever takes it says why not."""
    try:
        return bool(_meant(applications_in(backup), word))
    except DamageError:
        return True


def application_in(backup: Backup, word: str) -> tuple[str, str]:
    """(id, name) of the application that a word means. UsageError where it means none, or several."""
    there = applications_in(backup)
    found = _meant(there, word)
    if len(found) == 1:
        return found[0], there[found[0]]
    if found:
        raise UsageError(f"{len(found)} applications are called {word!r}: {', '.join(found)}", hint="give the id of the one")
    if not any(there.values()) and not ID.fullmatch(word.lower()):
        raise UsageError(
            f"{backup.name} knows no application by its name: it holds none of their documents",
            hint="give the id of the application, or a backup with --profile minimum or complete",
        )
    near = near_applications(word, there)
    raise UsageError(
        f"{backup.name} knows no application {word!r}",
        hint=f"did you mean {', '.join(near)}?" if near else f"it knows {len(there)}: show -o wide lists their LRS",
    )


def _meant(there: Mapping[str, str], word: str) -> list[str]:
    """The ids that a word may mean: it is one itself, or the name of some."""
    if word.lower() in there:
        return [word.lower()]
    return sorted(each for each, name in there.items() if name == word)


def near_applications(word: str, there: Mapping[str, str]) -> list[str]:
    """Names and ids that are near to a word."""
    return get_close_matches(word, [each for pair in there.items() for each in pair if each], n=3, cutoff=0.5)


# ---- what belongs to it


@dataclass(frozen=True)
class Look:
    """One pass over LRS and documents: whose each of them is, and the images that they name."""

    read: Read
    owners: Owners
    images: Found


def look(read: Read, application: str, progress: Progress, given: Mapping[Key, str] = MappingProxyType({})) -> Look:
    """Read everything once. `given`: whose something surely is."""
    owners = Owners(given=given)

    def mentions() -> Iterator[Mention]:
        for document in read():
            progress.advance()
            texts = strings(document.content)
            owners.add(document, texts)
            for where, text in texts:
                yield Mention(document.store, document.id, where, text)

    progress.begin("looking for what belongs to the application")
    images = find(mentions(), ImageFilter())
    progress.end()
    owners.add_unknown(application)
    return Look(read, owners, images)


def belongings_in(backup: Backup, application: tuple[str, str], progress: Progress) -> Belongings:
    """All that a backup holds of it. DamageError."""
    identifier, name = application
    try:
        seen = look(lambda: _read(backup), identifier, progress)
    except RecursionError as error:
        raise DamageError(f"{backup.describe()}: a document in it is nested deeper than any that MongoDB takes") from error
    images, files = saved_images(backup), saved_files(backup)
    things = [
        *_documents(seen.owners, identifier),
        *_images(seen, identifier, [each.reference for each in images.entries] if images else ()),
        *(_files(seen, identifier, files.url, (each.path for each in files.entries)) if files else ()),
    ]
    return Belongings(id=identifier, name=name, things=tuple(things), untold=tuple(_untold(backup)))


def belongings_now(seen: Look, application: tuple[str, str], url: str, paths: Iterable[str]) -> Belongings:
    """All that there is of it by now. `paths`: the files of the storage at `url`, none where it is not looked at."""
    identifier, name = application
    things = [
        *_documents(seen.owners, identifier),
        *_images(seen, identifier, seen.images.images),
        *_files(seen, identifier, url, paths),
    ]
    return Belongings(id=identifier, name=name, things=tuple(things))


def _read(backup: Backup) -> Iterator[Document]:
    """What was saved, whoever did: others have no list of ours."""
    where = backup.describe(LRS_FILE)
    for line in backup.lines(LRS_FILE) if backup.catalog.has_lrs else ():
        try:
            document = of_lrs(loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise DamageError(f"{where}: cannot be read: {error}") from error
        yield document
    yield from collections(backup)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Where things of a backup go to, as it is there that somebody else may use them. `namespaces`: of LRS, OLD → NEW."""

    images: RegistryMap
    namespaces: Mapping[str, str]

    def lrs(self, name: str) -> str:
        """Where an LRS goes to, by the name that it was saved under."""
        namespace, _, own = name.partition("/")
        return f"{self.namespaces.get(namespace, namespace)}/{own}"


def shared_by_now(belongings: Belongings, read: Read, files: Index | None, targets: Targets, progress: Progress) -> Belongings:
    """The same, with the others to whom its things belong by what is live: `read` gives that."""
    keys = [(name.partition("/")[0], name.partition("/")[2]) for name in belongings.of(MONGO)]
    keys += [(LRS, targets.lrs(name)) for name in belongings.of(RESOURCES)]
    seen = look(read, belongings.id, progress, dict.fromkeys(keys, belongings.id))
    now = [*_documents_of(seen.owners, belongings), *_lrs_of(seen.owners, belongings, targets)]
    for name in belongings.of(IMAGES):
        saved = parse(name)
        places = {
            key
            for each in {saved, targets.images.target(saved)}
            if (found := seen.images.images.get(each))
            for key in found.owners
        }
        now.append(Belonging(tier=IMAGES, name=name, why="", others=_others(seen.owners, places, belongings.id)))
    if files:
        now += _files(seen, belongings.id, files.url, belongings.of(FILES), whoever=True)
    return belongings.shared_too(now)


def lrs_shared_by_now(
    belongings: Belongings, read: Read, applications: Iterable[str], targets: Targets, progress: Progress
) -> Belongings:
    """The same of its LRS alone, where no document tells: each must still lead to it, and to none of the other applications."""
    seen = look(read, belongings.id, progress)
    for each in applications:
        seen.owners.add_unknown(each)
    return belongings.shared_too(_lrs_of(seen.owners, belongings, targets))


@contextmanager
def live_lrs(kube: KubeClient, namespace: str | None, version: str) -> Iterator[Read]:
    """While the block lasts: every LRS of a namespace, or of all. LrsError."""
    from kubectl_lrs.clients.kubernetes.lists import everywhere  # only where something may be replaced
    from kubectl_lrs.stores.lrs.connect import served

    resource = served(kube, version)

    def read() -> Iterator[Document]:
        with everywhere(namespace):
            for page in kube.pages(resource, namespace):
                yield from (of_lrs(manifest) for _, manifest in page.items)

    yield read


@contextmanager
def live_documents(kube: KubeClient, namespace: str | None, home: str, version: str, options: DatabaseOptions) -> Iterator[Read]:
    """While the block lasts: every LRS of a namespace, or of all, and every document of the application. LrsError.

    `home`: the namespace in which the application's MongoDB is looked for.
    """
    from kubectl_lrs.stores.mongo.connect import access  # only where something may be replaced
    from kubectl_lrs.stores.mongo.inspect import LiveDocuments
    from kubectl_lrs.stores.mongo.server.client import Mongo

    mongo = Mongo(access(options, kube, home))
    try:
        with live_lrs(kube, namespace, version) as lrs:

            def read() -> Iterator[Document]:
                yield from lrs()
                yield from LiveDocuments(mongo, database=options.database, wanted=COMPLETE).documents()

            yield read
    finally:
        mongo.close()


def _documents(owners: Owners, application: str) -> Iterator[Belonging]:
    """LRS first, as in every list, then documents by collection."""
    found = [key for key in owners if application in owners.of(key)]
    rank = {name: place for place, name in enumerate((LRS, *COMPLETE))}
    for key in sorted(found, key=lambda each: (rank.get(each[0], len(rank)), each)):
        yield _belonging(owners, key, application, owners.of(key)[application])


def _documents_of(owners: Owners, belongings: Belongings) -> Iterator[Belonging]:
    """Those of its documents that are live, whoever's they are there."""
    for key in owners:
        made = _belonging(owners, key, belongings.id, "")
        if made.tier == MONGO and made.name in belongings.of(MONGO):
            yield made


def _lrs_of(owners: Owners, belongings: Belongings, targets: Targets) -> Iterator[Belonging]:
    """The same of LRS, by the names that they were saved under."""
    there = set(owners)
    for name in belongings.of(RESOURCES):
        if (key := (LRS, targets.lrs(name))) in there:
            yield replace(_belonging(owners, key, belongings.id, ""), name=name)


def _belonging(owners: Owners, key: Key, application: str, why: str) -> Belonging:
    store, name = key
    others = owners.title(key, application)
    if store == LRS:
        return Belonging(tier=RESOURCES, name=name, why=why, others=others)
    return Belonging(tier=MONGO, name=f"{store}/{name}", why=why, others=others)


def _images(seen: Look, application: str, wanted: Iterable[Reference]) -> Iterator[Belonging]:
    """Those that something of it names."""
    for reference in sorted(wanted):
        image = seen.images.images.get(reference)
        places = image.owners if image else {}
        mine = [place for key, place in places.items() if application in seen.owners.of(key)]
        if mine:
            why = f"{mine[0].field} of {_said(mine[0].store, mine[0].id)}"
            yield Belonging(tier=IMAGES, name=str(reference), why=why, others=_others(seen.owners, places, application))


def _files(seen: Look, application: str, url: str, paths: Iterable[str], *, whoever: bool = False) -> Iterator[Belonging]:
    """Those that something of it leads to; `whoever`: those of others too, with whose they are."""
    with Sorted[tuple[int, str]]() as there:  # in their own order
        for path in paths:
            there.add((len(there), path))
        if there:
            yield from _files_of(seen, application, url, there, whoever=whoever)


def _files_of(seen: Look, application: str, url: str, there: Sorted[tuple[int, str]], *, whoever: bool) -> Iterator[Belonging]:
    named = Named((path for _, path in there), len(there), _full_names(url))
    mine, theirs = References(named), References(named)
    for document in seen.read():
        key = (document.store, document.id)
        if application in seen.owners.of(key):
            references.add(mine, document)
        if seen.owners.title(key, application):
            references.add(theirs, document)
    to_mine, to_theirs = FileMatcher(mine), FileMatcher(theirs)
    for _, path in there:
        found, other = to_mine.found(path), to_theirs.found(path)
        if found is None and not whoever:
            continue
        where = found.where if found else None
        why = f"{where.field} of {_said(where.source, where.document)}, by {found.by}" if found and where else ""
        keys = [(other.where.source, other.where.document)] if other and other.where else []
        yield Belonging(tier=FILES, name=path, why=why, others=_others(seen.owners, keys, application))


def _others(owners: Owners, keys: Iterable[Key], application: str) -> tuple[str, ...]:
    return tuple(sorted({each for key in keys for each in owners.title(key, application)}))


def _said(store: str, name: str) -> str:
    return f"LRS {name}" if store == LRS else f"{store}/{name}"


def _full_names(url: str) -> Callable[[str], tuple[str, ...]]:
    """The ways in which a document may write out a path below the storage's URL."""
    plain = url.partition("://")[2].strip("/") or url.strip("/")
    roots = {url.rstrip("/"), plain, plain.partition("/")[2]} - {""}
    return lambda path: tuple(f"{root}/{path}" for root in sorted(roots))


def _untold(backup: Backup) -> Iterator[str]:
    """What a backup lacks, so that what belongs to an application is not all of it."""
    tiers = backup.catalog.tiers
    if MONGO not in tiers:
        yield "it holds nothing of MongoDB: what of images and files only documents lead to is not known, nor who shares them"
    else:
        listed = tiers[MONGO].get("collections")
        there = {each.get("name") for each in listed if isinstance(each, dict)} if isinstance(listed, list) else set()
        if lost := [name for name in COMPLETE if name not in there]:
            yield f"it does not hold {', '.join(lost)}: what is in these, and what only they lead to, is not known"
    if not backup.catalog.has_lrs:
        yield "it holds no LRS"
    for name, word in ((IMAGES, "images"), (FILES, "files")):
        if name not in tiers:
            yield f"it holds no {word}"
