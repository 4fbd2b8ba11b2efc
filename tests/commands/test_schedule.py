"""Nightly runs in the cluster: what is printed, made, brought up to date and taken away again, by the real API server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, Crd

IMAGE = f"registry.example.com/kubectl-lrs@sha256:{'0' * 64}"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
LABELS = "app.kubernetes.io/managed-by=kubectl-lrs"
CRON_JOBS = "/apis/batch/v1/namespaces/{}/cronjobs"
MERGE = "application/merge-patch+json"

Write = Callable[..., Path]


@pytest.fixture
def write(plane: ControlPlane, namespace: str, tmp_path: Path) -> Write:
    """Writes the installation file of this cluster: a bucket, and what `settings` say besides."""
    uid = plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]

    def written(**more: Any) -> Path:
        path = tmp_path / "prod.yaml"
        settings: dict[str, Any] = {
            "cluster": {"uid": uid, "context": "bed"},
            "namespace": namespace,
            "repository": {"url": "s3://backups/lrs", "endpoint": "https://s3.example.com"},
            "retention": {"keepDaily": 7},
            "schedule": {"image": IMAGE, "backupEnv": ["store"], "pruneEnv": ["store-prune"]},
        }
        for key, value in more.items():
            settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(settings))
        path.chmod(0o600)
        return path

    return written


@pytest.fixture
def restricted(plane: ControlPlane, namespace: str) -> str:
    """The namespace, whose pods must be as the restricted standard wants them."""
    code, _ = plane.api("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}}, content_type=MERGE)
    assert code == 200
    return namespace


def there(plane: ControlPlane, namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Every object of ours in a namespace, by its kind and name."""
    kinds = "configmaps,serviceaccounts,roles,rolebindings,cronjobs"
    found = json.loads(plane.kubectl_run("get", kinds, "-n", namespace, "-l", LABELS, "-o", "json").stdout)
    return {(each["kind"], each["metadata"]["name"]): each for each in found["items"]}


def results(text: str) -> dict[str, str]:
    """Object → what became of it."""
    return {item["name"]: item["state"] for item in json.loads(text)["items"]}


ALL = {
    ("ConfigMap", "lrs-config"),
    ("ServiceAccount", "lrs-backup"),
    ("ServiceAccount", "lrs-prune"),
    ("Role", "lrs-backup"),
    ("RoleBinding", "lrs-backup"),
    ("CronJob", "lrs-backup"),
    ("CronJob", "lrs-prune"),
}


# ---- printed


