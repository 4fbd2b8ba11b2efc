"""Nightly runs by the real controllers: a CronJob fires, its Job makes a pod, which is run as a process in all that a pod has.

Pods are admitted by the restricted Pod Security Standard, as the real API server enforces it.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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
from tests.bed import loader, node, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.node import Node
from tests.bed.s3 import S3
from tests.bed.s3_between import Answer, Between, Forward, Gate, Request
from tests.bed.standin import Hold
from tests.builders import runbooks
from tests.builders.listener import Listener
from tests.builders.mongo_fixtures import App
from tests.builders.runbooks import Block, Shell
from tests.conftest import Cli, Crd

pytestmark = pytest.mark.skipif(not node.can_run(), reason="this machine lets nobody have mounts of its own")

IMAGE = f"registry.example.com/kubectl-lrs@sha256:{'0' * 64}"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass
class Night:
    """An installation whose nights are set up: a namespace with LRS, a bucket, a node, an administrator."""

    plane: ControlPlane
    namespace: str
    node: Node
    s3: S3
    cli: Cli
    config: Path
    gate: Gate

    @property
    def env(self) -> dict[str, str]:
        """The administrator's."""
        return {**self.s3.environment, "LRS_CONFIG": str(self.config)}

    def call(self, *words: str, code: int = 0) -> dict[str, Any]:
        """A command as administrator; its document."""
        done = self.cli.run(*words, "-o", "json", env=self.env)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return dict(json.loads(done.stdout))

    def backups(self) -> list[str]:
        """The names of all that are sealed."""
        return [each["name"] for each in self.call("list")["backups"]]

    def items(self, plural: str) -> list[dict[str, Any]]:
        """Objects of the namespace."""
        group = "/apis/batch/v1" if plural in ("jobs", "cronjobs") else "/api/v1"
        code, found = self.plane.api("GET", f"{group}/namespaces/{self.namespace}/{plural}")
        assert code == 200
        return list(found["items"])

    def told(self) -> list[tuple[str, str, str]]:
        """The Events on CronJobs that the product has made: (name, reason, message)."""
        made = (each for each in self.items("events") if "lrs" in each["reportingComponent"])
        return [(each["involvedObject"]["name"], each["reason"], each["message"]) for each in made]

    def change(self, **settings: Any) -> None:
        """Sections of the installation file."""
        self.config.write_text(yaml.safe_dump(yaml.safe_load(self.config.read_text()) | settings))

    def pod(self) -> dict[str, Any]:
        """The one that runs; waits until it does."""
        loader.wait_until(lambda: bool(self.node.running()), "a pod to run")
        uid = self.node.running()[0]
        return next(each for each in self.items("pods") if each["metadata"]["uid"] == uid)


@pytest.fixture
def between(s3: S3) -> Iterator[tuple[Between, Gate]]:
    gate = Gate()
    with Between(s3, gate) as running:
        yield running, gate


@pytest.fixture
def night(
    plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, s3: S3, between: tuple[Between, Gate], tmp_path: Path
) -> Iterator[Night]:
    way, gate = between
    labels = {"metadata": {"labels": RESTRICTED}}
    assert plane.api("PATCH", f"/api/v1/namespaces/{namespace}", labels, content_type="application/merge-patch+json")[0] == 200
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[:5])
    (s3.buckets / namespace).mkdir()
    path = tmp_path / "prod.yaml"
    settings = {
        "cluster": {"uid": plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]},
        "namespace": namespace,
        "repository": {"url": f"s3://{namespace}/lrs", "endpoint": way.endpoint},
        "retention": {"keepLast": 1, "minimum": 1},
        "schedule": {"image": IMAGE, "backupEnv": ["store"], "pruneEnv": ["store"]},
    }
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    plane.kubectl_run(
        "create",
        "secret",
        "generic",
        "store",
        "-n",
        namespace,
        *(f"--from-literal={key}={value}" for key, value in s3.environment.items()),
    )
    with Node(plane, namespace, tmp_path / "node", {IMAGE: node.product()}) as running:
        made = Night(plane, namespace, running, s3, cli, path, gate)
        cli.ok("repository", "init", env=made.env)
        made.call("schedule", "--apply")
        yield made
        gate.hold.freed.set()
        made.call("schedule", "--delete")


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
        said = _first_end(night, again, 5)
        assert "saved was NOT proved" in said
        assert f"you may not create lrs.lrs.datarobot.com in namespace {night.namespace}" in said
        assert _pushed(gateway, "exit_status")[:4] == [-1, 0, -1, 5]
        assert len(_pushed(gateway, "last_success_timestamp_seconds")) == 1, "that of the proof that there was stays"


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


