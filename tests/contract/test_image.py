"""`image` against a real registry: what is pushed comes back byte for byte, twice sends nothing, and no tag is moved unasked."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs import __version__, cli
from kubectl_lrs.image import base, build, layout, push
from kubectl_lrs.render import image as rendered
from kubectl_lrs.render import output
from kubectl_lrs.stores.images.registry.content import Manifest
from kubectl_lrs.usecases import image as usecase
from tests.bed import images, loader
from tests.bed.front import Front, Trouble
from tests.bed.registry import Registry
from tests.builders import documents, plugins

REPOSITORY = "tools/kubectl-lrs"
LINUX = {"os": "linux", "architecture": "amd64"}


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    with Front(registry) as running:
        yield running


@pytest.fixture
def archives(folder: Path) -> list[str]:
    """The flags that name them."""
    return plugins.both(folder)


def ask(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> dict[str, Any]:
    """One call; its document."""
    capsys.readouterr()
    output.forget()
    found = cli.run(["image", *words, "-o", "json"])
    told = capsys.readouterr()
    assert found == status, told.err
    return documents.check(told.out)


def held(registry: Registry, repository: str, digest: str) -> set[str]:
    """Every part of an image, fetched by a client that is not ours, each held against its digest: their digests."""
    accept = {"Accept": ", ".join(each for kind in images.TYPES.values() for each in (kind["manifest"], kind["index"]))}
    status, _, data = registry.call("GET", f"/v2/{repository}/manifests/{digest}", None, accept)
    assert (status, images.digest(data)) == (200, digest)
    document = json.loads(data)
    found = {digest}
    for each in document.get("manifests", ()):
        found |= held(registry, repository, each["digest"])
    for each in [*([document["config"]] if "config" in document else []), *document.get("layers", ())]:
        status, _, blob = registry.call("GET", f"/v2/{repository}/blobs/{each['digest']}")
        assert (status, images.digest(blob), len(blob)) == (200, each["digest"], each["size"])
        found.add(each["digest"])
    return found


def test_its_parts_are_what_is_tested_here() -> None:
    assert all(module.__doc__ for module in (base, push, rendered, usecase))


def test_pushed_pulled_and_pushed_again(
    registry: Registry, front: Front, archives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = ask(capsys, *archives, "--push", f"{registry.host}/{REPOSITORY}")
    assert [each["platform"] for each in first["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert first["pushed"]["result"] == "created"
    assert registry.tags(REPOSITORY) == {f"v{__version__}": first["digest"]}
    parts = held(registry, REPOSITORY, first["digest"])
    assert (len(parts), first["pushed"]["sent"], first["pushed"]["there"]) == (9, 9, 0)
    again = ask(capsys, *archives, "--push", f"{front.host}/{REPOSITORY}")
    assert again["digest"] == first["digest"]
    assert [again["pushed"][name] for name in ("result", "sent", "there", "sentBytes")] == ["unchanged", 0, 9, 0]
    assert {request.method for request in front.log} == {"GET", "HEAD"}, "nothing is sent"


def test_the_same_bytes_each_time(
    archives: list[str], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ask(capsys, *archives, "--layout", str(folder / "one"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("TMPDIR", str(folder))
    before = os.umask(0o077)
    try:
        other = ask(capsys, *archives[2:], *archives[:2], "--layout", str(folder / "other"))
    finally:
        os.umask(before)
    assert (one["digest"], one["platforms"]) == (other["digest"], other["platforms"])

    def files(name: str) -> dict[str, bytes]:
        top = folder / name
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}

    assert files("one") == files("other")


def test_carried_over_as_a_layout(
    registry: Registry, archives: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ask(capsys, *archives, "--layout", str(folder / "out"))
    assert made["pushed"] is None
    pushed = ask(capsys, "--from", str(folder / "out"), "--push", f"{registry.host}/carried/it:v1")
    assert pushed["digest"] == made["digest"] == registry.tags("carried/it")["v1"]
    assert len(held(registry, "carried/it", made["digest"])) == 9
    blob = max((folder / "out/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    found = ask(capsys, "--from", str(folder / "out"), "--push", f"{registry.host}/damaged/it:v1", status=4)
    assert "altered" in found["message"]
    assert "damaged/it" not in registry.repositories()


@pytest.mark.parametrize(("which", "said"), [("others", "not the image of this plugin"), ("older", "its version is 0.0.9")])
def test_a_layout_of_another_image_or_version_is_not_pushed_as_this_one(
    registry: Registry, folder: Path, capsys: pytest.CaptureFixture[str], which: str, said: str
) -> None:
    annotations = {build.TITLE: "kubectl-lrs", build.VERSION: "0.0.9"} if which == "older" else ["kubectl-lrs"]
    kind = images.TYPES["oci"]["index"]
    data = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [], "annotations": annotations}).encode()
    with layout.made(folder / "out") as made:
        made.finish(Manifest(data, made.add(data), kind), "v1")
    assert said in ask(capsys, "--from", str(folder / "out"), "--push", f"{registry.host}/{which}", status=2)["message"]
    assert which not in registry.repositories()


def test_one_platform_alone(registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    made = ask(capsys, *archives, "--platform", "linux/arm64", "--push", f"{registry.host}/arm:v1")
    assert [each["platform"] for each in made["platforms"]] == ["linux/arm64"]
    lacking = ask(capsys, *archives[:2], "--platform", "linux/arm64", "--push", f"{registry.host}/arm:v2", status=2)
    assert "not for linux/arm64" in lacking["message"]
    twice = ask(capsys, *archives[:2], *archives[:2], "--push", f"{registry.host}/arm:v2", status=2)
    assert "another archive for amd64" in twice["message"]
    assert set(registry.tags("arm")) == {"v1"}


def test_a_tag_of_another_image_is_moved_only_when_told(
    registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    others = images.push(registry, "mine", "v1", images.image("a"))
    words = [*archives, "--push", f"{registry.host}/mine:v1"]
    assert f"names another image, {others}" in ask(capsys, *words, status=1)["message"]
    assert registry.tags("mine") == {"v1": others}
    moved = ask(capsys, *words, "--replace")
    assert moved["pushed"]["result"] == "replaced"
    assert registry.tags("mine") == {"v1": moved["digest"]}


def test_a_tag_that_is_moved_meanwhile_is_left(
    registry: Registry, front: Front, archives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    others = images.image("b")
    kind, data = others.manifests[others.digest]
    front.troubles.append(Trouble("GET .*/manifests/v1", 9, 200, {"Content-Type": kind}, body=data, skip=1))
    found = ask(capsys, *archives, "--push", f"{front.host}/meanwhile:v1", "--replace", status=1)
    assert f"it has become {others.digest} meanwhile" in found["message"]
    assert registry.tags("meanwhile") == {}


def test_a_tag_that_is_another_afterwards(
    registry: Registry, front: Front, archives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    others = images.image("c")
    kind, data = others.manifests[others.digest]
    front.troubles.append(Trouble("GET .*/manifests/v1", 9, 200, {"Content-Type": kind}, body=data, skip=2))
    found = ask(capsys, *archives, "--push", f"{front.host}/altered:v1", status=1)
    assert f"has {others.digest} under this tag" in found["message"]


def test_a_blob_that_is_taken_and_not_there(
    registry: Registry, front: Front, archives: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = b'{"errors": [{"code": "BLOB_UNKNOWN"}]}'
    front.troubles.append(Trouble("(GET|HEAD) .*/blobs/", 99, 404, body=said))
    found = ask(capsys, *archives, "--push", f"{front.host}/lost:v1", status=1)
    assert "took it and does not have it" in found["message"]
    assert registry.tags("lost") == {}


@pytest.mark.parametrize(("answer", "status"), [(401, 5), (403, 5), (405, 1), (413, 1), (503, 5)])
def test_a_registry_that_refuses(
    registry: Registry, front: Front, archives: list[str], capsys: pytest.CaptureFixture[str], answer: int, status: int
) -> None:
    front.troubles.append(Trouble("POST .*/blobs/uploads/", 99, answer, {"Retry-After": "0"}, body=b"{}"))
    found = ask(capsys, *archives, "--push", f"{front.host}/refused:v1", status=status)
    assert f"{front.host}/refused" in found["message"]
    assert f"HTTP {answer}" in found["message"]
    assert registry.tags("refused") == {}


def test_where_nobody_answers(archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, *archives, "--push", "127.0.0.1:1/a:v1", status=5)
    assert "127.0.0.1:1" in found["message"]


def test_told_to_end_in_mid_push(front: Front, registry: Registry, archives: list[str], folder: Path) -> None:
    """No tag, and nothing left on the disk."""
    held_up = Trouble("PUT .*/blobs/uploads/", 1, 201, held=threading.Event())
    front.troubles.append(held_up)
    (folder / "tmp").mkdir()
    command = [sys.executable, "-m", "kubectl_lrs", "image", *archives, "--push", f"{front.host}/ended:v1"]
    environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as process:
        assert held_up.seen.wait(loader.PATIENCE)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=loader.PATIENCE)
    assert held_up.held
    held_up.held.set()
    assert (process.returncode, registry.tags("ended")) == (130, {}), said
    assert list((folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing says where the image is to go"),
        (("--push", "tools/kubectl-lrs:v1"), "names no registry"),
        (("--push", "127.0.0.1:1/A:v1"), "not the name of an image"),
        (("--push", f"127.0.0.1:1/a@sha256:{'0' * 64}"), "not to a digest"),
        (("--push", "127.0.0.1:1/a:v1"), "no Python of its own"),
        (("--layout", "out"), "no Python of its own"),
        (("--from", ".", "--push", "127.0.0.1:1/a:v1"), "no file"),
        (("--from", ".",), "nothing says where"),
    ],
)  # fmt: skip
def test_calls_that_cannot_be(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert said in ask(capsys, *words, status=2)["message"]
    assert not (folder.parent / "out").exists()


# ---- on another image


def _layer(name: str) -> bytes:
    return plugins.tar_of({name: b"\x7fELF"})


def _base(*layers: bytes, architecture: str = "amd64", into: images.Image | None = None) -> images.Image:
    """An image of layers that are given."""
    made = into or images.Image()
    kinds = images.TYPES["docker"]
    entries = [{"mediaType": kinds["layer"], "digest": made.add_blob(each), "size": len(each)} for each in layers]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["SSL_CERT_FILE=/etc/own.pem"], "Entrypoint": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": [images.digest(gzip.decompress(each)) for each in layers]},
    }
    packed = json.dumps(config).encode()
    described = {"mediaType": kinds["config"], "digest": made.add_blob(packed), "size": len(packed)}
    manifest = {"schemaVersion": 2, "mediaType": kinds["manifest"], "config": described, "layers": entries}
    data = json.dumps(manifest).encode()
    made.manifests[images.digest(data)] = (kinds["manifest"], data)
    return made


def test_on_an_image_of_a_registry(registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    layers = [_layer("etc/a"), _layer("lib64/ld-linux-x86-64.so.2")]
    digest = images.push(registry, "base", "v1", _base(*layers))
    words = [*archives[:2], "--base", f"{registry.host}/base:v1", "--push", f"{registry.host}/onbase:v1"]
    made = ask(capsys, *words)
    assert ask(capsys, *words)["pushed"]["sent"] == 0, "the same each time"
    held(registry, "onbase", made["digest"])
    (platform,) = made["platforms"]
    _, _, data = registry.call(
        "GET", f"/v2/onbase/manifests/{platform['digest']}", None, {"Accept": images.TYPES["oci"]["manifest"]}
    )
    manifest = json.loads(data)
    assert [each["digest"] for each in manifest["layers"]][:2] == [images.digest(each) for each in layers]
    assert {each["mediaType"] for each in manifest["layers"]} == {images.TYPES["oci"]["layer"]}
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == digest
    _, _, config = registry.call("GET", f"/v2/onbase/blobs/{manifest['config']['digest']}")
    said = json.loads(config)
    assert "SSL_CERT_FILE=/etc/own.pem" in said["config"]["Env"]
    assert said["config"]["Entrypoint"] == ["/usr/bin/kubectl-lrs"]
    assert len(said["rootfs"]["diff_ids"]) == 3


@pytest.mark.parametrize(
    ("layers", "architecture", "said"),
    [
        ([_layer("lib/ld-musl-x86_64.so.1")], "amd64", "it has no ld-linux-x86-64.so.2"),
        ([_layer("lib64/ld-linux-x86-64.so.2")], "arm64", "it is not for linux/amd64"),
        ([gzip.compress(b"no tar" * 200)], "amd64", "cannot be read"),
    ],
)
def test_an_image_that_it_cannot_stand_on(
    registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str], layers: list[bytes], architecture: str, said: str
) -> None:
    images.push(registry, "unfit", "v1", _base(*layers, architecture=architecture))
    words = [*archives[:2], "--base", f"{registry.host}/unfit:v1", "--push", f"{registry.host}/unfit-result:v1"]
    assert said in ask(capsys, *words, status=2)["message"]
    assert "unfit-result" not in registry.repositories()


@pytest.mark.parametrize(
    "config",
    [
        [],
        {"rootfs": {}},
        {"rootfs": {"diff_ids": [1]}},
        {"config": ["x"], "rootfs": {"diff_ids": []}},
        {"config": {"Env": 1}, "rootfs": {"diff_ids": []}},
        {"config": {"Env": [1]}, "rootfs": {"diff_ids": []}},
    ],
    ids=str,
)
def test_a_base_that_says_nonsense_of_itself(
    registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str], config: Any
) -> None:
    made = _base()
    packed = json.dumps(config).encode()
    (_, data) = made.manifests.pop(made.digest)
    described = {"mediaType": images.TYPES["docker"]["config"], "digest": made.add_blob(packed), "size": len(packed)}
    again = json.dumps({**json.loads(data), "config": described}).encode()
    made.manifests[images.digest(again)] = (images.TYPES["docker"]["manifest"], again)
    images.push(registry, "nonsense", "v1", made)
    words = [*archives[:2], "--base", f"{registry.host}/nonsense:v1", "--push", f"{registry.host}/never:v1"]
    assert "not that of an image" in ask(capsys, *words, status=2)["message"]


def test_an_index_without_the_platform(registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    images.push(registry, "index", "v1", images.index("x", architectures=("s390x",)))
    words = [*archives[:2], "--base", f"{registry.host}/index:v1", "--push", f"{registry.host}/never:v1"]
    assert "not there for linux/amd64" in ask(capsys, *words, status=2)["message"]
    missing = ask(capsys, *archives[:2], "--base", f"{registry.host}/nothing:v1", "--push", f"{registry.host}/never:v1", status=1)
    assert f"{registry.host}/nothing" in missing["message"]


def test_an_index_within_an_index(registry: Registry, archives: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    within = images.index("x")
    entry = {"mediaType": images.TYPES["oci"]["index"], "digest": within.digest, "size": len(within.manifests[within.digest][1])}
    outer = {"schemaVersion": 2, "mediaType": images.TYPES["oci"]["index"], "manifests": [entry | {"platform": LINUX}]}
    data = json.dumps(outer).encode()
    within.manifests[images.digest(data)] = (images.TYPES["oci"]["index"], data)
    images.push(registry, "within", "v1", within)
    words = [*archives[:2], "--base", f"{registry.host}/within:v1", "--push", f"{registry.host}/never:v1"]
    assert "another index" in ask(capsys, *words, status=2)["message"]
