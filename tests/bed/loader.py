"""Puts CRDs, namespaces and objects into the bed, and takes them out again. Standard library only."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from tests.bed.controlplane import ControlPlane, request

CRDS = Path(__file__).resolve().parent / "crds"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD_NAME = "lrs.lrs.datarobot.com"
GROUP_PATH = "/apis/lrs.datarobot.com"
IN_A_NAMESPACE = ("/apis/apps/v1/namespaces/{}/deployments", "/api/v1/namespaces/{}/secrets")
"""What tests make beside LRS in the namespaces that they use one after the other."""

PATIENCE = 180.0
"""Seconds that a test waits for what must come: no measure of anything, only an end, also where others keep the machine busy."""


def crd_files() -> list[Path]:
    """Every CRD of the bed."""
    return sorted(CRDS.glob("*.yaml"))


def version_and_kind(path: Path) -> tuple[str, str]:
    """(apiVersion, kind) of the objects that a CRD file of the bed defines, read from its name: `v1-longrunningservice`."""
    version = path.stem.partition("-")[0]
    kinds = {"lrs": "LRS", "longrunningservice": "LongRunningService"}
    return f"lrs.datarobot.com/{version}", kinds[path.stem.partition("-")[2]]


def objects_path(api_version: str, namespace: str) -> str:
    """The URL path of a namespace's LRS."""
    return f"/apis/{api_version}/namespaces/{namespace}/lrs"


def install_crd(plane: ControlPlane, path: Path) -> None:
    """Install a CRD, and wait until its resource is served, and said to be."""
    status, answer = plane.api("POST", CRD_PATH, path.read_text(), content_type="application/yaml")
    if status != 201:
        raise RuntimeError(f"{path.name}: {status} {answer}")
    api_version = version_and_kind(path)[0]
    wait_until(lambda: is_served(plane, api_version), f"{path.name} to be served")
    plane.forget_discovered()


def is_served(plane: ControlPlane, api_version: str) -> bool:
    """Whether LRS are there to be asked for, and are told of by all that clients discover them by; each comes by itself."""
    told = (
        plane.api("GET", GROUP_PATH)[1].get("versions", ()),
        plane.api("GET", f"/apis/{api_version}")[1].get("resources", ()),
        [each for each in plane.api("GET", "/apis")[1].get("groups", ()) if GROUP_PATH.endswith(each["name"])],
    )
    paths = (f"/openapi/v3/apis/{api_version}", f"/apis/{api_version}/lrs?limit=1")
    return all(told) and all(plane.api("GET", each)[0] == 200 for each in paths)


def release(plane: ControlPlane, *, namespace: str = "") -> None:
    """Take the finalizers off every LRS of a namespace, or of all, so that nothing holds a deletion."""
    for each in _there(plane, namespace):
        if each["metadata"].get("finalizers"):
            path = f"{objects_path(each['apiVersion'], each['metadata']['namespace'])}/{each['metadata']['name']}"
            plane.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")


def clear(plane: ControlPlane, *, namespace: str = "") -> None:
    """Delete every LRS of a namespace, or of all, whatever holds it, and wait until none is there."""

    def is_clear() -> bool:
        found = _there(plane, namespace)
        release(plane, namespace=namespace)
        for version, each in {(item["apiVersion"], item["metadata"]["namespace"]) for item in found}:
            plane.api("DELETE", objects_path(version, each))
        return not found

    wait_until(is_clear, f"the LRS of {namespace or 'all namespaces'} to be gone")


