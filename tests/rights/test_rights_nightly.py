"""A night as a user who has exactly the Roles of `docs/rights.md`: with its Event, and without the right to make one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd
from tests.rights.test_rights import ROLES, User, _without

CRONJOB: dict[str, Any] = {
    "metadata": {"name": "lrs-backup"},
    "spec": {
        "schedule": "17 1 * * *",
        "suspend": True,
        "jobTemplate": {
            "spec": {
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "lrs", "image": "none.example.com/lrs"}]}}
            }
        },
    },
}

Night = Callable[..., Any]


@pytest.fixture
def user(plane: ControlPlane, crd: Crd, namespace: str, tmp_path: Path) -> Iterator[User]:
    """Somebody who may back up, and nothing else, in a namespace with a CronJob and a few LRS."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:7])
    assert plane.api("POST", f"/apis/batch/v1/namespaces/{namespace}/cronjobs", CRONJOB)[0] == 201
    (tmp_path / "work").mkdir()
    made = User(plane, namespace, tmp_path)
    made.grant(ROLES["lrs-backup"])
    yield made
    made.revoke()


@pytest.fixture
def night(plane: ControlPlane, user: User, namespace: str, tmp_path: Path) -> Night:
    """Runs one, as the pod of the CronJob does."""
    uid = plane.api("GET", f"/api/v1/namespaces/{namespace}")[1]["metadata"]["uid"]
    path = tmp_path / "prod.yaml"
    (tmp_path / "backups").mkdir()
    path.write_text(yaml.safe_dump({"cluster": {"namespaceUid": uid}, "namespace": namespace, "repository": {"url": "backups"}}))
    path.chmod(0o600)
    env = {
        "LRS_CRONJOB": "lrs-backup",
        "POD_NAMESPACE": namespace,
        "LRS_CONFIG": str(path),
        "LRS_TERMINATION_LOG": str(tmp_path / "termination"),
    }
    return lambda *words: user.cli.run("run", "nightly", *words, env=env)


def _events(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    every = plane.api("GET", f"/api/v1/namespaces/{namespace}/events")[1]["items"]
    return [
        each
        for each in every
        if each["involvedObject"]["name"] == "lrs-backup" and each["source"].get("component") == "kubectl-lrs"
    ]


def _own_namespace(namespace: str) -> dict[str, Any]:
    """The Role that tells the cluster, where kube-system may not be read, for the namespace of the test."""
    role = ROLES["lrs-identity"]
    return {**role, "rules": [{**rule, "resourceNames": [namespace]} for rule in role["rules"]]}


def test_nothing_tells_the_cluster(user: User, night: Night, tmp_path: Path) -> None:
    """It is refused then, and nothing is saved: it may be another one."""
    done = night()
    assert done.returncode in (2, 5), done.stderr
    assert list((tmp_path / "backups").iterdir()) == []


def test_an_event_on_the_cronjob_and_the_termination_message(
    plane: ControlPlane, user: User, night: Night, namespace: str, tmp_path: Path
) -> None:
    user.grant(ROLES["lrs-events"], _own_namespace(namespace))
    done = night("-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (event,) = _events(plane, namespace)
    uid = plane.api("GET", f"/apis/batch/v1/namespaces/{namespace}/cronjobs/lrs-backup")[1]["metadata"]["uid"]
    assert event["involvedObject"]["uid"] == uid
    assert (event["type"], event["reason"]) == ("Normal", "NightlyDone")
    assert event["message"] == (tmp_path / "termination").read_text()
    assert event["message"].startswith("nightly run: exit status 0: 3 done, 2 not here; backup lrs_backup_")
    no_files = night("-q", "-o", "json", "--backup-dir", tmp_path / "no" / "where")
    assert no_files.returncode == json.loads(no_files.stdout)["exitStatus"] == 2
    failed = next(each for each in _events(plane, namespace) if each["type"] == "Warning")
    assert failed["reason"] == "NightlyFailed"
    assert failed["message"] == (tmp_path / "termination").read_text()
    assert failed["message"].startswith("nightly run: exit status 2: ")


@pytest.mark.parametrize("verb", ["create", "get"])
def test_one_right_less(plane: ControlPlane, user: User, night: Night, namespace: str, verb: str) -> None:
    role = ROLES["lrs-events"]
    rule = next(rule for rule in role["rules"] if verb in rule["verbs"])
    user.grant(_without(role, rule, verb), _own_namespace(namespace))
    done = night()
    assert done.returncode == 0, done.stderr
    events = _events(plane, namespace)
    if verb == "create":
        assert events == []
        assert "warning: not told: " in done.stderr
        assert "events" in done.stderr
    else:
        assert "uid" not in events[0]["involvedObject"]


@pytest.mark.campaign
@pytest.mark.parametrize("verb", ["get", "list", "create"])
def test_one_right_less_to_have_pods_copy(plane: ControlPlane, user: User, namespace: str, tmp_path: Path, verb: str) -> None:
    """Nothing is sealed, and the right is named."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one").write_bytes(b"1")
    user.cli.ok("repository", "init", tmp_path / "pool")
    env = [{"name": "LRS_SHARDS", "value": "1"}]
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "lrs", "image": "none.example.com/lrs", "env": env}]}}
    job = {"metadata": {"name": "own"}, "spec": {"suspend": True, "template": template}}
    assert plane.api("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs", job)[0] == 201
    (rule,) = ROLES["lrs-segments"]["rules"]
    user.grant(_without(ROLES["lrs-segments"], rule, verb), _own_namespace(namespace))
    path = tmp_path / "prod.yaml"
    settings = {
        "cluster": {"namespaceUid": plane.api("GET", f"/api/v1/namespaces/{namespace}")[1]["metadata"]["uid"]},
        "namespace": namespace,
        "repository": {"url": "pool"},
        "files": {"url": "files", "level": "copy", "all": True},
        "notify": {"events": False},
    }
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    told = {"LRS_CRONJOB": "lrs-backup", "LRS_JOB": "own", "LRS_SHARDS": "1", "POD_NAMESPACE": namespace, "LRS_CONFIG": str(path)}
    done = user.cli.run("run", "nightly", "--part", "backup", env=told)
    assert done.returncode == 5, done.stderr
    assert f'cannot {verb} resource "jobs"' in done.stdout
    assert user.cli.ok("list", "-o", "name", "--backup-dir", tmp_path / "pool") == ""


def test_no_event_where_none_is_wanted(plane: ControlPlane, user: User, night: Night, namespace: str) -> None:
    user.grant(ROLES["lrs-events"], _own_namespace(namespace))
    assert night("--no-events").returncode == 0
    assert _events(plane, namespace) == []
