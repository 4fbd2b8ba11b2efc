"""A whole installation in small: applications over all five stores, deployments, Spark sessions. What is in it is invented.

Three custom applications (two run, one is stopped), each with its documents, image, files and LRS; three deployments,
two of them active, each of those with an LRS; two Spark sessions; the application's own Deployment and its keys.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import DataRobot, Deployment, identifier
from tests.bed.mongo import MongoServers
from tests.bed.operator import deploy_operator, deployments_path
from tests.bed.registry import Registry
from tests.builders.mongo_fixtures import dropped, wait_until_alone
from tests.conftest import Crd

TOKEN = "a-token-of-the-world"
ORGANISATION = "org-one"
REPOSITORY = "datarobot/custom-apps/managed-image"
PRODUCT = ("mmapp-app", "mmapp-worker")
"""The Deployments of the application itself."""

COLLECTIONS = (
    "custom_applications",
    "longrunningservices",
    "custom_application_images",
    "custom_application_image_versions",
    "execute_docker_images",
    "workspace_items",
)
_RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)
_numbers = itertools.count(1)

Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class App:
    """A custom application. `number` makes its ids."""

    number: int
    name: str
    status: str = "running"

    @property
    def id(self) -> str:
        """Of the application, its LRS document and its LRS."""
        return f"66a0{self.number:04x}c0ffee0000000{self.number:03x}"

    @property
    def lrs(self) -> str:
        """The name of its LRS."""
        return f"custom-app-{self.id}"

    @property
    def files(self) -> dict[str, bytes]:
        """Its sources, which a document names, and what its users stored, whose path has its id."""
        source = f"workspaces/{self.name}/app.py"
        return {source: f"print({self.name!r})\n".encode(), f"kv/{self.id}/store.db": self.id.encode() * 300}


APPS = (
    App(number=1, name="sales-explorer"),
    App(number=2, name="churn-whatif"),
    App(number=3, name="archive", status="stopped"),
)
MODELS = {"churn-eu": "active", "fraud": "active", "pricing": "inactive"}


@dataclass
class World:
    """The stores and what is in them. `uri_file`, `files_url`, `environment`: how the product is told of them."""

    plane: ControlPlane
    crd: Crd
    namespace: str
    mongo: MongoServers
    registry: Registry
    root: Path
    api: DataRobot
    database: str
    uri_file: Path
    pushed: dict[str, images.Image] = field(default_factory=dict)
    serving: dict[str, Manifest] = field(default_factory=dict)
    _client: MongoClient[Manifest] | None = None

    @property
    def files_url(self) -> str:
        """The file storage: a mounted path."""
        return f"file://{self.root}"

    @property
    def environment(self) -> dict[str, str]:
        """What an administrator would export once."""
        return {
            "LRS_MONGO_URI": self.mongo.uri(),
            "LRS_FILES_URL": self.files_url,
            "LRS_DATAROBOT_URL": self.api.url,
            "LRS_DATAROBOT_API_TOKEN": TOKEN,
        }

    @property
    def db(self) -> Any:
        """The application's database."""
        if self._client is None:
            self._client = MongoClient(self.mongo.uri(), w="majority")
        return self._client[self.database]

    def disconnect(self) -> None:
        """The application's connections to its database end; the next use makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
            wait_until_alone(self.mongo)

    # ---- what it is made of

    def build(self) -> None:
        """Everything."""
        self.mend()
        self.api.on_change = self._follow

    def mend(self) -> None:
        """Whatever was broken is as it must be, and nothing else is there."""
        self.install()
        self.set_keys("first")
        for app in APPS:
            self._push(app)
            self._store(app)
            self._write_documents(app)
            self.api.add_application(app.id, ORGANISATION, app.name, app.status)
        wanted = [self.lrs_of(app) for app in APPS if app.status == "running"]
        wanted += [self._spark(number) for number in range(2)]
        for number, (label, status) in enumerate(MODELS.items()):
            made = self.api.add(number, ORGANISATION, id=identifier(900 + number), label=label, settled=status)
            self.serving[made.id] = self._model(made)
            wanted += [self.serving[made.id]] if status == "active" else []
        there = {each["metadata"]["name"] for each in loader.live(self.plane, self.crd.api_version, self.namespace)}
        for name in there - {each["metadata"]["name"] for each in wanted}:
            self.delete_lrs(name)
        loader.create_many(self.plane, [each for each in wanted if each["metadata"]["name"] not in there])

    def install(self) -> None:
        """What Helm brings: the CRD, the namespace, the Deployments of the application."""
        if self.plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 404:
            loader.install_crd(self.plane, self.crd.path)
        if self.plane.api("GET", f"/api/v1/namespaces/{self.namespace}")[0] == 404:
            loader.create_namespace(self.plane, self.namespace)
        self.deploy_product()

    def deploy_product(self) -> None:
        """The Deployments of the application itself."""
        for name in PRODUCT:
            if self.plane.api("GET", f"{deployments_path(self.namespace)}/{name}")[0] == 404:
                deploy_operator(self.plane, self.namespace, name=name, image=f"registry.example.com/{name}:1.0")

    def _follow(self, deployment: Deployment) -> None:
        """What the application does when a deployment changes: its LRS comes or goes."""
        made = self.serving.get(deployment.id)
        change = deployment.change
        if made is None or change is None:
            return
        if change.result == "active":
            self.plane.api("POST", loader.objects_path(self.crd.api_version, self.namespace), made)
        else:  # it is inactive when its LRS is gone, not before
            self.delete_lrs(made["metadata"]["name"])
            path = f"{loader.objects_path(self.crd.api_version, self.namespace)}/{made['metadata']['name']}"
            loader.wait_until(lambda: self.plane.api("GET", path)[0] == 404, f"{path} to be gone")

    def image_of(self, app: App) -> str:
        """The reference of its image."""
        return f"{self.registry.host}/{REPOSITORY}:{app.name}"

    def lrs_of(self, app: App) -> Manifest:
        """Its LRS."""
        reference = self.image_of(app)
        spec = {
            "image": reference,
            "replicas": 1,
            "env": {"APPLICATION_ID": app.id},
            "template": {"containers": [{"name": "main", "image": reference}]},
        }
        return self._lrs(app.lrs, "custom_application", spec)

    def _model(self, deployment: Deployment) -> Manifest:
        reference = f"{self.registry.host}/{REPOSITORY}:{APPS[0].name}"
        spec = {"image": reference, "env": {"DEPLOYMENT_ID": deployment.id}}
        return self._lrs(f"model-{deployment.label}", "deployment", spec)

    def _spark(self, number: int) -> Manifest:
        return self._lrs(f"spark-{number}", "spark_app", {"image": self.image_of(APPS[0])})

    def _lrs(self, name: str, kind: str, spec: Manifest) -> Manifest:
        return {
            "apiVersion": self.crd.api_version,
            "kind": self.crd.kind,
            "metadata": {"name": name, "namespace": self.namespace, "labels": {"datarobot-lrs-type": kind}},
            "spec": spec,
        }

    def _push(self, app: App) -> None:
        made = images.image("base", app.name)
        images.push(self.registry, REPOSITORY, app.name, made)
        self.pushed[app.name] = made

    def _store(self, app: App) -> None:
        for path, data in app.files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def _write_documents(self, app: App) -> None:
        """Field names are invented; the ids are what holds them together."""
        own, reference = bson.ObjectId(app.id), self.image_of(app)
        image, version = bson.ObjectId(f"66a1{app.id[4:]}"), bson.ObjectId(f"66a2{app.id[4:]}")
        for name, document in {
            "custom_applications": {"_id": own, "name": app.name, "status": app.status, "imageId": image},
            "longrunningservices": {"_id": own, "k8s": {"image": reference, "replicas": 1}},
            "custom_application_images": {"_id": image, "applicationId": own, "latest": version},
            "custom_application_image_versions": {"_id": version, "imageId": image, "applicationId": own, "uri": reference},
            "execute_docker_images": {"_id": bson.ObjectId(f"66a3{app.id[4:]}"), "applicationId": own, "n": bson.Int64(1 << 60)},
            "workspace_items": {
                "_id": bson.ObjectId(f"66a4{app.id[4:]}"),
                "applicationId": own,
                "filePath": f"workspaces/{app.name}/app.py",
            },
        }.items():
            self.db[name].replace_one({"_id": document["_id"]}, document, upsert=True)

    def reopen(self) -> None:
        """What was taken away as a whole is there again: the registry, the file storage."""
        self.registry.stop()
        self.registry.start()
        away = self.root.with_suffix(".away")
        if away.exists():
            away.rename(self.root)

    def set_keys(self, word: str) -> None:
        """The keys that parts of the data are encrypted with."""
        data = {name: base64.b64encode(f"{word} {name}".encode()).decode() for name in ("asymmetrickey", "drsecurekey")}
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        self.plane.api("DELETE", f"{path}/core-credentials")
        status, answer = self.plane.api("POST", path, {"metadata": {"name": "core-credentials"}, "data": data})
        assert status == 201, answer

    # ---- one thing less

    def delete_lrs(self, name: str) -> None:
        """An LRS is gone."""
        self.plane.api("DELETE", f"{loader.objects_path(self.crd.api_version, self.namespace)}/{name}")

    def delete_image(self, app: App) -> None:
        """The registry no longer has an image; its layers stay."""
        path = f"/v2/{REPOSITORY}/manifests/{self.pushed[app.name].digest}"
        assert self.registry.call("DELETE", path)[0] == 202

    # ---- everything gone

    def destroy(self) -> None:
        """The disaster: namespace, CRD, database, registry and file storage."""
        self.empty()
        loader.delete_namespace(self.plane, self.namespace)
        loader.delete_crd(self.plane)

    def empty(self) -> None:
        """A smaller one: nothing is left in any store, but the stores themselves, the namespace and the CRD are there."""
        loader.clear(self.plane, namespace=self.namespace)
        dropped(self.db.client, self.database)
        self.registry.destroy()
        for entry in self.root.iterdir():
            shutil.rmtree(entry)

    def move(self, plane: ControlPlane, mongo: MongoServers, root: Path) -> None:
        """The installation is to be in another cluster, with stores of its own, which are empty."""
        root.mkdir()
        self.plane, self.mongo, self.root = plane, mongo, root
        self.disconnect()
        self.registry.destroy()

    # ---- what there is, to be compared

    def content(self) -> dict[str, Any]:
        """All that a complete backup must bring back, Spark sessions aside."""
        return {
            "lrs": self._live_lrs(),
            "mongo": {name: self._documents(name) for name in self.db.list_collection_names()},
            "images": {name: self.registry.tags(name) for name in self.registry.repositories()},
            "files": {path: hashlib.sha256(data).hexdigest() for path, data in _files(self.root)},
        }

    def _live_lrs(self) -> dict[str, Manifest]:
        found = {}
        if self.plane.api("GET", f"/apis/{self.crd.api_version}")[0] == 404:
            return {}
        for each in loader.live(self.plane, self.crd.api_version, self.namespace):
            metadata = each["metadata"]
            if metadata["labels"]["datarobot-lrs-type"] != "spark_app":
                found[metadata["name"]] = {"labels": metadata["labels"], "spec": copy.deepcopy(each["spec"])}
        return found

    def _documents(self, name: str) -> list[bytes]:
        return sorted(bytes(each.raw) for each in self.db.get_collection(name, codec_options=_RAW).find())


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            yield str(path.relative_to(root)), path.read_bytes()


@contextmanager
def made(
    plane: ControlPlane, crd: Crd, namespace: str, mongo: MongoServers, registry: Registry, directory: Path
) -> Iterator[World]:
    """A world, built. Database, repositories and folder are of its own; the namespace must be there."""
    root = directory / "gluster"
    root.mkdir()
    uri_file = directory / "mongo-uri"
    uri_file.touch(mode=0o600)
    uri_file.write_text(mongo.uri() + "\n")
    with MongoClient[Manifest](mongo.uri()) as client:
        for name in client.list_database_names():
            if name not in ("admin", "config", "local"):
                dropped(client, name)
    registry.destroy()
    with DataRobot({TOKEN: ORGANISATION}) as api:
        world = World(
            plane=plane,
            crd=crd,
            namespace=namespace,
            mongo=mongo,
            registry=registry,
            root=root,
            api=api,
            database=f"MMApp{next(_numbers)}",
            uri_file=uri_file,
        )
        world.build()
        try:
            yield world
        finally:
            world.disconnect()


@contextmanager
def standing(
    plane: ControlPlane, crd: Crd, namespace: str, mongo: MongoServers, registry: Registry, directory: Path
) -> Iterator[World]:
    """A world in a namespace that is made for it, and goes with it."""
    loader.create_namespace(plane, namespace)
    with made(plane, crd, namespace, mongo, registry, directory) as world:
        yield world
    loader.clear(plane, namespace=namespace)
    loader.delete_namespace(plane, namespace, wait=False)


def environment(world: World, **other: str) -> Mapping[str, str]:
    """The world's, with something of it otherwise; an empty value leaves it out."""
    return {name: value for name, value in {**world.environment, **other}.items() if value}