def _there(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    """Every LRS of a namespace, or of all; none where there is no CRD, or it goes this moment."""
    status, answer = plane.api("GET", GROUP_PATH)
    if status == 200:
        version = answer["preferredVersion"]["groupVersion"]
        status, answer = plane.api("GET", objects_path(version, namespace) if namespace else f"/apis/{version}/lrs")
    if status not in (200, 404):
        raise RuntimeError(f"the LRS of {namespace or 'all namespaces'}: {status} {answer}")
    return list(answer["items"]) if status == 200 else []


def delete_crd(plane: ControlPlane) -> None:
    """Delete the CRD with all its objects, and wait until it is gone."""
    status, answer = plane.api("DELETE", f"{CRD_PATH}/{CRD_NAME}")
    if status == 404:
        return
    if status not in (200, 202):
        raise RuntimeError(f"{CRD_NAME}: {status} {answer}")

    def is_gone() -> bool:
        release(plane)  # again: an operator may put on what was just taken off
        return plane.api("GET", f"{CRD_PATH}/{CRD_NAME}")[0] == 404

    wait_until(is_gone, "the CRD to be gone")
    wait_until(lambda: plane.api("GET", GROUP_PATH)[0] == 404, "its group to be gone")


def create_namespace(plane: ControlPlane, name: str) -> None:
    """Create a namespace."""
    status, answer = plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    if status != 201:
        raise RuntimeError(f"namespace {name}: {status} {answer}")


def ensure_namespace(plane: ControlPlane, name: str) -> None:
    """A namespace of a name that others use too, one after the other; each leaves it empty."""
    status, found = plane.api("GET", f"/api/v1/namespaces/{name}")
    if status == 200 and "deletionTimestamp" in found["metadata"]:
        wait_until(lambda: plane.api("GET", f"/api/v1/namespaces/{name}")[0] == 404, f"namespace {name} to be gone")
    if status == 404 or "deletionTimestamp" in found["metadata"]:
        create_namespace(plane, name)


def empty_namespace(plane: ControlPlane, name: str) -> None:
    """Take everything out that tests put in; a namespace that is deleted is there for five more seconds."""
    clear(plane, namespace=name)
    for path in IN_A_NAMESPACE:
        plane.api("DELETE", path.format(name))


def delete_namespace(plane: ControlPlane, name: str, *, wait: bool = True) -> None:
    """Delete a namespace with all in it."""
    plane.api("DELETE", f"/api/v1/namespaces/{name}")
    if wait:
        wait_until(lambda: plane.api("GET", f"/api/v1/namespaces/{name}")[0] == 404, f"namespace {name} to be gone")


def create_many(plane: ControlPlane, objects: Iterable[dict[str, Any]], *, workers: int = 8) -> int:
    """Create LRS over kept connections, several at once, strictly; how many. A status is set too where the object has one."""
    queue: Queue[dict[str, Any] | None] = Queue(maxsize=16 * workers)
    failures: list[str] = []
    threads = [Thread(target=_create_each, args=(plane, queue, failures)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    count = 0
    for each in objects:
        queue.put(each)
        count += 1
    for _ in threads:
        queue.put(None)
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError("; ".join(failures[:3]))
    return count


def _create_each(plane: ControlPlane, queue: Queue[dict[str, Any] | None], failures: list[str]) -> None:
    """Create what the queue gives until it gives None."""
    connection = plane.connection()
    while (each := queue.get()) is not None:
        path = objects_path(each["apiVersion"], each["metadata"]["namespace"])
        try:
            status, answer = request(connection, "POST", f"{path}?fieldValidation=Strict", each, token=plane.admin_token)
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # the next request opens it anew; who gives the objects must not wait for ever
            status, answer = 0, {"message": repr(error)}
        if status != 201:
            failures.append(f"{each['metadata']['name']}: {status} {answer.get('message')}")
    connection.close()


def set_status(plane: ControlPlane, manifest: dict[str, Any], status: dict[str, Any]) -> None:
    """Set the status of a live LRS, through the subresource where there is one."""
    path = f"{objects_path(manifest['apiVersion'], manifest['metadata']['namespace'])}/{manifest['metadata']['name']}"
    for url in (f"{path}/status", path):
        code, answer = plane.api("PATCH", url, {"status": status}, content_type="application/merge-patch+json")
        if code == 200:
            return
    raise RuntimeError(f"{path}: {code} {answer}")


def live(plane: ControlPlane, api_version: str, namespace: str = "") -> list[dict[str, Any]]:
    """Every LRS of a namespace, or of all."""
    path = objects_path(api_version, namespace) if namespace else f"/apis/{api_version}/lrs"
    status, answer = plane.api("GET", path)
    if status != 200:
        raise RuntimeError(f"{path}: {status} {answer}")
    return list(answer["items"])


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Poll until it is so."""
    limit = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > limit:
            raise RuntimeError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.05)