def _first_end(night: Night, run: subprocess.Popen[str], code: int) -> str:
    """The termination message of the first pod that ends so. Its Job would try again, which nobody waits for."""

    def ends() -> list[str]:
        over = (state["terminated"] for state in _states(night) if "terminated" in state)
        return [each["message"] for each in over if each["exitCode"] == code]

    loader.wait_until(lambda: bool(ends()), f"a pod to end with {code}")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=loader.PATIENCE)
    return ends()[0]


def _pushed(gateway: Listener, name: str) -> list[float]:
    """What was told of the part `prove`, one after the other."""
    part = base64.urlsafe_b64encode(b"prove").decode()
    bodies = [each.body for each in gateway.heard if f"/part@base64/{part}/" in each.path]
    return [each.value for body in bodies for each in samples_of(body) if each.name == f"kubectl_lrs_run_{name}"]


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
    loader.wait_until(lambda: any("waiting" in state for state in _states(night)), "the pod to wait for its Secret")
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
    loader.wait_until(lambda: any("waiting" in state for state in _states(night)), "the pod to wait for its volume")
    assert _waits(night, monkeypatch).startswith("its pod is made ready since")
    _given_back(night, held, "configmaps")
    _, said = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, said


def _states(night: Night) -> Iterator[dict[str, Any]]:
    for pod in night.items("pods"):
        yield from (each["state"] for each in pod["status"].get("containerStatuses") or ())


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


# ---- the runbook


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


# ---- several pods for one backup

SHARDS = 8
JOB = "batch.kubernetes.io/job-name"
INDEX = "batch.kubernetes.io/job-completion-index"


@dataclass
class Meddling:
    """What lies between pods and the storage of files: files that are refused, and those whose first request is held."""

    refused: set[str]
    held: dict[str, Hold]

    def __call__(self, request: Request, _forward: Forward) -> Answer | None:
        name = request.path.partition("?")[0].rpartition("/")[2]
        if "/storage/" not in request.path or request.method != "GET":
            return None
        if name in self.refused:
            return Answer.error(403, "AccessDenied")
        if hold := self.held.pop(name, None):
            hold()
        return None


def _sharded(night: Night, between: Between) -> None:
    """Eight files of a size, and pods that copy them."""
    for number in range(SHARDS):
        path = night.s3.buckets / night.namespace / "storage" / f"f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([number]) * 5000)
    night.change(files={"url": f"s3://{night.namespace}/storage", "endpoint": between.endpoint, "level": "copy", "all": True})
    night.call("schedule", "--apply", "--shards", str(SHARDS))


def _copying(night: Night) -> dict[str, list[dict[str, Any]]]:
    """The pods that copy, by their index."""
    found: dict[str, list[dict[str, Any]]] = {}
    for pod in night.items("pods"):
        if index := pod["metadata"]["labels"].get(INDEX):
            found.setdefault(index, []).append(pod)
    return found


def _as_by_one_process(night: Night, made: str, tmp_path: Path) -> None:
    """The backup has the files, the list of them and the sums that one process makes."""
    night.cli.ok("repository", "init", tmp_path / "alone")
    night.cli.ok("backup", "--name", "one", "--backup-dir", tmp_path / "alone", env=night.env)
    night.cli.ok("export", "one", tmp_path / "one", "--backup-dir", tmp_path / "alone")
    night.cli.ok("export", made, tmp_path / "several", env=night.env)
    night.call("verify", made, "--full")
    one, several = (_sums_of_files(tmp_path / each) for each in ("one", "several"))
    assert len(one) == SHARDS + 1
    assert several == one


def _sums_of_files(folder: Path) -> list[str]:
    return [line for line in (folder / "SHA256SUMS").read_text().splitlines() if "  files" in line]


@pytest.mark.campaign
def test_an_indexed_job_copies_the_files(night: Night, between: tuple[Between, Gate], tmp_path: Path) -> None:
    """Two segments fail at first, a pod is killed in the middle, and so is the one that coordinates; its next one waits for the
    same Job, and seals what one process would."""
    way, _ = between
    _sharded(night, way)
    killed, last = Hold(), Hold()
    meddling = Meddling({"f2", "f5"}, {"f3": killed, "f7": last})
    way.rule = meddling
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert killed.seen.wait(loader.PATIENCE)
    (pod,) = _copying(night)["3"]
    night.node.kill(pod["metadata"]["uid"], signal.SIGKILL)
    killed.freed.set()
    loader.wait_until(lambda: all(_failed(night, each) for each in "235"), "three pods to fail")
    meddling.refused.clear()
    (first,) = (each for each in night.items("pods") if INDEX not in each["metadata"]["labels"])
    assert last.seen.wait(loader.PATIENCE)
    night.node.kill(first["metadata"]["uid"], signal.SIGKILL)

    def second() -> str:
        uids = [each["metadata"]["uid"] for each in night.items("pods") if INDEX not in each["metadata"]["labels"]]
        return "".join(night.node.written(uid) for uid in uids if uid != first["metadata"]["uid"] and uid in night.node.running())

    loader.wait_until(lambda: "goes on, and is waited for" in second(), "another one to find the Job that is there")
    assert len([each for each in night.items("jobs") if each["spec"].get("completionMode") == "Indexed"]) == 1
    last.freed.set()
    said, log = run.communicate(timeout=2 * loader.PATIENCE)
    assert (run.returncode, json.loads(said)["exitStatus"]) == (0, 0), log
    assert log.count("segments are copied by Job") == 1, "the second one finds all of them marked"
    (made,) = night.backups()
    _as_by_one_process(night, made, tmp_path)
    loader.wait_until(lambda: not _copying(night), "the Job to be removed, with its pods")


