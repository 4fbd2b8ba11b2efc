"""Nightly runs by the real controllers: a CronJob fires, its Job makes a pod, which is run as a process in all that a pod has."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.formats.exposition import samples_of
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository import open_repository
from kubectl_lrs.stores.mongo.levels import MINIMUM
from kubectl_lrs.usecases.nightly import Own
from kubectl_lrs.usecases.scheduling import runs, status
from tests.bed import loader, node
from tests.builders import runbooks
from tests.builders.listener import Listener
from tests.builders.mongo_fixtures import App
from tests.builders.nights import IMAGE, Night, first_end, states
from tests.builders.runbooks import Block, Shell

pytestmark = pytest.mark.skipif(not node.can_run(), reason="this machine lets nobody have mounts of its own")


def test_a_run_from_its_start_to_its_end(night: Night) -> None:
    before = night.call("schedule", "status")
    assert [each["run"] for each in before["parts"]] == [None, None]
    done = night.cli.run("schedule", "run", "-o", "json", env=night.env)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (made,) = night.backups()
    assert (told["state"], told["exitStatus"]) == ("succeeded", 0)
    assert made in done.stderr, "its log is followed"
    assert told["message"], "the last line of its report"
    assert [name for name, *_ in night.told()] == ["lrs-backup"]
    assert 'cannot get resource "customresourcedefinitions"' in done.stderr, "a Role cannot give it; the backup does without"
    night.call("verify", made)
    status = night.call("schedule", "status")
    assert status["newest"]["name"] == made
    assert {each["part"]: each["run"] and each["run"]["state"] for each in status["parts"]} == {
        "backup": "succeeded",
        "prune": None,
    }
    assert all(each["next"] for each in status["parts"])
    (pod,) = night.items("pods")
    (job,) = night.items("jobs")
    assert job["metadata"]["ownerReferences"][0]["name"] == "lrs-backup"
    catalog = night.call("show", made)
    uid = night.plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    assert catalog["cluster"]["uid"] == uid, "the Role names one namespace alone; its uid tells whose file it is, which has that"
    night.call("schedule", "run")
    night.call("schedule", "run", "prune")
    assert len(night.backups()) == 1
    assert pod["status"]["phase"] == "Succeeded"


def test_a_recovery_is_proved(night: Night) -> None:
    """The pod `prove` has a Role and Secrets of its own; a Pushgateway is told when a backup was last proved."""
    night.cli.ok("backup", "--name", "saved", env=night.env)
    with Listener() as gateway:
        night.change(notify={"pushgatewayFile": "/etc/lrs/gateway"})
        where = ("secret", "generic", "gateway", "-n", night.namespace)
        night.plane.kubectl_run("create", *where, f"--from-literal=gateway={gateway.url}")
        night.call("schedule", "--apply", "--parts", "prove", "--prove-env", "store", "--prove-files", "gateway")
        done = night.call("schedule", "run", "prove")
        assert (done["state"], done["exitStatus"]) == ("succeeded", 0)
        assert done["message"].endswith("; backup saved restores: everything was proved")
        assert night.told() == [("lrs-prove", "NightlyDone", done["message"])]
        assert len(_pushed(gateway, "last_success_timestamp_seconds")) == 1
        assert _pushed(gateway, "exit_status") == [-1, 0]
        assert not any(each["metadata"]["name"].startswith("lrs-backup") for each in night.items("cronjobs"))

        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{night.namespace}/roles/lrs-prove"
        rules = night.plane.api("GET", path)[1]["rules"]
        less = [
            {**each, "verbs": [verb for verb in each["verbs"] if (each["resources"], verb) != (["lrs"], "create")]}
            for each in rules
        ]
        assert less != rules
        assert night.plane.api("PATCH", path, {"rules": less}, content_type="application/merge-patch+json")[0] == 200
        again = night.cli.start("schedule", "run", "prove", env=night.env)
        said = first_end(night, again, 5)
        assert "saved was NOT proved" in said
        assert f"you may not create lrs.lrs.datarobot.com in namespace {night.namespace}" in said
        assert _pushed(gateway, "exit_status")[:4] == [-1, 0, -1, 5]
        assert len(_pushed(gateway, "last_success_timestamp_seconds")) == 1, "that of the proof that there was stays"


def _pushed(gateway: Listener, name: str) -> list[float]:
    """What was told of the part `prove`, one after the other."""
    part = base64.urlsafe_b64encode(b"prove").decode()
    bodies = [each.body for each in gateway.heard if f"/part@base64/{part}/" in each.path]
    return [each.value for body in bodies for each in samples_of(body) if each.name == f"kubectl_lrs_run_{name}"]


@pytest.mark.campaign
def test_documents_are_proved_in_a_database_beside_the_applications(night: Night, app_alone: App) -> None:
    """Backup and rehearsal by pods, on a real MongoDB that both know by a file of their Secret; nothing is left there."""
    app_alone.fill(7, MINIMUM)
    night.change(mongo={"level": "minimum", "uriFile": "/etc/lrs/mongo-uri", "db": app_alone.name})
    where = ("secret", "generic", "files", "-n", night.namespace)
    night.plane.kubectl_run("create", *where, f"--from-literal=mongo-uri={app_alone.servers.uri()}")
    secrets = ("--backup-files", "files", "--prove-files", "files", "--prove-env", "store")
    night.call("schedule", "--apply", "--parts", "backup,prove", *secrets)
    first = night.call("schedule", "run", "backup", code=4)
    assert "does NOT agree: 7 errors" in first["message"], "documents of which no application is there"
    assert night.call("schedule", "run", "backup")["exitStatus"] == 0, "what the first pod has found, the second one knows"
    made = night.backups()[-1]
    before = app_alone.everything()
    inserted = _inserted(app_alone)
    done = night.call("schedule", "run", "prove")
    assert (done["exitStatus"], done["message"].rpartition("; ")[2]) == (0, f"backup {made} restores: everything was proved")
    assert _inserted(app_alone) - inserted >= 7 * len(MINIMUM), "each document was written, and not only read"
    assert app_alone.everything() == before
    assert [name for name in app_alone.client.list_database_names() if name.startswith("lrs_")] == []

    night.plane.kubectl_run("delete", "secret", "files", "-n", night.namespace)
    night.plane.kubectl_run("create", *where, "--from-literal=mongo-uri=mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=2000")
    said = night.call("schedule", "run", "prove", code=3)["message"]
    assert f"{made} was NOT proved to its end: mongo: " in said, "the LRS were, and the documents were not"


def _inserted(app: App) -> int:
    """How many documents its server has taken so far, whatever database they are of."""
    return int(app.client.admin.command("serverStatus")["metrics"]["document"]["inserted"])


def test_the_clock_begins_one(night: Night) -> None:
    """The only test that waits for the clock: all others begin a run themselves."""
    night.call("schedule", "--apply", "--cron", "* * * * *")
    loader.wait_until(lambda: bool(night.items("jobs")), "the controller of CronJobs to make a Job")
    loader.wait_until(lambda: bool(night.backups()), "a backup to be sealed")
    night.call("schedule", "--apply")
    loader.wait_until(
        lambda: bool(night.call("schedule", "status")["parts"][0]["lastSuccess"]), "the controller to tell of its success"
    )
    part = night.call("schedule", "status")["parts"][0]
    assert (part["run"]["state"], part["run"]["exitStatus"]) == ("succeeded", 0)
    assert part["lastScheduled"]


@pytest.mark.campaign
def test_a_secret_that_is_not_there(night: Night) -> None:
    """The pod waits, and that is said; once it is there the run goes on."""
    secret = night.plane.api("GET", f"/api/v1/namespaces/{night.namespace}/secrets/store")[1]
    night.plane.kubectl_run("delete", "secret", "store", "-n", night.namespace)
    run = night.cli.start("schedule", "run", env=night.env)
    loader.wait_until(lambda: any("waiting" in state for state in states(night)), "the pod to wait for its Secret")
    wrong = night.call("schedule", "status", code=4)["wrong"]
    assert 'CreateContainerConfigError: secret "store" not found' in wrong[0]["message"]
    assert "is not over" in night.cli.run("schedule", "run", env=night.env).stderr, "no second one beside it"
    made = {"metadata": {"name": "store"}, "data": secret["data"]}
    assert night.plane.api("POST", f"/api/v1/namespaces/{night.namespace}/secrets", made)[0] == 201
    _, said = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, said
    assert said.count("the pod does not begin") == 1
    night.call("schedule", "status")


def _waits(night: Night, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the run of the backup, as if all that a pod takes to begin was over."""
    monkeypatch.setattr(runs, "BEGINS", timedelta(0))
    kube = KubeClient(load(KubeFlags(kubeconfig=str(night.plane.kubeconfig), namespace=night.namespace), {}))
    own = Own(uids=frozenset(), profile="lrs", selection=Selection(namespace=night.namespace))
    where = open_repository(str(night.config.parent))
    found = status.look(kube, name="lrs", wanted=(), own=own, backups=lambda: where)
    (run,) = (each.run for each in found.parts if each.part == "backup" and each.run)
    assert [each.message for each in found.wrong if run.job in each.message] == [f"{run.job} does not begin: {run.waits}"]
    return run.waits


