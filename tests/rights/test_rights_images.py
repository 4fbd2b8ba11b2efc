"""Pull secrets of several namespaces on a real API server: where the right to read them is missing, it is those images' loss."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.registry import PASSWORD, USER, Registry, keys
from tests.builders import imagery
from tests.conftest import Cli, Crd
from tests.rights.test_rights import ROLES, User

LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
EVERYWHERE = {
    "kind": "ClusterRole",
    "metadata": {"name": "reader"},
    "rules": [
        {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["get", "list"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get"]},
    ],
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that lets nobody in without the password."""
    certificates = keys(tmp_path_factory.mktemp("keys"))
    with Registry(tmp_path_factory.mktemp("guarded"), auth="htpasswd", tls=True, keys=certificates) as running:
        yield running


@pytest.fixture
def other(plane: ControlPlane, namespace: str) -> Iterator[str]:
    """A second namespace."""
    name = f"{namespace}-other"
    loader.create_namespace(plane, name)
    yield name
    loader.clear(plane, namespace=name)
    loader.delete_namespace(plane, name, wait=False)


@pytest.fixture
def user(plane: ControlPlane, namespace: str, cli: Cli, tmp_path: Path) -> Iterator[User]:
    """Lists LRS everywhere, and reads Secrets in the first namespace alone."""
    made = User(plane, namespace, tmp_path)
    made.grant(EVERYWHERE, ROLES["lrs-pull-secrets"])
    yield made
    made.revoke()


def _image(guarded: Registry, plane: ControlPlane, crd: Crd, namespace: str, name: str) -> str:
    """An image of an LRS in the namespace, and the Secret that opens it."""
    images.push(guarded, f"datarobot/{name}", "x", images.image(name), {"Authorization": f"Basic {LOGIN}"})
    reference = f"{guarded.host}/datarobot/{name}:x"
    lrs = imagery.lrs(crd.api_version, crd.kind, namespace, 1, reference)
    lrs["spec"]["template"]["imagePullSecrets"] = [{"name": "pull"}]
    loader.create_many(plane, [lrs])
    config = json.dumps({"auths": {guarded.host: {"username": USER, "password": PASSWORD}}})
    data = {".dockerconfigjson": base64.b64encode(config.encode()).decode()}
    secret = {"metadata": {"name": "pull"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
    assert plane.api("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)[0] == 201
    return reference


def _states(folder: Path) -> dict[str, Any]:
    return {each["reference"]: each for each in json.loads((folder / "images.json").read_text())["images"]}


@pytest.mark.parametrize("level", ["copy", "inventory"])
def test_secrets_that_may_not_be_read_in_one_namespace(
    level: str, guarded: Registry, plane: ControlPlane, crd: Crd, namespace: str, other: str, user: User
) -> None:
    mine = _image(guarded, plane, crd, namespace, "managed-image")
    theirs = _image(guarded, plane, crd, other, "their-image")
    flags = ("--registry-pull-secrets", "--registry-ca-file", f"{guarded.keys}/ca.crt")
    done = user.cli.run("backup", "-A", "--images", level, *flags, "--name", "saved")
    assert done.returncode == (3 if level == "copy" else 0), done.stderr  # a list says what it does not know, and is whole
    found = _states(user.cli.directory / "saved")
    assert found[mine]["state"] == ("copied" if level == "copy" else "recorded")
    assert found[theirs]["state"] == "unresolved", "nobody has said that it is missing"
    assert f'in the namespace "{other}"' in found[theirs]["reason"]
    assert "needs get on secrets and serviceaccounts" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert user.cli.run("verify", "saved").returncode in (0, 3)


def test_check_goes_on_with_the_others(
    guarded: Registry, plane: ControlPlane, crd: Crd, namespace: str, other: str, user: User
) -> None:
    _image(guarded, plane, crd, namespace, "managed-image")
    theirs = _image(guarded, plane, crd, other, "their-image")
    flags = ("--registry-pull-secrets", "--registry-ca-file", f"{guarded.keys}/ca.crt", "-o", "json")
    done = user.cli.run("check", "-A", "--images", *flags)
    said = json.loads(done.stdout)
    assert "image-missing" not in {each["code"] for each in said["findings"]}
    assert [each["part"] for each in said["unchecked"] if "is forbidden" in each["why"]] == [theirs]


def test_where_they_may_be_read_nowhere_it_ends(guarded: Registry, plane: ControlPlane, crd: Crd, other: str, user: User) -> None:
    _image(guarded, plane, crd, other, "their-image")
    flags = ("--registry-pull-secrets", "--registry-ca-file", f"{guarded.keys}/ca.crt")
    done = user.cli.run("backup", "-n", other, "--images", "copy", *flags, "--name", "saved")
    assert done.returncode == 5, done.stderr
    assert "--registry-pull-secrets needs get on secrets and serviceaccounts" in done.stderr
    assert not (user.cli.directory / "saved").exists()
