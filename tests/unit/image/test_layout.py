"""An OCI layout in a folder: whole or not there, and nothing of it believed that its digest does not say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kubectl_lrs.image import base, build
from kubectl_lrs.image.layout import Layout, made
from kubectl_lrs.image.plugin import Installed, plugin
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.stores.images.registry.content import Manifest
from tests.builders import plugins


def _make(target: Path, home: Path) -> Layout:
    found = plugin(Installed(plugins.write_tree(home, plugins.tree())))
    with made(target) as layout:
        image = build.image(found, base.own(found, layout), layout)
        layout.finish(build.index({"amd64": image}, layout), "v1")
    return Layout(target)


def test_made_and_read(folder: Path) -> None:
    layout = _make(folder / "out", folder / "home")
    top, tree = layout.tree()
    assert tree.platforms == ["linux/amd64"]
    assert set(tree.manifests) | set(tree.blobs) == {f"sha256:{name}" for name in os.listdir(folder / "out/blobs/sha256")}
    assert json.loads((folder / "out/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((folder / "out/index.json").read_text())["manifests"]
    assert (entry["digest"], entry["annotations"]) == (top.digest, {"org.opencontainers.image.ref.name": "v1"})
    assert sorted(path.name for path in folder.iterdir()) == ["home", "out"]


def test_what_fails_leaves_nothing(folder: Path) -> None:
    with pytest.raises(LrsError, match="larger than"), made(folder / "out") as layout:
        layout._read(layout.blob(layout.add(b"x")), 0)
    with pytest.raises(LrsError, match="No space"), made(folder / "out"):
        raise OSError(28, "No space left on device")
    assert list(folder.iterdir()) == []


def test_what_is_there_is_not_touched(folder: Path) -> None:
    (folder / "file").write_text("mine")
    for target in (folder, folder / "file"):
        with pytest.raises(UsageError, match="not empty"), made(target):
            pass
    with pytest.raises(LrsError, match="no folder can be made"), made(folder / "file" / "below"):
        pass
    assert (folder / "file").read_text() == "mine"
    (folder / "empty").mkdir()
    with made(folder / "empty") as layout:
        layout.add(b"x")
    assert (folder / "empty" / "blobs").is_dir()


@pytest.mark.parametrize("which", range(4))
def test_a_byte_that_is_another_is_noticed(folder: Path, which: int) -> None:
    """In every blob and manifest that there is."""
    layout = _make(folder / "out", folder / "home")
    path = sorted((folder / "out/blobs/sha256").iterdir())[which]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DamageError, match="altered"):
        layout.tree()


def test_a_blob_that_is_not_there(folder: Path) -> None:
    layout = _make(folder / "out", folder / "home")
    path = sorted((folder / "out/blobs/sha256").iterdir())[0]
    path.unlink()
    with pytest.raises(UsageError, match="not there"):
        layout.tree()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="no file"):
        layout.tree()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"manifests": []}',
        '{"manifests": [{}, {}]}',
        '{"manifests": [{"mediaType": "x", "digest": "sha256:1"}]}',
    ],
)
def test_what_is_no_layout_of_one_image(folder: Path, text: str) -> None:
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(text)
    with pytest.raises(UsageError, match="not an OCI layout of one image"):
        Layout(folder).tree()


@pytest.mark.parametrize("data", [b"", b"[]", b"[" * 100_000, b'{"manifests": 1}', b'{"manifests": [{}]}', b"\xff"])
def test_a_manifest_that_is_none(folder: Path, data: bytes) -> None:
    with made(folder / "out") as layout:
        top = Manifest(data, layout.add(data), "application/vnd.oci.image.index.v1+json")
        layout.finish(top, "v1")
    with pytest.raises(DamageError, match="not an image"):
        Layout(folder / "out").tree()


def test_a_digest_that_leads_elsewhere(folder: Path) -> None:
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    entry = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:../../../etc/passwd"}
    (folder / "index.json").write_text(json.dumps({"manifests": [entry]}))
    with pytest.raises(DamageError, match="no digest"):
        Layout(folder).tree()
