"""What a pod's containers have on this machine: mounts, environment, user and groups, and the token of a service account.

A spec that says what this does not play breaks the test.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Data = dict[str, Any]
Ask = Callable[..., tuple[int, Data]]
"""(method, path, body) → (HTTP status, answer)."""

ROOT = Path(__file__).resolve().parents[2]
UNTOLD = "ContainerCreating"
"""Why a container waits whose volumes are not there; a kubelet says no more of it in the status, but in an Event."""

TOKEN_SECONDS = 3607
POD = frozenset(
    (
        *("activeDeadlineSeconds", "automountServiceAccountToken", "containers", "dnsPolicy", "enableServiceLinks", "nodeName"),
        *("preemptionPolicy", "priority", "restartPolicy", "schedulerName", "securityContext", "serviceAccount"),
        *("serviceAccountName", "terminationGracePeriodSeconds", "tolerations", "volumes", "imagePullSecrets", "hostname"),
    )
)
SECURITY = frozenset(("runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "seccompProfile"))
CONTAINER = frozenset(
    (
        *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "name", "resources", "securityContext"),
        *("terminationMessagePath", "terminationMessagePolicy", "volumeMounts"),
    )
)
CONFINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""What each container must say, as nothing else is played."""
MOUNT = frozenset(["name", "mountPath", "readOnly"])
VOLUMES = frozenset(("emptyDir", "configMap", "secret", "projected"))


@dataclass
class Image:
    """What an image has, and what it starts: folder in it → folder here; the entry point; its environment."""

    entry: tuple[str, ...]
    folders: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def product() -> Image:
    """The product, out of this work tree and its virtual environment."""
    python = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
    return Image(
        entry=(python, "-m", "kubectl_lrs"),
        folders={
            str(Path(sys.base_prefix)): str(Path(sys.base_prefix)),
            "/opt/lrs/kubectl_lrs": str(ROOT / "kubectl_lrs"),
            "/opt/site": sysconfig.get_path("purelib"),
        },
        environment={"PYTHONPATH": "/opt/lrs:/opt/site", "PYTHONDONTWRITEBYTECODE": "1"},
    )


