"""The image: who runs what in it, and what stands on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.image import build
from kubectl_lrs.image.base import LAYER, Base, own
from kubectl_lrs.image.layer import Layer
from kubectl_lrs.image.layout import Layout, made
from kubectl_lrs.image.plugin import Installed, Plugin, plugin
from kubectl_lrs.stores.images.registry.content import Manifest
from tests.builders import plugins


def _plugin(folder: Path) -> Plugin:
    return plugin(Installed(plugins.write_tree(folder / "home", plugins.tree())))


def _config(layout: Layout, image: Manifest) -> dict[str, Any]:
    digest = json.loads(image.data)["config"]["digest"]
    found: dict[str, Any] = json.loads(layout.blob(digest).read_bytes())
    return found


def test_the_image_of_a_plugin(folder: Path) -> None:
    found = _plugin(folder)
    with made(None) as layout:
        below = own(found, layout)
        image = build.image(found, below, layout)
        config, manifest = _config(layout, image), json.loads(image.data)
        assert layout.folder.exists()
    assert not layout.folder.exists()
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"]["Entrypoint"] == ["/usr/bin/kubectl-lrs"]
    assert config["config"]["User"] == "65532:65532"
    assert not {"Cmd", "Volumes", "ExposedPorts"} & set(config["config"])
    labels = config["config"]["Labels"]
    assert labels == manifest["annotations"]
    assert labels["org.opencontainers.image.version"] == __version__
    assert all(name.startswith("org.opencontainers.image.") for name in labels)
    assert manifest["layers"][0]["digest"] == below.layers[0].digest
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 2


def test_the_entry_point_needs_no_shell(folder: Path) -> None:
    first = next(build.files(_plugin(folder)))
    assert (first.name, first.is_program) == ("usr/bin/kubectl-lrs", True)
    assert first.data.splitlines()[0] == b"#!/usr/lib/kubectl-lrs/bin/python3.14 -ISB"
    compile(first.data, "entry", "exec")
    assert [file.name for file in build.files(_plugin(folder))][1:] == sorted(
        f"usr/lib/kubectl-lrs/{file.name}" for file in _plugin(folder).files()
    )


def test_on_another_image(folder: Path) -> None:
    layers = (Layer(LAYER, "sha256:" + "1" * 64, 5, "sha256:" + "2" * 64),)
    below = Base(layers=layers, environment=("PATH=/opt/bin", "MORE=a=b"), name="r.example.com/b:1", digest="sha256:" + "3" * 64)
    with made(None) as layout:
        image = build.image(_plugin(folder), below, layout)
        config = _config(layout, image)
    assert config["config"]["Env"] == ["PATH=/opt/bin", "LANG=C.UTF-8", "MORE=a=b"]
    assert config["config"]["Labels"]["org.opencontainers.image.base.digest"] == below.digest
    assert config["rootfs"]["diff_ids"][0] == layers[0].diff_id


def test_the_index_is_sorted() -> None:
    one = Manifest(b"1", "sha256:" + "1" * 64, "application/vnd.oci.image.manifest.v1+json")
    with made(None) as layout:
        made_one = build.index({"arm64": one, "amd64": one}, layout)
    entries = json.loads(made_one.data)["manifests"]
    assert [each["platform"] for each in entries] == [{"os": "linux", "architecture": name} for name in ("amd64", "arm64")]
