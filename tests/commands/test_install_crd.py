"""`restore` and the CRD: absent, brought along, already there, in other versions than at backup."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import ALWAYS, FaultProxy, refuse
from tests.builders.attacker import reseal
from tests.builders.compare import essences
from tests.conftest import Cli, _Installed

CRD = f"{loader.CRD_PATH}/{loader.CRD_NAME}"
Document = dict[str, Any]


@pytest.fixture
def install(plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[[Document | None], None]]:
    """Puts another CRD in place of the one that is there, or none; all LRS go with the old one."""

    def change(document: Document | None) -> None:
        loader.delete_crd(plane)
        if document is not None:
            served = [each["name"] for each in document["spec"]["versions"] if each["served"]]
            path = tmp_path / f"{served[-1]}-lrs.yaml"
            path.write_text(yaml.safe_dump(document))
            loader.install_crd(plane, path)

    _Installed.current = None
    yield change
    loader.delete_crd(plane)
    _Installed.current = None


def _crd(*versions: str, stored: str = "", not_served: tuple[str, ...] = (), conversion: Document | None = None) -> Document:
    """The bed's first CRD in these versions, all of one schema."""
    document: Document = yaml.safe_load((loader.CRDS / "v1alpha1-lrs.yaml").read_text())
    (version,) = document["spec"]["versions"]
    document["spec"]["versions"] = [
        {**copy.deepcopy(version), "name": name, "served": name not in not_served, "storage": name == (stored or versions[-1])}
        for name in versions
    ]
    if conversion is not None:
        document["spec"]["conversion"] = {
            "strategy": "Webhook",
            "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": conversion},
        }
    return document


def _api(version: str) -> str:
    return f"lrs.datarobot.com/{version}"


def _back_up(plane: ControlPlane, namespace: str, cli: Cli, version: str = "v1alpha1") -> dict[tuple[str, str], Document]:
    """Five LRS with a backup `saved`; what they are."""
    loader.create_many(plane, samples.samples(_api(version), "LRS", namespace)[5:10])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    return essences(plane, _api(version), namespace)


