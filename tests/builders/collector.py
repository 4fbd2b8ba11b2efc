"""The garbage collector of the bed: proof that it had its chance."""

from __future__ import annotations

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd

NO_UID = "00000000-0000-0000-0000-000000000000"


def let_it_pass(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Returns after an LRS whose owner does not exist was collected: every LRS that was made before it has had its turn."""
    canary = samples.samples(crd.api_version, crd.kind, namespace)[0]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": NO_UID}
    canary["metadata"] |= {"name": "canary", "labels": {}, "ownerReferences": [owner]}
    loader.create_many(plane, [canary])
    path = f"{loader.objects_path(crd.api_version, namespace)}/canary"
    loader.wait_until(lambda: plane.api("GET", path)[0] == 404, "the garbage collector to take the canary")