def _failed(night: Night, index: str) -> bool:
    return any(each["status"]["phase"] == "Failed" for each in _copying(night).get(index, ()))


# ---- faults in mid-run


def test_a_node_is_drained_in_mid_run(night: Night) -> None:
    """SIGTERM: the run puts away what it has begun; a disruption is no failure, and another pod makes the backup."""
    night.gate.fits = lambda request: request.method == "PUT"
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert night.gate.hold.seen.wait(loader.PATIENCE)
    pod = night.pod()
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": night.namespace}}
    code, answer = night.plane.api("POST", f"/api/v1/namespaces/{night.namespace}/pods/{name}/eviction", eviction)
    assert code == 201, answer
    loader.wait_until(lambda: night.node.was_told(uid), "the node to send SIGTERM")
    night.gate.fits = lambda _request: False
    night.gate.hold.freed.set()
    said, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert night.node.ended(uid) == 130, night.node.written(uid)
    assert json.loads(said)["exitStatus"] == 0
    (job,) = night.items("jobs")
    assert job["status"]["succeeded"] == 1
    assert job["status"].get("failed", 0) == 0, "a disruption does not count"
    (made,) = night.backups()
    night.call("verify", made, "--full")
    night.call("schedule", "status")


def test_the_token_is_over_in_mid_run(night: Night) -> None:
    """The server knows it no more; the node has laid a new one, and the run goes on with that to list the LRS."""
    night.gate.fits = lambda request: request.method in ("GET", "HEAD", "PUT")
    run = night.cli.start("schedule", "run", "-o", "json", env=night.env)
    assert night.gate.hold.seen.wait(loader.PATIENCE)
    pod = night.pod()
    account = f"/api/v1/namespaces/{night.namespace}/serviceaccounts/lrs-backup"
    there = night.plane.api("GET", account)[1]
    assert night.plane.api("DELETE", account)[0] == 200
    again = {key: there["metadata"][key] for key in ("name", "labels")}
    body = {"metadata": again, "automountServiceAccountToken": False}
    assert night.plane.api("POST", account.rpartition("/")[0], body)[0] == 201
    old = night.node.token(pod)
    loader.wait_until(lambda: night.plane.api("GET", "/api", token=old)[0] == 401, "the old token to be over")
    night.node.renew(pod)
    night.gate.hold.freed.set()
    _, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert len(night.items("pods")) == 1, "it was the same run"
    assert len(night.backups()) == 1


@pytest.mark.campaign
def test_the_storage_is_gone(night: Night) -> None:
    """It ends with 5, and is tried again by the Job; when the storage is back the backup is made."""
    night.s3.stop()
    try:
        run = night.cli.start("schedule", "run", env=night.env)
        loader.wait_until(lambda: any("terminated" in state for state in _states(night)), "the first pod to give up")
        ends = [state["terminated"] for state in _states(night) if "terminated" in state]
        assert ends[0]["exitCode"] == 5, ends
        assert ends[0]["message"].startswith("nightly run: exit status 5: ")
        assert f"s3://{night.namespace}/lrs" in ends[0]["message"], "which storage"
        assert night.cli.run("schedule", "status", env=night.env).returncode == 5
    finally:
        night.s3.start()
    _, log = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 0, log
    assert len(night.backups()) == 1


def test_the_disk_of_a_pod_is_full(night: Night) -> None:
    """Nothing can be written to /tmp: the run says so, ends with its status, and leaves its Event and its message."""
    night.node.sizes["tmp"] = "4k"
    run = night.cli.start("schedule", "run", env=night.env)
    message = _first_end(night, run, 1)
    (name, reason, said), *_ = night.told()
    assert (name, reason) == ("lrs-backup", "NightlyFailed")
    for each in (message, said):
        assert "exit status 1" in each
        assert "o space left" in each
    assert night.backups() == []


# ---- rights


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
            said = _first_end(night, run, 5)
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
