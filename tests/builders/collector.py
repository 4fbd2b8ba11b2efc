"""The garbage collector of the bed: proof that it had its chance."""

from __future__ import annotations

import time

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd

AT_ONCE = 2.0
"""Seconds in which a collector that knows the CRD has taken it, on a machine with nothing else to do."""

NO_UID = "00000000-0000-0000-0000-000000000000"


def let_it_pass(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """Returns after an LRS whose owner does not exist was collected: every LRS that was made before it has had its turn.

    A collector that has not heard of a CRD that was installed a moment ago is started anew: it would look in half a minute.
    """
    canary = samples.samples(crd.api_version, crd.kind, namespace)[0]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": NO_UID}
    canary["metadata"] |= {"name": "canary", "labels": {}, "ownerReferences": [owner]}
    loader.create_many(plane, [canary])
    path = f"{loader.objects_path(crd.api_version, namespace)}/canary"
    limit = time.monotonic() + AT_ONCE
    while time.monotonic() < limit and plane.api("GET", path)[0] != 404:
        time.sleep(0.05)
    if plane.api("GET", path)[0] != 404:
        plane.restart_manager()
    loader.wait_until(lambda: plane.api("GET", path)[0] == 404, "the garbage collector to take the canary")