def test_absent_crd_is_an_error_with_a_way_out(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    install(_crd("v1alpha1"))
    _back_up(plane, namespace, cli)
    install(None)
    done = cli.run("restore", "saved")
    assert done.returncode == 2
    assert "does not serve lrs.lrs.datarobot.com: its CustomResourceDefinition is not installed" in done.stderr
    assert "--install-crd takes the one in the backup" in done.stderr
    assert plane.api("GET", CRD)[0] == 404


def test_backup_without_the_crd_says_so(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    install(_crd("v1alpha1"))
    _back_up(plane, namespace, cli)
    install(None)
    (cli.directory / "saved" / "crd.yaml").unlink()
    reseal(cli.directory / "saved", lambda document: document["tiers"]["resources"].update(crd=None, crdNote="not allowed"))
    plain = cli.run("restore", "saved")
    assert plain.returncode == 2
    assert "--install-crd" not in plain.stderr
    done = cli.run("restore", "saved", "--install-crd")
    assert done.returncode == 2
    assert "backup saved does not hold the CRD" in done.stderr
    assert "Helm chart" in done.stderr


def test_emptied_cluster_is_filled_again(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    """Neither CRD nor namespace is left."""
    install(_crd("v1alpha1"))
    before = _back_up(plane, namespace, cli)
    spec = plane.api("GET", CRD)[1]["spec"]
    install(None)
    loader.delete_namespace(plane, namespace)
    flags = ("restore", "saved", "--install-crd", "--create-namespaces")

    plan = cli.ok(*flags, "--dry-run=client")
    assert "first: install the CRD saved holds" in plan
    assert f"first: create namespace {namespace}" in plan
    tried = json.loads(cli.ok(*flags, "--dry-run=server", "-o", "json"))
    assert tried["counts"] == {"not checked": 5}
    assert {each["message"] for each in tried["outcomes"]} == {"the CRD is not installed yet"}
    assert plane.api("GET", CRD)[0] == 404
    assert plane.api("GET", f"/api/v1/namespaces/{namespace}")[0] == 404

    assert "5 created" in cli.ok(*flags)
    assert essences(plane, _api("v1alpha1"), namespace) == before
    assert plane.api("GET", CRD)[1]["spec"] == spec
    assert "5 unchanged" in cli.ok(*flags)


def test_helms_marks_come_along(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    document = _crd("v1alpha1")
    document["metadata"] |= {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "dr", "meta.helm.sh/release-namespace": "datarobot"},
    }
    install(document)
    _back_up(plane, namespace, cli)
    install(None)
    cli.ok("restore", "saved", "--install-crd")
    metadata = plane.api("GET", CRD)[1]["metadata"]
    assert metadata["labels"] == document["metadata"]["labels"]
    assert metadata["annotations"] == document["metadata"]["annotations"]


def test_crd_that_is_there_is_not_touched(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    install(_crd("v1alpha1"))
    before = _back_up(plane, namespace, cli)
    other = _crd("v1alpha1")
    other["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["more"] = {"type": "string"}
    install(other)
    there = plane.api("GET", CRD)[1]
    assert "5 created" in cli.ok("restore", "saved", "--install-crd")
    assert plane.api("GET", CRD)[1] == there
    assert essences(plane, _api("v1alpha1"), namespace) == before


@pytest.mark.parametrize("is_there", [False, True], ids=["absent", "there"])
def test_conversion_webhook_wants_its_service(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None], is_there: bool
) -> None:
    install(_crd("v1alpha1", "v1", conversion={"service": {"namespace": namespace, "name": "operator", "port": 443}}))
    before = _back_up(plane, namespace, cli, "v1")
    install(None)
    if is_there:
        service = {"metadata": {"name": "operator"}, "spec": {"ports": [{"port": 443}]}}
        assert plane.api("POST", f"/api/v1/namespaces/{namespace}/services", service)[0] == 201
        cli.ok("restore", "saved", "--install-crd")
        assert essences(plane, _api("v1"), namespace) == before
    else:
        done = cli.run("restore", "saved", "--install-crd")
        assert done.returncode == 2
        assert f"its conversion webhook's Service {namespace}/operator is not there" in done.stderr
        assert "Helm chart first" in done.stderr
        assert plane.api("GET", CRD)[0] == 404


def test_conversion_webhook_whose_service_may_not_be_read_is_warned_of(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None], tmp_path: Path
) -> None:
    install(_crd("v1alpha1", "v1", conversion={"service": {"namespace": namespace, "name": "operator", "port": 443}}))
    _back_up(plane, namespace, cli, "v1")
    install(None)
    with FaultProxy(plane) as proxy:
        proxy.when("GET", "/services/", refuse(403, message="services is forbidden"), nth=ALWAYS)
        through = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        done = through.run("restore", "saved", "--install-crd", "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert "conversion webhook is there could not be looked at: services is forbidden" in done.stderr


def test_conversion_webhook_at_an_address_is_warned_of(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    install(_crd("v1alpha1", "v1", conversion={"url": "https://convert.example.com/lrs"}))
    _back_up(plane, namespace, cli, "v1")
    install(None)
    done = cli.run("restore", "saved", "--install-crd", "--dry-run=client")
    assert "warning: the saved CRD has LRS converted by https://convert.example.com/lrs" in done.stderr
    assert plane.api("GET", CRD)[0] == 404


@pytest.mark.parametrize(
    ("target", "serves"),
    [(_crd("v1"), "v1"), (_crd("v1alpha1", "v1", not_served=("v1alpha1",)), "v1")],
    ids=["gone", "no longer served"],
)
def test_version_that_is_gone_is_an_error_with_a_way_out(
    plane: ControlPlane,
    namespace: str,
    cli: Cli,
    install: Callable[[Document | None], None],
    target: Document,
    serves: str,
) -> None:
    install(_crd("v1alpha1"))
    _back_up(plane, namespace, cli)
    install(target)
    for flags in ((), ("--install-crd",)):
        done = cli.run("restore", "saved", *flags)
        assert done.returncode == 2
        assert f"saved holds LRS of version v1alpha1; {plane.server} serves LRS of {serves}" in done.stderr
        assert "serves both" in done.stderr
    assert loader.live(plane, _api("v1"), namespace) == []


@pytest.mark.parametrize("stored", ["v1alpha1", "v1"])
def test_objects_are_written_in_the_version_of_the_backup(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None], stored: str
) -> None:
    """The target prefers v1 and has lost a field in it; v1alpha1 still has it."""
    install(_crd("v1alpha1"))
    loader.create_many(plane, [{**each, "spec": {**each["spec"], "note": "kept"}} for each in _samples(namespace)])
    cli.ok("backup", "-n", namespace, "--name", "saved")
    before = essences(plane, _api("v1alpha1"), namespace)
    target = _crd("v1alpha1", "v1", stored=stored)
    if stored == "v1alpha1":
        del target["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["note"]
    install(target)
    assert plane.api("GET", loader.GROUP_PATH)[1]["preferredVersion"]["version"] == "v1"
    assert "5 created" in cli.ok("restore", "saved")
    assert essences(plane, _api("v1alpha1"), namespace) == before
    assert "5 unchanged" in cli.ok("restore", "saved")


def _samples(namespace: str) -> list[Document]:
    return samples.samples(_api("v1alpha1"), "LRS", namespace)[5:10]


def test_kind_that_is_another_now(
    plane: ControlPlane, namespace: str, cli: Cli, install: Callable[[Document | None], None]
) -> None:
    install(_crd("v1alpha1"))
    _back_up(plane, namespace, cli)
    other = _crd("v1alpha1")
    other["spec"]["names"] |= {"kind": "Service2", "listKind": "Service2List"}
    install(other)
    done = cli.run("restore", "saved")
    assert done.returncode == 2
    assert "saved holds LRS of version v1alpha1" in done.stderr
    assert "serves Service2" in done.stderr
