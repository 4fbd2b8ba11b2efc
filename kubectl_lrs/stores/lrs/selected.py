"""Which objects of a source a restore is about, and under which namespace. Nothing is looked up in a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.selection import Selection, near_labels, near_types
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap, images_in, map_images, unmapped
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.common.mentions import LRS, Mention, mentions, strings
from kubectl_lrs.stores.common.namespaces import OldNamespaces
from kubectl_lrs.stores.lrs.creation_order import creation_order
from kubectl_lrs.stores.lrs.saved import Source, StoredLrs

Key = tuple[str, str]


class Selected:
    """The objects of a source that are wanted, in their target namespaces; may be read more than once, as the source.

    Namespaces, in names and in the selection alike, are those of the source. Names stand with a namespace or with types;
    labels and exclusions are another way to choose (UsageError).
    """

    def __init__(
        self,
        source: Source,
        selection: Selection,
        names: tuple[str, ...],
        namespace_map: Mapping[str, str],
        registry_map: RegistryMap | None = None,
    ) -> None:
        self.description = source.description
        self.namespace_map = namespace_map
        self.registry_map = registry_map or RegistryMap()
        self.left_out = frozenset(selection.left_out)
        self.images: set[Reference] = set()
        """Those that the objects name which were read, as they were saved; where registries are mapped."""
        self._source = source
        self._selection = selection
        # Those that are left out by default stay in: the plan shows that they are skipped, and why.
        self._matches = selection.matcher(with_left_out=True)
        if names and (selection.selector or selection.excluded_types):
            raise UsageError("an LRS by name cannot be given together with -l or --exclude-type", hint="choose by one of them")
        self._keys = _resolve(source, names, selection) if names else None

    def __iter__(self) -> Iterator[StoredLrs]:
        for stored in self._source:
            if self._is_wanted(stored):
                yield self._mapped(stored)

    def texts(self) -> Iterator[str]:
        """Of all objects of the source, the text that was saved; none where anything of them is mapped, or there is no such."""
        return iter(()) if self.namespace_map or self.registry_map else self._source.texts()

    def nothing(self) -> UsageError | None:
        """Why nothing is chosen, where the source does hold something."""
        types: set[str] = set()
        namespaces: set[str] = set()
        labels: set[str] = set()
        for stored in self._source:
            types.add(stored.type)
            namespaces.add(stored.namespace)
            if self._selection.selector:
                labels.update(f"{key}={value}" for key, value in (stored.manifest["metadata"].get("labels") or {}).items())
        if not types:
            return None
        near = [*near_types(self._selection.types, types), *near_labels(self._selection.selector, labels)]
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        return UsageError(
            f"nothing in {self.description} matches",
            hint=f"{meant}it holds the types {_listed(types)} in the namespaces {_listed(namespaces)}",
        )

    def _is_wanted(self, stored: StoredLrs) -> bool:
        if self._keys is not None:
            return (stored.namespace, stored.name) in self._keys
        return self._matches(stored.manifest)

    def documents(self) -> Iterator[Mention]:
        """Every string of the Mongo documents that the source holds beside the objects."""
        folder = getattr(self._source, "folder", None)
        return (each for each in mentions(folder) if each.store != LRS) if folder else iter(())

    def _mapped(self, stored: StoredLrs) -> StoredLrs:
        stored = self._with_images_mapped(stored)
        target = self.namespace_map.get(stored.namespace)
        if target is None:
            return stored
        metadata = {**stored.manifest["metadata"], "namespace": target}
        return replace(stored, manifest={**stored.manifest, "metadata": metadata}, mapped_from=stored.namespace)

    def _with_images_mapped(self, stored: StoredLrs) -> StoredLrs:
        """With the images of its spec where they go to, and a note of what still names the old registries."""
        if not self.registry_map:
            return stored
        self.images.update(images_in(strings(stored.manifest)))
        manifest = map_images(stored.manifest, self.registry_map)
        names_old = tuple(unmapped(strings(stored.manifest), self.registry_map, is_lrs=True))
        return replace(stored, manifest=manifest, names_old=names_old)


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)[:8]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _resolve(source: Source, names: tuple[str, ...], selection: Selection) -> set[Key]:
    """The one object that each name means."""
    wanted = {name: _split(name, selection) for name in names}
    found: dict[str, list[Key]] = {name: [] for name in names}
    called: dict[str, list[tuple[str, str]]] = {}
    for name, (namespace, plain) in wanted.items():
        called.setdefault(plain, []).append((name, namespace))
    everything: set[str] = set()
    for stored in source:
        everything.add(stored.name)
        for name, namespace in called.get(stored.name, ()):
            if namespace in ("", stored.namespace):
                found[name].append((stored.namespace, stored.name))
                if selection.types and stored.type not in selection.types:
                    raise UsageError(f"LRS {name!r} is of type {stored.type}, which --type does not name")
    return {_only(name, wanted[name], keys, everything, source.description) for name, keys in found.items()}


def _split(name: str, selection: Selection) -> Key:
    """(namespace or empty for any, name) that an argument means."""
    namespace, separator, plain = name.rpartition("/")
    if separator and selection.namespace not in (None, namespace):
        raise UsageError(f"LRS {name!r} is not in namespace {selection.namespace}, which -n names", hint="give one of the two")
    return (namespace if separator else selection.namespace or ""), plain


def _only(name: str, wanted: Key, keys: list[Key], everything: set[str], where: str) -> Key:
    if len(keys) == 1:
        return keys[0]
    if keys:
        both = ", ".join("/".join(key) for key in keys)
        raise UsageError(f"LRS {name!r} is in {where} {len(keys)} times: {both}", hint="name it as namespace/name")
    namespace, plain = wanted
    from difflib import get_close_matches

    near = get_close_matches(plain, [LATEST, *sorted(everything)], n=3, cutoff=0.6)
    place = f"namespace {namespace} of {where}" if namespace and namespace not in name else where
    raise UsageError(
        f"LRS {name!r} is not in {place}", hint=f"did you mean {', '.join(near)}?" if near else "list them with: show -o name"
    )


class Summary:
    """What one pass over the chosen objects tells: how many where, who owns whom, what still names a mapped place.

    `note` each, then `end` it. `kind`: theirs.
    """

    def __init__(self, selected: Selected, kind: str) -> None:
        self.namespaces: dict[str, int] = {}
        self.owners: dict[Key, list[Key]] = {}
        self.order: dict[Key, int] = {}
        self.unmapped: list[str] = []
        self._selected = selected
        self._kind = kind
        self._saved_in: dict[Key, str] = {}
        self._old = OldNamespaces(selected.namespace_map)

    @property
    def objects(self) -> Collection[Key]:
        """Namespace and name of each."""
        return self._saved_in.keys()

    def note(self, stored: StoredLrs) -> None:
        """One more of them. UsageError where two become one."""
        key = (stored.namespace, stored.name)
        saved_in = stored.mapped_from or stored.namespace
        if key in self._saved_in:
            raise UsageError(
                f"{self._saved_in[key]}/{stored.name} and {saved_in}/{stored.name} of {self._selected.description} would both "
                f"become {'/'.join(key)}",
                hint="map them to different namespaces, or restore one of them by name",
            )
        self._saved_in[key] = saved_in
        self.namespaces[stored.namespace] = self.namespaces.get(stored.namespace, 0) + 1
        if above := [(stored.namespace, str(owner.get("name"))) for owner in stored.owners if owner.get("kind") == self._kind]:
            self.owners[key] = above
        if stored.type not in self._selected.left_out:
            self.unmapped += [f"{stored.namespace}/{stored.name}: {text}" for text in _still_named(stored, self._old)]

    def end(self) -> None:
        """These were all. UsageError where there is none, or a mapping has nothing to map."""
        if not self._saved_in and (error := self._selected.nothing()):
            raise error
        saved_in = set(self._saved_in.values())
        if unused := set(self._selected.namespace_map) - saved_in:
            raise UsageError(
                f"--map-namespace: nothing that is to be restored from {self._selected.description} was saved in namespace "
                f"{min(unused)}",
                hint=f"what is to be restored was saved in {_listed(saved_in) or 'none'}",
            )
        if self._selected.registry_map:
            self.unmapped += _documents_that_name_old(self._selected)
        self.order = creation_order(self.owners, self._saved_in)


def summary(selected: Selected, kind: str) -> Summary:
    """That of all of them, read for nothing else. UsageError, as it says."""
    taken = Summary(selected, kind)
    for stored in selected:
        taken.note(stored)
    taken.end()
    return taken


def _still_named(stored: StoredLrs, old: OldNamespaces) -> Iterator[str]:
    """The strings of an object that name a mapped registry or namespace, each once, with the field."""
    found = dict.fromkeys((*stored.names_old, *old.within(stored.manifest)))
    yield from (f"{field}: {text}" for field, text in found)


def _documents_that_name_old(selected: Selected) -> Iterator[str]:
    """What Mongo documents say of a mapped registry: they are never rewritten."""
    for each in selected.documents():
        if selected.registry_map.names_old(each.text):
            yield f"{each.store} {each.id} {each.field}: {each.text}"
