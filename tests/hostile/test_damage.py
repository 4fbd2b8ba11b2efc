"""A backup that is not as it was sealed: `verify` finds it, `restore` stops before its first write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd


def _manifest(folder: Path) -> Path:
    return sorted(folder.glob("lrs/*/*.yaml"))[3]


def _flip(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def _truncate(path: Path) -> Path:
    os.truncate(path, path.stat().st_size - 1)
    return path


def _remove(path: Path) -> Path:
    path.unlink()
    return path


def _add(path: Path) -> Path:
    path.write_text("surplus")
    return path


def _link(path: Path) -> Path:
    moved = path.with_name("elsewhere")
    path.rename(moved)
    path.symlink_to(moved.name)
    return path


def _change_sum(folder: Path) -> Path:
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("a", "b", 1))
    return sums


DAMAGE: dict[str, Callable[[Path], Path]] = {
    "flipped byte in a manifest": lambda folder: _flip(_manifest(folder)),
    "flipped byte in the raw objects": lambda folder: _flip(folder / "lrs.raw.jsonl.gz"),
    "flipped byte in the index": lambda folder: _flip(folder / "lrs.index.jsonl.gz"),
    "flipped byte in the crd": lambda folder: _flip(folder / "crd.yaml"),
    "flipped byte in the sums": lambda folder: _flip(folder / "SHA256SUMS"),
    "flipped byte in the catalog": lambda folder: _flip(folder / "backup.json"),
    "truncated manifest": lambda folder: _truncate(_manifest(folder)),
    "truncated raw objects": lambda folder: _truncate(folder / "lrs.raw.jsonl.gz"),
    "truncated sums": lambda folder: _truncate(folder / "SHA256SUMS"),
    "truncated catalog": lambda folder: _truncate(folder / "backup.json"),
    "missing manifest": lambda folder: _remove(_manifest(folder)),
    "missing raw objects": lambda folder: _remove(folder / "lrs.raw.jsonl.gz"),
    "missing catalog": lambda folder: _remove(folder / "backup.json"),
    "missing sums": lambda folder: _remove(folder / "SHA256SUMS"),
    "surplus manifest": lambda folder: _add(_manifest(folder).with_name("surplus.yaml")),
    "surplus file at the top": lambda folder: _add(folder / "notes.txt"),
    "changed sum": _change_sum,
    "link in place of a manifest": lambda folder: _link(_manifest(folder)),
    "link in place of the sums": lambda folder: _link(folder / "SHA256SUMS"),
}


@pytest.fixture
def folder(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Path:
    """A backup whose objects are no longer in the cluster."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    cli.ok("backup", "-n", namespace, "--name", "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    return cli.directory / "saved"


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_stops_a_restore(
    plane: ControlPlane, crd: Crd, namespace: str, folder: Path, cli: Cli, kind: str
) -> None:
    cli.ok("verify", "saved")
    damaged = DAMAGE[kind](folder)
    found = cli.run("verify", "saved")
    assert found.returncode == 4, found.stderr
    assert damaged.name in found.stdout + found.stderr
    stopped = cli.run("restore", "saved")
    assert stopped.returncode == 4, stopped.stderr
    assert damaged.name in stopped.stderr
    assert loader.live(plane, crd.api_version, namespace) == []


def test_every_byte_of_the_catalog_counts(folder: Path, cli: Cli) -> None:
    from kubectl_lrs.model.catalog import parse
    from kubectl_lrs.model.errors import DamageError, UsageError

    whole = (folder / "backup.json").read_bytes()
    parse(whole, where="")
    for at in range(len(whole)):
        with pytest.raises((DamageError, UsageError)):
            parse(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :], where="")


def test_manifest_and_raw_object_that_disagree(plane: ControlPlane, crd: Crd, namespace: str, folder: Path, cli: Cli) -> None:
    """A backup whose sums are right, and whose YAML shows something else than what would be restored."""
    import hashlib
    import json
    from dataclasses import replace

    from kubectl_lrs.model.catalog import parse

    manifest = _manifest(folder)
    old = hashlib.sha256(manifest.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace("registry.example.com", "evil.example.com"))
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(old, hashlib.sha256(manifest.read_bytes()).hexdigest()))
    catalog = parse((folder / "backup.json").read_bytes(), where="")
    resealed = replace(catalog, sums_sha256=hashlib.sha256(sums.read_bytes()).hexdigest())
    (folder / "backup.json").write_bytes(resealed.serialise())
    assert json.loads(cli.ok("verify", "saved", "-o", "json"))["intact"]
    stopped = cli.run("restore", "saved")
    assert stopped.returncode == 4
    assert manifest.name in stopped.stderr
    assert loader.live(plane, crd.api_version, namespace) == []