def test_what_is_printed_is_accepted_by_the_server(
    plane: ControlPlane, crd: Crd, cli: Cli, restricted: str, write: Write
) -> None:
    path = write(profile="complete", files={"url": "s3://datarobot/storage"}, images={"pullSecrets": True})
    printed = cli.ok("schedule", "--config", path)
    objects = [each for each in yaml.safe_load_all(printed) if each]
    assert {(each["kind"], each["metadata"]["name"]) for each in objects} == ALL
    assert there(plane, restricted) == {}, "nothing was made"
    tried = plane.kubectl_run("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=printed)
    assert "Warning" not in tried.stderr, "the pods are as the restricted standard wants them"
    assert json.loads(cli.ok("schedule", "--config", path, "-o", "json"))["objects"] == objects
    assert cli.ok("schedule", "--config", path, "-o", "name").split()[0] == "configmap/lrs-config"
    assert cli.ok("schedule", "--config", path, "--dry-run=client", "--apply") == printed


def test_what_stands_in_it(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write) -> None:
    annotations = {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/lrs"}
    path = write(
        profile="minimum",
        mongo={"secret": "own-mongo"},
        schedule={"backupAnnotations": annotations, "timeZone": "Europe/Berlin", "cron": "3 2 * * *", "memory": "1Gi"},
    )
    made = {
        (each["kind"], each["metadata"]["name"]): each
        for each in yaml.safe_load_all(cli.ok("schedule", "--config", path))
        if each
    }
    config = yaml.safe_load(made["ConfigMap", "lrs-config"]["data"]["config.yaml"])
    own = plane.api("GET", f"/api/v1/namespaces/{namespace}")[1]["metadata"]["uid"]
    assert config["cluster"]["namespaceUid"] == own
    assert "context" not in config["cluster"]
    assert "schedule" not in config
    assert made["ServiceAccount", "lrs-backup"]["metadata"]["annotations"] == annotations
    assert "annotations" not in made["ServiceAccount", "lrs-prune"]["metadata"]
    job = made["CronJob", "lrs-backup"]["spec"]
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("3 2 * * *", "Europe/Berlin", "Forbid")
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "1Gi"
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "store"}}]
    prune = made["CronJob", "lrs-prune"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert (pod["automountServiceAccountToken"], prune["automountServiceAccountToken"]) == (True, False)
    assert prune["containers"][0]["envFrom"] == [{"secretRef": {"name": "store-prune"}}]
    rules = {tuple(rule["resources"]): rule for rule in made["Role", "lrs-backup"]["rules"]}
    assert rules["lrs",]["verbs"] == ["list"]
    assert rules["secrets",]["resourceNames"] == ["own-mongo"]
    assert rules["namespaces",]["resourceNames"] == [namespace]
    assert ("Role", "lrs-prune") not in made, "it has no rights in the cluster"


def test_files_are_keys_of_a_secret_that_is_named_and_never_read(
    plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write, tmp_path: Path
) -> None:
    for name in ("uri", "options"):
        (tmp_path / name).write_text("mongodb://user:hunter2@host/")
    files = {"mongo": {"uriFile": "uri", "db": "MMApp"}, "repository": {"optionsFile": str(tmp_path / "options")}}
    refused = cli.run("schedule", "--config", write(profile="minimum", **files))
    assert (refused.returncode, "--backup-files NAME" in refused.stderr) == (2, True), refused.stderr
    told = {"backupFiles": "keys", "pruneFiles": "prune-keys"}
    path = write(profile="minimum", schedule=told, **files)
    done = cli.run("schedule", "--config", path, "--apply", "-v", "6")
    assert done.returncode == 0, done.stderr
    assert "/secrets" not in done.stderr
    assert "hunter2" not in done.stderr + done.stdout + json.dumps(list(there(plane, namespace).values()))
    made = there(plane, namespace)
    config = yaml.safe_load(made["ConfigMap", "lrs-config"]["data"]["config.yaml"])
    assert (config["mongo"]["uriFile"], config["repository"]["optionsFile"]) == ("/etc/lrs/uri", "/etc/lrs/options")
    keys = {}
    for part in ("backup", "prune"):
        pod = made["CronJob", f"lrs-{part}"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        secret = next(each["secret"] for each in pod["volumes"] if "secret" in each)
        keys[part] = secret["secretName"], sorted(each["key"] for each in secret["items"])
    assert keys == {"backup": ("keys", ["options", "uri"]), "prune": ("prune-keys", ["options"])}
    assert ("secrets",) not in [tuple(rule["resources"]) for rule in made["Role", "lrs-backup"]["rules"]], "there is a URI"


# ---- made, and brought up to date


def test_twice_is_once(plane: ControlPlane, crd: Crd, cli: Cli, restricted: str, write: Write) -> None:
    path = write()
    tried = cli.ok("schedule", "--config", path, "--apply", "--dry-run=server", "-o", "json")
    assert (set(results(tried).values()), there(plane, restricted)) == ({"created"}, {})
    first = cli.run("schedule", "--config", path, "--apply", "-o", "json")
    assert first.returncode == 0, first.stderr
    assert results(first.stdout) == {f"{kind}/{name}": "created" for kind, name in ALL}
    made = there(plane, restricted)
    assert set(made) == ALL
    second = cli.ok("schedule", "--config", path, "--apply", "-o", "json")
    assert set(results(second).values()) == {"unchanged"}
    assert there(plane, restricted) == made, "nothing was written"
    assert "7 unchanged" in cli.ok("schedule", "--config", path, "--apply")
    changed = cli.ok("schedule", "--config", path, "--apply", "--cron", "5 5 * * *", "-o", "json")
    assert {name: state for name, state in results(changed).items() if state != "unchanged"} == {"CronJob/lrs-backup": "updated"}
    less = cli.ok("schedule", "--config", path, "--apply", "--parts", "backup", "-o", "json")
    assert results(less)["CronJob/lrs-prune"] == "removed"
    assert ("CronJob", "lrs-prune") not in there(plane, restricted)


def test_a_quantity_that_the_server_writes_otherwise(
    plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write
) -> None:
    """It holds 1024Mi as 1Gi: that is what was asked for, and no webhook's work."""
    path = write(schedule={"memory": "1024Mi", "room": "1.5G"})
    for state in ("created", "unchanged"):
        done = cli.run("schedule", "--config", path, "--apply", "-o", "json")
        assert (done.returncode, set(results(done.stdout).values())) == (0, {state}), done.stdout


def test_what_another_manager_owns_stays(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write) -> None:
    path = write()
    cli.ok("schedule", "--config", path, "--apply")
    where = f"{CRON_JOBS.format(namespace)}/lrs-backup"
    theirs = {"metadata": {"annotations": {"team": "platform"}}, "spec": {"suspend": True}}
    assert plane.api("PATCH", f"{where}?fieldManager=them", theirs, content_type=MERGE)[0] == 200
    again = cli.ok("schedule", "--config", path, "--apply", "-o", "json")
    assert set(results(again).values()) == {"unchanged"}
    said = {each["name"] for each in json.loads(again)["objects"] if "suspended" in each["message"]}
    assert said == {"lrs-backup"}, "whoever applies it thinks that it runs"
    held = plane.api("GET", where)[1]
    assert (held["metadata"]["annotations"]["team"], held["spec"]["suspend"]) == ("platform", True)
    assert plane.api("PATCH", f"{where}?fieldManager=them", {"spec": {"schedule": "9 9 * * *"}}, content_type=MERGE)[0] == 200
    before = there(plane, namespace)
    for words in ((), ("--dry-run=server",)):
        refused = cli.run("schedule", "--config", path, "--apply", "--prune-cron", "8 8 * * *", *words)
        assert refused.returncode == 1
        assert all(word in refused.stderr for word in ("them", "schedule", "another manager owns")), refused.stderr
        assert there(plane, namespace) == before, "none of it was written"


@pytest.mark.parametrize("kind", ["configmap", "serviceaccount", "role"])
def test_what_others_made_is_left_alone(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write, kind: str) -> None:
    name = "lrs-config" if kind == "configmap" else "lrs-backup"
    more = ("--verb=get", "--resource=pods") if kind == "role" else ()
    plane.kubectl_run("create", kind, name, "-n", namespace, *more)
    path = write()
    refused = cli.run("schedule", "--config", path, "--apply")
    assert refused.returncode == 1
    assert "was not made by this command" in refused.stderr
    assert there(plane, namespace) == {}
    cli.ok("schedule", "--config", path, "--apply", "--schedule-name", "other")
    assert cli.ok("schedule", "--config", path, "--delete", "--schedule-name", "other", "-o", "name").count("\n") == len(ALL)
    plane.kubectl_run("get", kind, name, "-n", namespace)


def test_delete_takes_what_was_made_and_nothing_else(
    plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write
) -> None:
    path = write()
    cli.ok("schedule", "--config", path, "--apply")
    cli.ok("schedule", "--config", path, "--apply", "--schedule-name", "other")
    plane.kubectl_run("create", "secret", "generic", "store", "-n", namespace, "--from-literal=a=b")
    before = there(plane, namespace)
    tried = cli.ok("schedule", "--config", path, "--delete", "--dry-run=server", "-o", "json")
    assert (set(results(tried).values()), there(plane, namespace)) == ({"removed"}, before)
    cli.ok("schedule", "--config", path, "--delete")
    assert {name for _, name in there(plane, namespace)} == {"other-config", "other-backup", "other-prune"}
    plane.kubectl_run("get", "secret", "store", "-n", namespace)
    again = cli.run("schedule", "--config", path, "--delete")
    assert (again.returncode, "nothing of schedule 'lrs'" in again.stderr) == (0, True)


def test_all_namespaces(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write) -> None:
    path = write(allNamespaces=True)
    cli.ok("schedule", "--config", path, "--apply")
    name = f"lrs-backup-{namespace}"
    role = json.loads(plane.kubectl_run("get", "clusterrole", name, "-o", "json").stdout)
    assert role["rules"] == [{"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]}]
    cli.ok("schedule", "--config", path, "--delete")
    for kind in ("clusterrole", "clusterrolebinding"):
        assert plane.kubectl_run("get", kind, name, check=False).returncode == 1


# ---- refused


@pytest.mark.parametrize(
    ("more", "words", "said"),
    [
        ({"schedule": {"image": "x y"}}, (), "is no image"),
        ({"repository": {"url": "backups", "endpoint": None}}, (), "a folder of this machine"),
        ({"files": {"url": "file:///srv"}}, (), "a folder of this machine"),
        ({}, ("--cron", "1 2 3"), "no schedule of a CronJob"),
        ({}, ("--prune-cron", "61 * * * *"), "--prune-cron"),
        ({}, ("--time-zone", "Mars/Olympus"), "no time zone"),
        ({}, ("--memory", "lots"), "--memory"),
        ({}, ("--schedule-name", "Not_A_Name"), "--schedule-name"),
        ({}, ("--backup-env", "No Secret"), "--backup-env"),
        ({}, ("--backup-files", "unused"), "--backup-files says nothing"),
        ({}, ("--backup-annotation", "novalue"), "KEY=VALUE"),
        ({}, ("--parts", "backup,rotate"), "rotate"),
        ({"retention": {"keepDaily": None}}, (), "nothing says which backups are to be kept"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write, more: dict[str, Any], words: tuple[str, ...], said: str
) -> None:
    path = write(**more)
    settings = yaml.safe_load(path.read_text())
    cleaned = {
        key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        for key, value in settings.items()
    }
    path.write_text(yaml.safe_dump({key: value for key, value in cleaned.items() if value != {}}))
    refused = cli.run("schedule", "--config", path, "--apply", *words)
    assert (refused.returncode, said in refused.stderr) == (2, True), refused.stderr
    assert there(plane, namespace) == {}


def test_it_needs_an_installation_file(cli: Cli, crd: Crd) -> None:
    refused = cli.run("schedule", "--image", IMAGE)
    assert (refused.returncode, "config init makes one" in refused.stderr) == (2, True)


def test_rights_of_who_calls_it(plane: ControlPlane, crd: Crd, cli: Cli, namespace: str, write: Write, tmp_path: Path) -> None:
    """Without those on Roles nothing is half made, as it is tried as a whole first; with what the document says all is made."""
    verbs = ["get", "list", "create", "patch", "delete"]
    rbac = "rbac.authorization.k8s.io"
    without = [
        {"apiGroups": ["", "batch"], "resources": ["configmaps", "serviceaccounts", "cronjobs"], "verbs": verbs},
        {"apiGroups": [rbac], "resources": ["roles", "rolebindings"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": [namespace], "verbs": ["get"]},
        {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]
    base = f"/apis/{rbac}/v1/namespaces/{namespace}"
    subject = {"apiGroup": rbac, "kind": "User", "name": "user-9"}
    ref = {"apiGroup": rbac, "kind": "Role", "name": "limited"}
    plane.api("POST", f"{base}/roles", {"metadata": {"name": "limited"}, "rules": without})
    plane.api("POST", f"{base}/rolebindings", {"metadata": {"name": "limited"}, "roleRef": ref, "subjects": [subject]})
    path = write(cluster={"namespaceUid": plane.api("GET", f"/api/v1/namespaces/{namespace}")[1]["metadata"]["uid"]})
    limited = Cli(plane.write_kubeconfig(tmp_path / "limited", token=plane.tokens["user-9"]), cli.directory)
    loader.wait_until(lambda: limited.run("schedule", "--config", path).returncode == 0, "the rights to be known")
    refused = limited.run("schedule", "--config", path, "--apply")
    assert (refused.returncode, "roles" in refused.stderr) == (5, True), refused.stderr
    assert there(plane, namespace) == {}
    rules = [*without, {"apiGroups": [rbac], "resources": ["roles", "rolebindings"], "verbs": verbs}]
    assert plane.api("PATCH", f"{base}/roles/limited", {"rules": rules}, content_type=MERGE)[0] == 200
    loader.wait_until(
        lambda: limited.run("schedule", "--config", path, "--apply", "--dry-run=server").returncode == 0, "the rights to be known"
    )
    assert there(plane, namespace) == {}
    assert set(results(limited.ok("schedule", "--config", path, "--apply", "-o", "json")).values()) == {"created"}
    assert set(results(limited.ok("schedule", "--config", path, "--apply", "-o", "json")).values()) == {"unchanged"}
    assert set(results(limited.ok("schedule", "--config", path, "--delete", "-o", "json")).values()) == {"removed"}