class NotReady(Exception):  # noqa: N818  it is no error
    """What a pod needs is not there yet, or no more. `reason`: the kubelet's word for it."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Sandbox:
    """Makes them. `images`: by the whole reference; `server`: what pods take for the API server.

    `sizes`: emptyDir volume → how much its disk has room for, as mount has it; of others it is that of this machine.
    """

    def __init__(self, ask: Ask, namespace: str, *, images: Mapping[str, Image], server: str, ca_file: Path) -> None:
        self.sizes: dict[str, str] = {}
        self._ask = ask
        self._namespace = namespace
        self._images = dict(images)
        self._server = server
        self._ca_file = ca_file

    def prepared(self, pod: Data, folder: Path) -> Data:
        """All that `container.py` is told of the one container of a pod, whose files are made in this folder; NotReady."""
        (container,) = pod["spec"]["containers"]
        image = self._images.get(container["image"])
        if image is None:
            raise NotReady("ErrImagePull", f"{container['image']}: not found")
        security = pod["spec"].get("securityContext") or {}
        user = security.get("runAsUser", 65531)  # the image's own
        group = security.get("runAsGroup", 0)
        if security.get("runAsNonRoot") and user == 0:
            raise NotReady("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")
        (folder / "root").mkdir(parents=True, exist_ok=True)
        message = folder / "message"
        message.touch()
        message.chmod(0o666)
        by_name = {each["name"]: each for each in pod["spec"].get("volumes") or ()}
        sources = {name: self._volume(pod, each, folder / "volumes" / name) for name, each in by_name.items()}
        mounts = [
            {
                **{"path": each["mountPath"], "source": str(sources[each["name"]]), "readOnly": each.get("readOnly", False)},
                "size": self.sizes.get(each["name"], ""),
            }
            for each in container.get("volumeMounts") or ()
        ]
        mounts.append({"path": container["terminationMessagePath"], "source": str(message), "readOnly": False, "size": ""})
        environment = self._environment(pod, container, image)
        arguments = [_expanded(each, environment) for each in container.get("args") or ()]
        return {
            "root": str(folder / "root"),
            "image": dict(image.folders),
            "mounts": mounts,
            "readOnlyRoot": (container.get("securityContext") or {}).get("readOnlyRootFilesystem", False),
            "mayChangeUser": os.getuid() == 0,
            "uid": user,
            "gid": group,
            "groups": [security["fsGroup"]] if "fsGroup" in security else [],
            "argv": [*(container.get("command") or image.entry), *arguments],
            "env": environment,
        }

    def _environment(self, pod: Data, container: Data, image: Image) -> dict[str, str]:
        host, _, port = self._server.rpartition("//")[2].partition(":")
        found = {"PATH": os.defpath, **image.environment, "HOSTNAME": pod["metadata"]["name"]}
        found |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        for each in container.get("envFrom") or ():
            (kind,) = each
            assert kind == "secretRef", each
            held = self._object("secrets", each[kind]["name"], "CreateContainerConfigError")
            found |= {key: base64.b64decode(value).decode() for key, value in (held.get("data") or {}).items()}
        for each in container.get("env") or ():
            found[each["name"]] = each["value"] if "value" in each else _of_pod(pod, each)
        return found

    def _object(self, plural: str, name: str, reason: str) -> Data:
        code, found = self._ask("GET", f"/api/v1/namespaces/{self._namespace}/{plural}/{name}")
        if code == 404:
            raise NotReady(reason, f'{plural[:-1]} "{name}" not found')
        assert code == 200, found
        return found

    def _volume(self, pod: Data, volume: Data, folder: Path) -> Path:
        (kind,) = set(volume) - {"name"}
        assert kind in VOLUMES, volume
        group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        if folder.exists() and kind == "emptyDir":
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if kind == "emptyDir":
            folder.chmod(0o2777 if group else 0o777)
            _own(folder, group)
            return folder
        if kind == "projected":
            self.write_token(pod, folder.parent.parent, folder)
            return folder
        said = volume[kind]
        name = said["secretName"] if kind == "secret" else said["name"]
        held = self._object(f"{kind.lower()}s", name, UNTOLD).get("data") or {}
        items = {each["key"]: each["path"] for each in said.get("items") or ()} or {key: key for key in held}
        if missing := sorted(set(items) - set(held)):
            raise NotReady(UNTOLD, f"references non-existent {kind} key: {missing[0]}")
        files = {items[key]: base64.b64decode(held[key]) if kind == "secret" else held[key].encode() for key in items}
        _write(folder, files, said["defaultMode"], group)
        return folder

    def write_token(self, pod: Data, base: Path, folder: Path | None = None) -> None:
        """The projected volume of a service account; of a token that is bound to the pod."""
        name = next(each["name"] for each in pod["spec"]["volumes"] if "projected" in each)
        account = pod["spec"]["serviceAccountName"]
        bound = {"kind": "Pod", "apiVersion": "v1", **{key: pod["metadata"][key] for key in ("name", "uid")}}
        asked = {"spec": {"audiences": [], "expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound}}
        code, made = self._ask("POST", f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token", asked)
        if code in (403, 404, 409):  # the namespace goes; the account is not there yet; the pod is no more, or is another one
            raise NotReady(UNTOLD, f'failed to fetch token for "{account}": {made["message"]}')
        assert code == 201, made
        files = {
            "token": made["status"]["token"].encode(),
            "ca.crt": self._ca_file.read_bytes(),
            "namespace": self._namespace.encode(),
        }
        _write(folder or base / "volumes" / name, files, 0o440, (pod["spec"].get("securityContext") or {}).get("fsGroup"))


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """What stands as $(NAME) is put in; of a name that is not there it stays."""
    return re.sub(r"\$\((\w+)\)", lambda found: environment.get(found[1], found[0]), text)


def _of_pod(pod: Data, said: Data) -> str:
    """A variable by a label or an annotation of the pod."""
    assert set(said) == {"name", "valueFrom"}, said
    assert set(said["valueFrom"]) == {"fieldRef"}, said
    found = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", said["valueFrom"]["fieldRef"]["fieldPath"])
    assert found, said
    return str((pod["metadata"].get(found[1]) or {}).get(found[2], ""))


def require_known(spec: Data) -> None:
    """AssertionError for what this does not play."""
    assert not set(spec) - POD, set(spec) - POD
    assert not set(spec.get("securityContext") or {}) - SECURITY, spec["securityContext"]
    assert spec["restartPolicy"] == "Never", spec
    (container,) = spec["containers"]
    assert not set(container) - CONTAINER, set(container) - CONTAINER
    confined = container.get("securityContext") or {}
    assert {key: confined.get(key) for key in CONFINED} == CONFINED, confined
    assert not set(confined) - {*CONFINED, "readOnlyRootFilesystem"}, confined
    assert all(not set(each) - MOUNT for each in container.get("volumeMounts") or ()), container


def _write(folder: Path, files: Mapping[str, bytes], mode: int, group: int | None) -> None:
    """Files as a kubelet lays them: in a folder of their own, which a link names, so that all of them change at once."""
    inner = folder / f"..{time.time_ns()}"
    inner.mkdir(mode=0o2755 if group else 0o755)
    inner.chmod(0o2755 if group else 0o755)
    _own(inner, group)
    for name, data in files.items():
        path = inner / name
        path.write_bytes(data)
        path.chmod(mode)
        _own(path, group)
    (folder / "..new").symlink_to(inner.name)
    (folder / "..new").rename(folder / "..data")
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    folder.chmod(0o2755 if group else 0o755)
    _own(folder, group)


def _own(path: Path, group: int | None) -> None:
    if group is not None and os.getuid() == 0:
        mode = path.stat().st_mode & 0o7777
        os.chown(path, 0, group)
        path.chmod(mode)
