"""What the tests of `restore` and an operator share: six LRS, saved and gone."""

from __future__ import annotations

from pathlib import Path

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd

MERGE_PATCH = "application/merge-patch+json"
NAMES = [each["metadata"]["name"] for each in samples.samples("", "")[4:10]]


def populate(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Six LRS of type deployment, `NAMES`."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:10])


def destroy(plane: ControlPlane, crd: Crd, *namespaces: str) -> None:
    """Delete every LRS, and wait until it is gone: whoever holds a finalizer must take it off."""
    for namespace in namespaces:
        assert plane.api("DELETE", loader.objects_path(crd.api_version, namespace))[0] == 200
    loader.wait_until(lambda: not any(loader.live(plane, crd.api_version, each) for each in namespaces), "the LRS to be gone")


def save(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> str:
    """A backup `saved` of the six with their statuses, which are then deleted; the namespace."""
    populate(plane, crd, namespace)
    for each in loader.live(plane, crd.api_version, namespace):
        loader.set_status(plane, each, samples.status_of(each))
    cli.ok("backup", "-n", namespace, "--name", "saved")
    destroy(plane, crd, namespace)
    return namespace


def names(plane: ControlPlane, crd: Crd, namespace: str) -> set[str]:
    """Those that are there."""
    return {each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)}


def journals(cli: Cli) -> list[Path]:
    """The journals of a paused operator."""
    return [path for path in cli.directory.iterdir() if path.name.startswith("lrs_operator_paused_")]
