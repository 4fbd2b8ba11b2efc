"""`check` of very many applications that all agree: their LRS, documents and files; and what is held of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bson

from benchmarks.measure import Row
from benchmarks.place import API_VERSION, KIND, NAMESPACE, Place
from tests.bed import loader, samples
from tests.bed.mongo import MongoServers

APPLICATIONS = 5_000
SECONDS, MEMORY = 20, 200
DATABASE = "MMApp"
BATCH = 1_000


def measure() -> Iterator[Row]:
    """Each application with an LRS of 3.6 kB, six documents, and two files: one that a document names, one of its id."""
    with Place.fresh() as place:
        loader.create_namespace(place.plane, NAMESPACE)
        loader.create_many(place.plane, map(_lrs, range(APPLICATIONS)), workers=16)
        with MongoServers.start(place.directory / "servers", members=1, replica_set="rs0") as servers:
            _documents(servers)
            _files(place)
            storage = str(place.directory / "storage")
            place.environment |= {"LRS_MONGO_URI": servers.uri(), "LRS_FILES_URL": storage}
            run = place.lrs("check", "-n", NAMESPACE, "--mongo", "-q")
    what = f"check of {APPLICATIONS:,} applications"
    yield Row(what=what, ours=run.wall, against="budget", theirs=SECONDS, budget=1)
    yield Row(what=f"{what}: processor time", ours=run.cpu, against="budget", theirs=SECONDS, budget=None)
    yield Row(what=f"{what}: peak memory", ours=run.peak, against="budget", theirs=MEMORY, budget=1, unit="MB")


def _id(number: int, of: int = 0) -> str:
    return f"66a{of:x}{number:04x}c0ffee00{number:08x}"


def _image(number: int) -> str:
    return f"registry.example.com/datarobot/custom-apps/managed-image:{_id(number)}"


def _path(number: int) -> str:
    return f"workspaces/app-{number}/app.py"


def _lrs(number: int) -> dict[str, Any]:
    made = samples.filler(number, API_VERSION, KIND, NAMESPACE)
    made["metadata"]["name"] = f"custom-app-{_id(number)}"
    made["metadata"]["labels"] = {"datarobot-lrs-type": samples.CUSTOM_APPLICATION}
    made["spec"] |= {"image": _image(number)}
    made["spec"]["env"] |= {"LRS_ID": _id(number), "APPLICATION_ID": _id(number)}
    return made


def _documents(servers: MongoServers) -> None:
    database = servers.client()[DATABASE]
    for start in range(0, APPLICATIONS, BATCH):
        made = [_of_one(number) for number in range(start, start + BATCH)]
        for name in made[0]:
            database[name].insert_many([each[name] for each in made])


def _of_one(number: int) -> dict[str, dict[str, Any]]:
    own, image, version = (bson.ObjectId(_id(number, of)) for of in range(3))
    return {
        "custom_applications": {"_id": own, "name": f"app {number}", "status": "running", "imageId": image},
        "longrunningservices": {"_id": own, "k8s": {"image": _image(number), "replicas": 1}},
        "custom_application_images": {"_id": image, "applicationId": own, "latest": version},
        "custom_application_image_versions": {"_id": version, "imageId": image, "applicationId": own, "uri": _image(number)},
        "execute_docker_images": {"_id": bson.ObjectId(_id(number, 3)), "applicationId": own},
        "workspace_items": {"_id": bson.ObjectId(_id(number, 4)), "applicationId": own, "filePath": _path(number)},
    }


def _files(place: Place) -> None:
    for number in range(APPLICATIONS):
        for path in (_path(number), f"kv/{_id(number)}/store.db"):
            file = place.directory / "storage" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"of one")
