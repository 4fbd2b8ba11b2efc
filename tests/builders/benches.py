"""A bench for each store: a small source, what is there now, and how to take it away or put something else in its place.

The contract suite runs every store over its bench; `BENCHES` has a row for each.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.base import BackupContext, Collector, Facts, Rehearsal, RestoreContext, Restorer, connect_module
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.lrs.collect import LrsCollector
from kubectl_lrs.stores.lrs.connect import served
from kubectl_lrs.stores.lrs.options import RestoreOptions
from kubectl_lrs.stores.lrs.rehearse import LrsTrial
from kubectl_lrs.stores.lrs.restore import LrsRestorer
from kubectl_lrs.stores.lrs.saved import INDEX_FILE, RAW_FILE, BackupSource
from tests.bed import images, loader, samples
from tests.bed.registry import Registry
from tests.builders import stored
from tests.builders.compare import essence
from tests.builders.fake_kube import FakeKube
from tests.builders.mongo_fixtures import App

Content = Mapping[str, object]
"""What there is of each thing, by the key of its step."""


class Bench(Protocol):
    """One store with a source in it. `replacing`: what replaces a thing that differs."""

    replacing: Existing

    def collector(self) -> Collector:
        """Its part of a backup."""

    def restorer(self, folder: SealedFolder, existing: Existing | None = None, stop: Cancel | None = None) -> Restorer:
        """Its part of a restore, a new object each time."""

    def rehearsal(self, folder: SealedFolder, stop: Cancel | None = None) -> Rehearsal:
        """Its part of a rehearsal."""

    def content(self) -> Content:
        """What is there now."""

    def take_away(self) -> None:
        """Nothing is there."""

    def alter(self, key: str) -> None:
        """Another thing has this name."""


class NoLrs:
    """A backup's part of LRS without any, for the stores that are tried without a cluster."""

    def collect(self, writer: FolderWriter, progress: Progress) -> Facts:  # noqa: ARG002
        """Empty."""
        for name in (RAW_FILE, INDEX_FILE):
            with writer.stream(name, compressed=True):
                pass
        return {
            "group": "lrs.datarobot.com",
            "version": "v1",
            "kind": "LRS",
            "plural": "lrs",
            "resourceVersion": "1",
            **dict.fromkeys(("objects", "bytes"), 0),
            "types": {},
            "namespaces": {},
            "skipped": [],
            "crd": None,
            "crdNote": "none",
        }


class _Connected:
    """A store of the table, by its options alone."""

    name: str
    level: str
    replacing = Existing.REPLACE
    kube: Any = FakeKube()
    """Of which a store asks nothing, unless its bench has a cluster."""

    def options(self, kind: type[Options], **other: Any) -> Options:
        """How it is reached."""
        raise NotImplementedError

    def collector(self) -> Collector:
        context = BackupContext(level=self.level, kube=self.kube, namespace="bench")
        return connect_module(self.name).collector(self.options(flags_module(self.name).BACKUP), context)

    def restorer(self, folder: SealedFolder, existing: Existing | None = None, stop: Cancel | None = None) -> Restorer:
        context = RestoreContext(folder=folder, kube=self.kube, namespace="bench", namespaces={}, stop=stop or Cancel())
        chosen = {"existing": existing} if existing else {}
        return connect_module(self.name).restorer(self.options(flags_module(self.name).RESTORE, **chosen), context)

    def rehearsal(self, folder: SealedFolder, stop: Cancel | None = None) -> Rehearsal:
        context = RestoreContext(folder=folder, kube=self.kube, namespace="bench", namespaces={}, stop=stop or Cancel())
        return connect_module(self.name).rehearsal(self.options(flags_module(self.name).REHEARSE), context)


class ToyBench(_Connected):
    """The toy."""

    name, level = "toy", "copy"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.write_text(json.dumps({f"text-{number}": "x" * number for number in range(5)}))

    def options(self, kind: type[Options], **other: Any) -> Options:
        return kind(**{"file": str(self._path), **other})

    def content(self) -> Content:
        return dict(json.loads(self._path.read_text()))

    def take_away(self) -> None:
        self._path.write_text("{}")

    def alter(self, key: str) -> None:
        self._path.write_text(json.dumps({**self.content(), key: "theirs"}))


class FilesBench(_Connected):
    """A file storage: a path, or a bucket."""

    name, level = "files", "copy"

    def __init__(self, ground: stored.Ground, directory: Path) -> None:
        self._ground = ground
        self._scratch = directory / "scratch"
        self._scratch.mkdir()
        ground.fill()

    def options(self, kind: type[Options], **other: Any) -> Options:
        if hasattr(kind, "scratch"):
            return kind(scratch=str(self._scratch))
        if hasattr(kind, "level"):
            other = {**other, "take_all": True}
        return kind(**{"url": self._ground.url, **other})

    def content(self) -> Content:
        return {**self._ground.content(), **{each.name: "left" for each in self._scratch.iterdir()}}

    def take_away(self) -> None:
        self._ground.empty()

    def alter(self, key: str) -> None:
        self._ground.fill({key: b"theirs"})


