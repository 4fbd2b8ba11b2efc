"""Beside a running application, under other keys: what stops a restore, what warns, and what could not be looked at."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.mongo import MongoServers
from tests.builders.mongo_fixtures import App, app_on, forget_clients, wait_until_alone
from tests.conftest import Cli, Crd

DROP = ("--mongo-existing", "drop", "--yes")


def deployment(name: str, labels: dict[str, str] | None = None, replicas: int = 1) -> dict[str, Any]:
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "invented"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def create(plane: ControlPlane, namespace: str, *deployments: dict[str, Any]) -> None:
    for each in deployments:
        status, answer = plane.api("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", each)
        assert status == 201, answer


def write_keys(plane: ControlPlane, namespace: str, **keys: str) -> None:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "core-credentials"}, "data": data}
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}/secrets/core-credentials")
    assert plane.api("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)[0] == 201


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServers]:
    """A standalone that no other test has connected to."""
    with MongoServers.start(tmp_path_factory.mktemp("lonely")) as servers:
        yield servers


@pytest.fixture
def quiet(lonely: MongoServers) -> Iterator[App]:
    """The application's database, filled, with nobody connected."""
    for app in app_on(lonely):
        app.fill(3)
        app.client.close()
        wait_until_alone(lonely)
        yield app


def save(cli: Cli, namespace: str, app: App) -> None:
    cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=app.environment)


def test_nobody_is_there(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App) -> None:
    """Scaled to 0, Deployments of others, and the operator do not stand in the way."""
    create(plane, namespace, deployment("mmapp-app", replicas=0), deployment("stranger"))
    create(plane, namespace, deployment("lrs-operator", {"release": "dr"}))
    save(cli, namespace, quiet)
    cli.ok("restore", "saved", *DROP, env=quiet.environment)


@pytest.mark.parametrize(("name", "labels"), [("mmapp-app", {}), ("worker", {"release": "dr"})])
def test_a_running_application(
    cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App, name: str, labels: dict[str, str]
) -> None:
    save(cli, namespace, quiet)
    create(plane, namespace, deployment(name, labels))
    done = cli.run("restore", "saved", *DROP, env=quiet.environment)
    assert done.returncode == 1
    assert f"error: the application is running in {namespace}: {name}" in done.stderr
    assert "--allow-running-app" in done.stderr
    merged = cli.run("restore", "saved", env=quiet.environment)
    assert merged.returncode == 0
    assert f"warning: the application is running in {namespace}: {name}" in merged.stderr
    allowed = cli.run("restore", "saved", *DROP, "--allow-running-app", env=quiet.environment)
    assert allowed.returncode == 0
    assert f"warning: the application is running in {namespace}" in allowed.stderr


def test_another_client(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """Members of the replica set, and ourselves, are none."""
    app.fill(3)
    save(cli, namespace, app)
    web = app.servers.client(appname="web-frontend")
    web.admin.command("ping")
    forget_clients()
    done = cli.run("restore", "saved", *DROP, env=app.environment)
    web.close()
    assert done.returncode == 1
    assert "error: other clients are connected to MongoDB" in done.stderr
    assert "web-frontend from 127.0.0.1" in done.stderr
    assert "kubectl-lrs" not in done.stderr
    assert "OplogFetcher" not in done.stderr


def test_what_may_not_be_looked_at_is_said(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, app: App) -> None:
    """Who is connected is not known: then the application must be seen to be stopped, or the user must say so."""
    app.fill(3)
    save(cli, namespace, app)
    app.client[app.name].command({"createUser": "plain", "pwd": "pw", "roles": ["readWrite", "dbAdmin"]})
    try:
        env = {"LRS_MONGO_URI": app.servers.uri("plain", "pw", authSource=app.name)}
        refused = cli.run("restore", "saved", "--tier", "mongo", *DROP, env=env)
        create(plane, namespace, deployment("mmapp-app", replicas=0))
        done = cli.run("restore", "saved", "--tier", "mongo", *DROP, env=env)
    finally:
        app.client[app.name].command({"dropUser": "plain"})
    assert refused.returncode == 1
    assert "error: whether anybody uses these collections is not known" in refused.stderr
    assert "--allow-running-app" in refused.stderr
    assert "whether others use the database could not be looked at" in done.stderr
    assert done.returncode == 0, done.stderr
    assert "encryption keys: Secret" in done.stderr or "holds no fingerprints" in done.stderr


def test_the_same_keys(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App) -> None:
    write_keys(plane, namespace, asymmetrickey="one", drsecurekey="two", other="x")
    save(cli, namespace, quiet)
    text = (cli.directory / "saved" / "backup.json").read_text()
    facts = json.loads(text)["tiers"]["mongo"]["keys"]
    assert facts["fingerprints"].keys() == {"asymmetrickey", "drsecurekey"}
    assert base64.b64encode(b"one").decode() not in text
    done = cli.run("restore", "saved", *DROP, env=quiet.environment)
    assert done.returncode == 0
    assert "keys" not in done.stderr


def test_other_keys(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App) -> None:
    write_keys(plane, namespace, asymmetrickey="one", drsecurekey="two")
    save(cli, namespace, quiet)
    write_keys(plane, namespace, asymmetrickey="one", drsecurekey="three")
    done = cli.run("restore", "saved", env=quiet.environment)
    assert done.returncode == 1
    assert f"Secret {namespace}/core-credentials holds another drsecurekey than at backup" in done.stderr
    ignored = cli.run("restore", "saved", "--ignore-keys", env=quiet.environment)
    assert ignored.returncode == 0
    assert "warning: Secret" in ignored.stderr


def test_keys_that_are_gone_at_restore(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App) -> None:
    write_keys(plane, namespace, asymmetrickey="one", drsecurekey="two")
    save(cli, namespace, quiet)
    plane.api("DELETE", f"/api/v1/namespaces/{namespace}/secrets/core-credentials")
    done = cli.run("restore", "saved", env=quiet.environment)
    assert done.returncode == 1
    assert f"error: Secret {namespace}/core-credentials does not exist, and did at backup" in done.stderr
    ignored = cli.run("restore", "saved", "--ignore-keys", env=quiet.environment)
    assert ignored.returncode == 0
    assert "warning: Secret" in ignored.stderr


def test_keys_that_are_not_there(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, quiet: App) -> None:
    arguments = ("backup", "-n", namespace, "--mongo", "complete", "--name", "saved")
    done = cli.run(*arguments, env=quiet.environment)
    assert done.returncode == 0
    assert f"Secret {namespace}/core-credentials does not exist" in done.stderr
    assert "the backup holds no fingerprints" in cli.run("restore", "saved", env=quiet.environment).stderr
