"""Images that Mongo documents name: found, copied, restored; and never rewritten there."""

from __future__ import annotations

import json

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd


def test_images_of_documents(registry: Registry, app_alone: App, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    host = registry.host
    made = {
        f"{host}/datarobot/custom-apps/managed-image:one": images.image("base", "one"),
        f"{host}/datarobot/custom-apps/managed-image:stopped": images.image("base", "stopped"),
        f"{host}/somewhere/original:2.0": images.index("base", "original"),
    }
    for name, image in made.items():
        images.push(registry, *imagery.repository_of(name), image)
    one, stopped, original = made
    loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, 1, one)])
    app_alone.fill(3)
    app_alone.db.custom_applications.insert_one({"_id": "app-1", "source": {"imageUri": original}, "name": "managed-image"})
    app_alone.db.longrunningservices.insert_many(
        [{"_id": "lrs-1", "spec": {"image": one}}, {"_id": "lrs-2", "containers": [{"run": stopped}]}]
    )
    app_alone.db.custom_applications.insert_one({"_id": "app-2", "repository": f"{host}/datarobot/managed-image", "tag": "x"})
    before = app_alone.everything()
    done = cli.run("backup", "-n", namespace, "--profile", "minimum", "--name", "saved", env=app_alone.environment)
    assert done.returncode == 0, done.stderr
    assert "1 strings may name images and cannot be decided" in done.stderr
    document = json.loads((cli.directory / "saved/images.json").read_text())
    found = {
        each["reference"]: {(p["store"], p["id"], p["field"], p["why"]) for p in each["found"]} for each in document["images"]
    }
    assert found.keys() == made.keys()
    assert ("longrunningservices", "lrs-1", "spec.image", "an LRS uses it too") in found[one]
    assert found[stopped] == {("longrunningservices", "lrs-2", "containers[0].run", "a repository of the product")}
    assert found[original] == {("custom_applications", "app-1", "source.imageUri", "a registry that an LRS uses")}
    assert [(each["id"], each["field"], each["why"]) for each in document["undecided"]] == [
        ("app-2", "repository", "it names no tag")
    ]
    registry.destroy()
    app_alone.drop()
    plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    loader.wait_until(lambda: not loader.live(plane, crd.api_version, namespace), "the LRS to be gone")
    maps = ("--map-registry", f"{host}={host}/moved")
    moved = cli.run("restore", "saved", *maps, env=app_alone.environment)
    assert moved.returncode == 3, moved.stderr
    assert "4 strings still name a registry that is mapped" in moved.stderr
    names = [name for name in before if name in ("custom_applications", "longrunningservices")]
    after = app_alone.everything()
    assert {name: after[name][3] for name in names} == {name: before[name][3] for name in names}, "byte for byte"
    for name, image in made.items():
        repository, tag = imagery.repository_of(name)
        assert registry.tags(f"moved/{repository}")[tag] == image.digest
    (live,) = loader.live(plane, crd.api_version, namespace)
    assert live["spec"]["image"] == f"{host}/moved/datarobot/custom-apps/managed-image:one"
    again = cli.run("restore", "saved", *maps, "--accept-unmapped", env=app_alone.environment)
    assert again.returncode == 0, again.stderr
