"""The image as it is run: its layers unpacked, its entry point started as a pod would, a backup made and verified.

What is for another machine is not started here: its programs, wheels and files are looked at.
"""

from __future__ import annotations

import json
import re
import stat
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from krew import base, build, debian
from kubectl_lrs import __version__
from tests.bed import loader, samples, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import elf, rootfs
from tests.builders.plugins import ELF
from tests.conftest import Crd

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches and compiles what the archives carry

CACHE = toolchain.cache()
"""Looked up before a test hides the developer's home."""

LINUX = {each.arch: each for each in base.PLATFORMS if each.os == "linux"}
OWN = base.host().arch


@pytest.fixture(autouse=True)
def cached(isolation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built is found again."""
    monkeypatch.setenv("LRS_BED_CACHE", str(CACHE))


def _image(folder: Path, *words: object) -> Path:
    """An image in a layout, by the product as somebody runs it who has it by pip."""
    command = [sys.executable, "-m", "kubectl_lrs", "image", *map(str, words), "--layout", str(folder / "layout")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return folder / "layout"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The krew archive for this machine."""
    folder = tmp_path_factory.mktemp("archive")
    build.archives(folder, [LINUX[OWN]])
    return folder / build.archive_name(LINUX[OWN])


@pytest.fixture(scope="module")
def layout(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image for this machine."""
    return _image(tmp_path_factory.mktemp("image"), "--archive", archive)


@pytest.fixture(scope="module")
def running(layout: Path, tmp_path_factory: pytest.TempPathFactory) -> rootfs.Unpacked:
    """It, unpacked."""
    if why := rootfs.cannot():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("container")
    for above in (folder, folder.parent):
        above.chmod(0o755)
    return rootfs.unpacked(layout, OWN, folder / "root")


def test_it_starts_as_anybody_without_home_on_a_root_that_is_read_only(running: rootfs.Unpacked) -> None:
    done = running.run("version --client", "list", environment={})
    assert (done.returncode, done.stderr) == (0, "no sealed backup in /tmp\n"), done.stderr
    assert __version__ in done.stdout
    wrong = running.run("--nonsense", environment={})
    assert wrong.returncode == 2
    assert "kubectl lrs" in wrong.stderr, "help and hints name it as kubectl calls it"


def test_a_backup_out_of_the_image(plane: ControlPlane, crd: Crd, namespace: str, running: rootfs.Unpacked) -> None:
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    place = {"KUBECONFIG": "/tmp/kubeconfig", "LRS_BACKUP_DIR": "/tmp/backups"}
    calls = (f"backup -n {namespace} --name b -q", "verify b -q", "show b -o json")
    kubeconfig = plane.kubeconfig.read_text()
    done = running.run(*calls, environment=place, kubeconfig=kubeconfig)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    saved = {each["name"] for each in shown["objects"]}
    assert saved
    assert saved <= {each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)}
    told = running.run(calls[0], "history -o json", environment={**place, "LRS_STATE_DIR": "/tmp/state"}, kubeconfig=kubeconfig)
    (act,) = json.loads(told.stdout)["acts"]
    assert (act["verb"], act["exitStatus"]) == ("backup", 0), "by somebody who has no name"
    none = running.run("backup --name b", environment={"LRS_BACKUP_DIR": "/tmp/backups"})
    assert none.returncode in (2, 5), "no kubeconfig, no account, no home: said, and no bug"
    assert "bug" not in none.stderr


def test_a_backup_to_object_storage_out_of_the_image(
    plane: ControlPlane, crd: Crd, namespace: str, running: rootfs.Unpacked, tmp_path: Path
) -> None:
    """By the compiled packages, which stand on the libraries of the base."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:6])
    with S3(tmp_path / "s3") as s3:
        (s3.buckets / "lrs").mkdir()
        reach = {"LRS_BACKUP_DIR": "s3://lrs/prod", "LRS_BACKUP_ENDPOINT": s3.endpoint, **s3.environment}
        calls = ("repository init -o name", f"backup -n {namespace} --name b -q", "verify b --full -q")
        place = {"KUBECONFIG": "/tmp/kubeconfig", **reach}
        done = running.run(*calls, environment=place, kubeconfig=plane.kubeconfig.read_text())
        assert done.returncode == 0, done.stderr
        again = running.run("list -o name", environment=reach)
        assert again.stdout.split() == ["b"], "in another container"


@pytest.mark.campaign
def test_an_installation_gives_what_its_archive_gives(archive: Path, layout: Path, tmp_path: Path) -> None:
    """By its own Python, whose compression is the same on every machine."""
    home = tmp_path / "installed"
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="data")
    by_itself = tmp_path / "by-itself"
    subprocess.run([home / "kubectl-lrs", "image", "--layout", by_itself], check=True, stdin=subprocess.DEVNULL)
    ours, others = (rootfs.layers(each, OWN) for each in (layout, by_itself))
    assert ours[1]["rootfs"] == others[1]["rootfs"], "what the layers unpack to"
    again = tmp_path / "again"
    subprocess.run([home / "kubectl-lrs", "image", "--archive", archive, "--layout", again], check=True, stdin=subprocess.DEVNULL)
    assert (again / "index.json").read_bytes() == (by_itself / "index.json").read_bytes()


def _require_safe(files: list[Path]) -> dict[str, tarfile.TarInfo]:
    """Everything is root's, for nobody else to write, nothing is set-uid, nothing deletes; all entries by their paths."""
    found: dict[str, tarfile.TarInfo] = {}
    for file in files:
        with tarfile.open(file) as tar:
            for entry in tar:
                assert (entry.uid, entry.gid) == (0, 0), entry.name
                assert not entry.mode & (stat.S_ISUID | stat.S_ISGID), entry.name
                assert entry.issym() or not entry.mode & 0o022 or (entry.name, entry.mode) == ("tmp", 0o1777), entry.name
                assert entry.isreg() or entry.isdir() or entry.issym(), entry.name
                assert not entry.name.rpartition("/")[2].startswith(".wh."), entry.name
                assert not entry.name.startswith(("/", "../")), entry.name
                found[entry.name] = entry
    return found


NEEDED = {
    "etc/ssl/certs/ca-certificates.crt", "etc/passwd", "etc/nsswitch.conf", "tmp", "usr/share/zoneinfo/Europe/Berlin",
    "usr/lib/os-release", "usr/share/doc/libc6/copyright", "var/lib/dpkg/status.d/libc6", "usr/bin/kubectl-lrs",
    "usr/lib/kubectl-lrs/bin/python3.14", "usr/lib/kubectl-lrs/packages/kubectl_lrs/cli.pyc",
}  # fmt: skip


def _require_whole(layout: Path, architecture: str) -> set[str]:
    """The files of an image, which are all for its machine, none of them a shell; their paths without the machine's name."""
    _, config, files = rootfs.layers(layout, architecture)
    assert config["architecture"] == architecture
    entries = _require_safe(files)
    assert set(entries) >= NEEDED
    assert [name for name in entries if re.fullmatch(r"(?:usr/)?s?bin/.+", name)] == ["usr/bin/kubectl-lrs"]
    natives = 0
    asked: set[str] = set()
    for file in files:
        with tarfile.open(file) as tar:
            for entry in tar:
                data = tar.extractfile(entry).read() if entry.isreg() else b""  # type: ignore[union-attr]
                if data.startswith(b"\x7fELF"):
                    natives += 1
                    assert struct.unpack_from("<H", data, 18)[0] == ELF[architecture], entry.name
                    asked |= elf.needed(data)
                if entry.name.endswith("/ca-certificates.crt"):
                    assert data.count(b"BEGIN CERTIFICATE") > 100
    assert natives > 15
    loaders = [name for name in entries if name.rpartition("/")[2] == LINUX[architecture].loader.rpartition("/")[2]]
    assert loaders, "what starts a program"
    assert {"libc.so.6", "libgcc_s.so.1"} <= asked <= {name.rpartition("/")[2] for name in entries}, "what it is linked against"
    return {re.sub(r"x86[_-]64|aarch64", "MACHINE", name) for name in entries}


def test_what_the_image_holds(layout: Path) -> None:
    assert _require_whole(layout, OWN)


def test_what_is_pinned_is_the_same_for_each_machine() -> None:
    versions = [
        {each.path.rpartition("/")[2].rsplit("_", 1)[0] for each in debian.pinned() if each.architecture == arch}
        for arch in LINUX
    ]
    assert versions[0] == versions[1]
    assert {each.partition("_")[0] for each in versions[0]} == set(debian.NAMES)


def test_a_package_that_is_another_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gives it, and whatever his own tools say."""
    helper = tmp_path / "helper"
    helper.write_text('#!/bin/sh\necho other > "$3"\n')
    helper.chmod(0o755)
    monkeypatch.setattr(debian, "APT_HELPER", str(helper))
    monkeypatch.setattr(debian, "_mirrors", lambda: ["http://127.0.0.1:1/"])
    monkeypatch.setattr(toolchain, "cache", lambda: tmp_path)
    with pytest.raises(SystemExit, match="nobody gives pool/"):
        debian.files("amd64")
    assert not list(tmp_path.rglob("*.deb"))


@pytest.mark.campaign
def test_both_machines_twice(tmp_path: Path) -> None:
    """The same index each time; for each machine the same files, but for what is named by the machine."""
    build.archives(tmp_path, list(LINUX.values()))
    words = [word for each in LINUX.values() for word in ("--archive", tmp_path / build.archive_name(each))]
    layouts = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        layouts.append(_image(tmp_path / name, *words))
    assert (layouts[0] / "index.json").read_bytes() == (layouts[1] / "index.json").read_bytes()
    amd64, arm64 = (_require_whole(layouts[0], each) for each in ("amd64", "arm64"))
    packages = "usr/lib/kubectl-lrs/packages/"
    of = [{each for each in names if each.startswith(packages) and not each.endswith(".so")} for names in (amd64, arm64)]
    assert of[0] ^ of[1] == set()