def _taken(night: Night, plural: str, name: str) -> dict[str, Any]:
    """An object of the schedule, which is gone then."""
    found = night.plane.api("GET", f"/api/v1/namespaces/{night.namespace}/{plural}/{name}")[1]
    night.plane.kubectl_run("delete", plural, name, "-n", night.namespace)
    kept = {key: value for key, value in found.items() if key not in ("metadata", "secrets")}
    return {**kept, "metadata": {"name": name, "labels": found["metadata"]["labels"]}}


def _given_back(night: Night, held: dict[tuple[str, str], dict[str, Any]], plural: str) -> None:
    (made,) = (each for (kind, _), each in held.items() if kind == plural)
    assert night.plane.api("POST", f"/api/v1/namespaces/{night.namespace}/{plural}", made)[0] == 201


@pytest.mark.campaign
def test_a_pod_that_may_not_be_made_and_one_whose_volumes_are_not_there(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of neither a status says why, and the Job would go on for a day."""
    held = {each: _taken(night, *each) for each in (("serviceaccounts", "lrs-backup"), ("configmaps", "lrs-config"))}
    run = night.cli.start("schedule", "run", env=night.env)
    loader.wait_until(
        lambda: any(each["reason"] == "FailedCreate" for each in night.items("events")), "the server to refuse a pod"
    )
    assert _waits(night, monkeypatch).startswith("no pod of it was made since")
    _given_back(night, held, "serviceaccounts")
    loader.wait_until(lambda: any("waiting" in state for state in states(night)), "the pod to wait for its volume")
    assert _waits(night, monkeypatch).startswith("its pod is made ready since")
    _given_back(night, held, "configmaps")
    _, said = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, said


@pytest.mark.campaign
def test_what_would_fail_again_is_not_tried_again(night: Night) -> None:
    """The installation file of another cluster: refused in the pod, once; the way back is another --apply."""
    path = f"/api/v1/namespaces/{night.namespace}/configmaps/lrs-config"
    config = yaml.safe_load(night.plane.api("GET", path)[1]["data"]["config.yaml"])
    config["cluster"] = {"uid": "00000000-0000-4000-8000-000000000000", "namespaceUid": "00000000-0000-4000-8000-000000000001"}
    other = {"data": {"config.yaml": yaml.safe_dump(config)}}
    assert night.plane.api("PATCH", path, other, content_type="application/merge-patch+json")[0] == 200
    done = night.cli.run("schedule", "run", env=night.env)
    assert done.returncode == 2, done.stderr
    assert "is about another cluster" in done.stderr
    assert len(night.items("pods")) == 1
    (trouble,) = night.call("schedule", "status", code=4)["wrong"]
    assert "failed with 2" in trouble["message"]
    assert "is about another cluster" in trouble["message"]
    assert night.backups() == []
    assert "another manager owns" in night.cli.run("schedule", "--apply", env=night.env).stderr
    night.plane.kubectl_run("delete", "configmap", "lrs-config", "-n", night.namespace)
    night.call("schedule", "--apply")
    night.call("schedule", "run")


def test_the_block_of_the_runbook(night: Night, tmp_path: Path) -> None:
    """Its installation file and its commands, out of the document; only what an installation has of its own is put in."""
    text = (runbooks.FOLDER / "nightly-and-disaster.md").read_text()
    file, rest = text[text.index("# prod.yaml;") :].split("```", 1)
    commands = next(each for each in rest.split("```") if "schedule --config prod.yaml --apply" in each)
    own = night.plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    endpoint = yaml.safe_load(night.config.read_text())["repository"]["endpoint"]
    (tmp_path / "mongo-uri").write_text("mongodb://mongo.example.com")
    put = {
        "0f3c2b1a-...": own,
        "registry.example.com/kubectl-lrs@sha256:...": IMAGE,
        "{url: s3://dr-backups/prod}": f"{{url: s3://{night.namespace}/lrs, endpoint: {endpoint}}}",
        "namespace: datarobot\n": f"namespace: {night.namespace}\n",
    }
    shell = Shell.prepared(tmp_path / "shell", night.plane.bin, night.plane.kubeconfig)
    shell.environment |= night.s3.environment
    night.config = shell.directory / "prod.yaml"
    night.config.write_text(_with(file, put))
    night.config.chmod(0o600)
    told = {"-n datarobot ": f"-n {night.namespace} ", "=/etc/lrs/mongo-uri": f"={tmp_path / 'mongo-uri'}"}
    said = shell.run(Block(_with(commands, told)))
    assert "lrs-backup" in said
    (backup,) = (each for each in night.items("cronjobs") if each["metadata"]["name"] == "lrs-backup")
    spec = backup["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert backup["spec"]["timeZone"] == "Europe/Berlin"
    assert [each["secretRef"]["name"] for each in spec["containers"][0]["envFrom"]] == ["lrs-store"]
    (volume,) = (each["secret"] for each in spec["volumes"] if "secret" in each)
    there = night.plane.api("GET", f"/api/v1/namespaces/{night.namespace}/secrets/{volume['secretName']}")[1]
    assert {each["key"] for each in volume["items"]} == set(there["data"]), "what the first command makes is what pods look for"
    config = night.plane.api("GET", f"/api/v1/namespaces/{night.namespace}/configmaps/lrs-config")[1]["data"]["config.yaml"]
    assert yaml.safe_load(config)["profile"] == "complete"


def _with(text: str, put: dict[str, str]) -> str:
    for old, new in put.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
