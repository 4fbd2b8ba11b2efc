"""Images: backed up, the registry destroyed, restored; through the real command line and a real registry."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.conftest import Cli, Crd

OLD_SKOPEO_PASSES_OVER = (images.TYPES["docker"]["manifest"], images.TYPES["docker"]["index"])
"""Its older versions find images in Docker's words in no layout, whoever wrote it; the newer ones do."""


@pytest.fixture
def made(registry: Registry, plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, images.Image]:
    """The registry holds four images, and each is named by an LRS."""
    registry.destroy()
    found = imagery.standard(registry)
    loader.create_many(
        plane, [imagery.lrs(crd.api_version, crd.kind, namespace, number, name) for number, name in enumerate(found)]
    )
    return found


def test_drill(registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str) -> None:
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    cli.ok("verify", "saved")
    registry.destroy()
    assert registry.repositories() == []
    shown = cli.ok("restore", "saved")
    assert "4 created" in shown
    for name, image in made.items():
        repository, tag = imagery.repository_of(name)
        assert registry.tags(repository)[tag] == image.digest
        images.held(registry, repository, image)
    again = cli.ok("restore", "saved", "-o", "json")
    assert {each["result"] for each in json.loads(again)["outcomes"]} == {"unchanged"}


def test_layout_is_what_the_specification_says(
    registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str
) -> None:
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    top = cli.directory / "saved" / "images"
    assert json.loads((top / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    named = {
        each["annotations"]["org.opencontainers.image.ref.name"]: (each["mediaType"], each["digest"], each["size"])
        for each in json.loads((top / "index.json").read_text())["manifests"]
    }
    assert named == {
        name: (image.manifests[image.digest][0], image.digest, len(image.manifests[image.digest][1]))
        for name, image in made.items()
    }
    assert imagery.blobs_in(cli.directory / "saved") == imagery.digests_of(list(made.values())), "each once, and nothing else"
    for path in (top / "blobs/sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=cli.directory / "saved", check=False).returncode == 0


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed; the layout is checked by the test before")
def test_layout_is_read_by_skopeo(
    registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str, tmp_path: Path
) -> None:
    cli.ok("backup", "-n", namespace, "--images", "copy", "--name", "saved")
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    for name, image in made.items():
        repository, tag = imagery.repository_of(name)
        target = f"docker://{registry.host}/by-skopeo/{repository}:{tag}"
        command = ["skopeo", "--policy", policy, "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false"]
        done = subprocess.run(
            [*command, f"oci:{cli.directory}/saved/images:{name}", target], capture_output=True, text=True, check=False
        )
        if image.manifests[image.digest][0] in OLD_SKOPEO_PASSES_OVER and "no descriptor found" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        assert registry.tags(f"by-skopeo/{repository}")[tag] == image.digest
        images.held(registry, f"by-skopeo/{repository}", image)


def test_inventory(registry: Registry, made: dict[str, images.Image], cli: Cli, namespace: str) -> None:
    cli.ok("backup", "-n", namespace, "--images", "inventory", "--name", "listed")
    folder = cli.directory / "listed"
    assert not (folder / "images").exists()
    listed = {each["reference"]: each for each in json.loads((folder / "images.json").read_text())["images"]}
    assert listed.keys() == made.keys()
    for name, image in made.items():
        entry = listed[name]
        assert (entry["state"], entry["digest"]) == ("recorded", image.digest)
        sizes = [len(data) for _, data in image.manifests.values()] + [len(data) for data in image.blobs.values()]
        assert entry["bytes"] == sum(sizes)
        assert entry["platforms"] == (["linux/amd64", "linux/arm64"] if len(image.manifests) == 3 else [])
        assert {(each["store"], each["field"], each["why"]) for each in entry["found"]} == {
            ("lrs", "spec.image", "the field is called image"),
            ("lrs", "spec.template.containers[0].image", "the image of a container"),
        }
    registry.destroy()
    done = cli.run("restore", "listed", "-o", "json")
    assert "4 images cannot be pushed" in done.stderr
    assert {each["result"] for each in json.loads(done.stdout)["outcomes"] if each["tier"] == "images"} == {"skipped"}
    assert registry.repositories() == []
