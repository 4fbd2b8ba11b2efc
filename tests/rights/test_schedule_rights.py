"""The rights of the pods of nightly runs: each of its Role is needed, and what is lacking is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.bed import loader, node
from tests.builders.nights import Night, first_end
from tests.conftest import Cli

pytestmark = pytest.mark.skipif(not node.can_run(), reason="this machine lets nobody have mounts of its own")


@pytest.mark.campaign
def test_a_pod_without_one_of_its_rights(night: Night) -> None:
    """The whole night in the pod: without what a backup needs it ends with 5 and says which; without an Event it is done."""
    where = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{night.namespace}/roles/lrs-backup"
    rules = night.plane.api("GET", where)[1]["rules"]
    rights = [(rule["resources"][0], rule["verbs"]) for rule in rules]
    assert sorted(rights) == [("cronjobs", ["get"]), ("events", ["create"]), ("lrs", ["list"]), ("namespaces", ["get"])]
    for resource, (verb,) in rights:
        less = {"rules": [rule for rule in rules if rule["resources"] != [resource]]}
        assert night.plane.api("PATCH", where, less, content_type="application/merge-patch+json")[0] == 200
        sealed, told = len(night.backups()), len(night.told())
        run = night.cli.start("schedule", "run", env=night.env)
        if resource in ("lrs", "namespaces"):
            said = first_end(night, run, 5)
            assert f"{verb} resource" in said or "may not be read" in said, said
            assert len(night.backups()) == sealed
            night.plane.kubectl_run("delete", "jobs", "--all", "-n", night.namespace, "--wait=true")
            loader.wait_until(lambda: not night.items("pods"), "its pods to be gone")
        else:
            _, log = run.communicate(timeout=loader.PATIENCE)
            assert run.returncode == 0, log
            assert len(night.backups()) == sealed + 1
            assert len(night.told()) == told + (resource == "cronjobs")
            assert ("warning: not told" in log) == (resource == "events")


def test_each_right_of_its_role_is_needed(night: Night, tmp_path: Path) -> None:
    """A backup as the service account: whole with the Role, and refused with any right of it less."""
    account = f"/api/v1/namespaces/{night.namespace}/serviceaccounts/lrs-backup/token"
    code, made = night.plane.api("POST", account, {"spec": {"expirationSeconds": 3600}})
    assert code == 201
    path = night.plane.write_kubeconfig(tmp_path / "account", token=made["status"]["token"], namespace=night.namespace)
    as_pod = Cli(path, night.cli.directory)
    night.cli.ok("repository", "show", env=night.env)
    where = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{night.namespace}/roles/lrs-backup"
    role = night.plane.api("GET", where)[1]
    own = night.plane.api("GET", f"/api/v1/namespaces/{night.namespace}")[1]["metadata"]["uid"]
    config = yaml.safe_load(night.config.read_text())
    config["cluster"]["namespaceUid"] = own
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "pod.yaml").chmod(0o600)
    env = {**night.env, "LRS_CONFIG": str(tmp_path / "pod.yaml")}
    as_pod.ok("backup", "--name", "whole", env=env)
    needed = [rule for rule in role["rules"] if rule["resources"] in (["lrs"], ["namespaces"])]
    assert len(needed) == 2
    for rule in needed:
        less = {"rules": [each for each in role["rules"] if each != rule]}
        assert night.plane.api("PATCH", where, less, content_type="application/merge-patch+json")[0] == 200
        loader.wait_until(lambda: as_pod.run("backup", "--name", "less", env=env).returncode == 5, f"{rule} to be missed")
    assert night.backups() == ["whole"]