class ImagesBench(_Connected):
    """A registry with some images, one of them an index."""

    name, level = "images", "copy"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        made = {
            "one": images.image("base", "one"),
            "two": images.image("base", "two", kind="docker"),
            "all": images.index("base"),
        }
        for tag, image in made.items():
            images.push(registry, "apps/managed-image", tag, image)

    def options(self, kind: type[Options], **other: Any) -> Options:
        if hasattr(kind, "also"):
            other = {**other, "also": tuple(self.content())}
        return kind(**other)

    def content(self) -> Content:
        return {
            f"{self._registry.host}/{repository}:{tag}": digest
            for repository in self._registry.repositories()
            for tag, digest in self._registry.tags(repository).items()
        }

    def take_away(self) -> None:
        self._registry.destroy()

    def alter(self, key: str) -> None:
        repository, _, tag = key.partition("/")[2].rpartition(":")
        images.push(self._registry, repository, tag, images.image("theirs"))


class MongoBench(_Connected):
    """The application's database on a server that is no replica set."""

    name, level = "mongo", "minimum"
    replacing = Existing.DROP

    def __init__(self, app: App, kube: KubeClient) -> None:
        self._app = app
        self.kube = kube
        app.fill(5)

    def options(self, kind: type[Options], **other: Any) -> Options:
        if hasattr(kind, "existing"):
            other = {"database": self._app.name, "allow_running_app": True, **other}
        elif hasattr(kind, "consistency"):
            other = {"consistency": "none", **other}
        return kind(**{"uri": self._app.servers.uri(), **other})

    def content(self) -> Content:
        found = {name: self._app.content(name) for name in self._app.db.list_collection_names() if name in _COLLECTIONS}
        return {**found, **{name: "left" for name in self._app.client.list_database_names() if "rehearsal" in name}}

    def take_away(self) -> None:
        self._app.drop()

    def alter(self, key: str) -> None:
        self._app.db[key].drop()
        self._app.db[key].insert_one({"theirs": True})


_COLLECTIONS = ("custom_applications", "longrunningservices")
"""What the level `minimum` takes."""


class LrsBench:
    """LRS of a namespace."""

    replacing = Existing.REPLACE

    def __init__(self, plane: Any, crd: Any, namespace: str, directory: Path) -> None:
        self._plane, self._crd, self._namespace, self._directory = plane, crd, namespace, directory
        self._made = [samples.filler(number, crd.api_version, crd.kind, namespace) for number in range(5)]
        loader.create_many(plane, self._made)
        self._kube = KubeClient(load(KubeFlags(kubeconfig=str(plane.kubeconfig)), {}))
        self._resource = served(self._kube, "")

    def collector(self) -> Collector:
        return LrsCollector(self._kube, self._resource, Selection(namespace=self._namespace))

    def restorer(self, folder: SealedFolder, existing: Existing | None = None, stop: Cancel | None = None) -> Restorer:
        options = RestoreOptions(selection=Selection(namespace=self._namespace), existing=existing or Existing.SKIP)
        return LrsRestorer(
            BackupSource(folder),
            options,
            kube=self._kube,
            resource=self._resource,
            directory=self._directory,
            cluster="bench",
            stop=stop or Cancel(),
        )

    def rehearsal(self, folder: SealedFolder, stop: Cancel | None = None) -> Rehearsal:
        options = RestoreOptions(selection=Selection())
        return LrsTrial(BackupSource(folder), options, kube=self._kube, resource=self._resource, stop=stop or Cancel())

    def content(self) -> Content:
        live = loader.live(self._plane, self._crd.api_version, self._namespace)
        return {f"{self._namespace}/{each['metadata']['name']}": essence(each) for each in live}

    def take_away(self) -> None:
        loader.clear(self._plane, namespace=self._namespace)

    def alter(self, key: str) -> None:
        (original,) = (each for each in self._made if key == f"{self._namespace}/{each['metadata']['name']}")
        theirs = copy.deepcopy(original)
        theirs["spec"]["image"] = "registry.example.com/theirs"
        path = f"{loader.objects_path(self._crd.api_version, self._namespace)}/{theirs['metadata']['name']}"
        self._plane.api("DELETE", path)
        loader.wait_until(lambda: self._plane.api("GET", path)[0] == 404, f"{path} to be gone")
        loader.create_many(self._plane, [theirs])


# ---- the rows


def _toy(request: pytest.FixtureRequest, directory: Path) -> Bench:
    return ToyBench(directory / "toy.json")


def _files(request: pytest.FixtureRequest, directory: Path) -> Bench:
    return FilesBench(stored.mount(directory), directory)


def _images(request: pytest.FixtureRequest, directory: Path) -> Bench:
    registry = cast("Registry", request.getfixturevalue("registry"))
    registry.destroy()
    return ImagesBench(registry)


def _mongo(request: pytest.FixtureRequest, directory: Path) -> Bench:
    kube = KubeClient(load(KubeFlags(kubeconfig=str(request.getfixturevalue("plane").kubeconfig)), {}))
    return MongoBench(request.getfixturevalue("app_alone"), kube)


def _lrs(request: pytest.FixtureRequest, directory: Path) -> Bench:
    plane, crd, namespace = (request.getfixturevalue(name) for name in ("plane", "crd", "namespace"))
    return LrsBench(plane, crd, namespace, directory)


BENCHES: Mapping[str, Callable[[pytest.FixtureRequest, Path], Bench]] = {
    "toy": _toy,
    "files": _files,
    "images": _images,
    "mongo": _mongo,
    "lrs": _lrs,
}
"""The name in the catalog → its bench; LRS are the part `resources`."""
