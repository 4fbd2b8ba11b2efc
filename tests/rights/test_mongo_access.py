"""Reaching MongoDB, finding the database, and the rights that are needed: each failure in one line, no password in any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubectl_lrs.stores.mongo.levels import MINIMUM
from tests.bed.controlplane import ControlPlane
from tests.builders.mongo_fixtures import App
from tests.commands.test_mongo_running import create, deployment
from tests.conftest import ROOT, Cli, Crd

BACKUP = ("backup", "--mongo", "minimum", "--name", "saved")


def fails(cli: Cli, namespace: str, *arguments: str, code: int, env: dict[str, str] | None = None) -> str:
    """What it says; no backup is made."""
    done = cli.run(*BACKUP, "-n", namespace, *arguments, env=env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in cli.directory.iterdir() if path.is_dir()] == []
    return done.stderr


def test_the_uri_may_be_in_a_file_or_the_environment(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1)
    path = cli.directory / "uri"
    path.write_text(app.servers.uri() + "\n")
    cli.ok(*BACKUP, "-n", namespace, "--mongo-uri-file", path)
    cli.ok(*BACKUP[:-1], "second", "-n", namespace, env=app.environment)


def test_a_uri_without_a_password_on_the_command_line(cli: Cli, crd: Crd, namespace: str, app_alone: App) -> None:
    app_alone.fill(1)
    cli.ok(*BACKUP, "-n", namespace, "--mongo-uri", app_alone.servers.uri())


def test_a_password_on_the_command_line_is_refused(cli: Cli, crd: Crd, namespace: str) -> None:
    said = fails(cli, namespace, "--mongo-uri", "mongodb://user:hunter2@host/", code=2)
    assert "--mongo-uri-file" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("mongodb://host/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:hunter2", "AWS_SESSION_TOKEN"),
        ("mongodb://host/?authMechanismProperties=SERVICE_NAME:x%2CAWS_SESSION_TOKEN%3Ahunter2", "AWS_SESSION_TOKEN"),
        ("mongodb://host/?tls=true&tlsCertificateKeyFilePassword=hunter2", "tlsCertificateKeyFilePassword"),
        ("mongodb://host/?tls=true;%74lsCertificateKeyFilePassword=hunter2", "tlsCertificateKeyFilePassword"),
        ("mongodb+srv://host/?proxyPassword=hunter2", "proxyPassword"),
        ("mongodb://user:hunter2/x@host/", "a password"),
    ],
)
def test_other_secrets_on_the_command_line(cli: Cli, crd: Crd, namespace: str, uri: str, what: str) -> None:
    said = fails(cli, namespace, "--mongo-uri", uri, code=2)
    assert f"--mongo-uri holds {what}" in said
    assert "--mongo-uri-file" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://host/?authMechanismProperties=hunter2",
        "mongodb://host/?authMechanismProperties=SERVICE_NAME:x,hunter2:y",
        "mongodb://host/?authMechanismProperties=AWS_SESSION_TOKEN:",
        "mongodb://host/?tlsCertificateKeyFilePassword=hunter2&tls=perhaps",
        "mongodb://host/?invented=hunter2",
        "mongodb+srv://host/?invented=hunter2",
        "mongodb://host/db.hunter/?x",
        "mongodb://user:hunter2/x@host/",
        "mongodb://user:hunter2@x@host/",
        "mongodb://user:12/hunter2@host/db",
        "mongodb://user:hunter2@host:port/",
        "mongodb://user:hunter2@host/?tls=perhaps",
        "mongodb+srv://user:hunter2/x@host/",
        "mongodb+srv://user:hunter2@host:1/",
        "http://user:hunter2@host/",
        "mongodb://user:hunter2@host/?tlsCAFile=/nowhere&tls=true",
    ],
)
def test_a_bad_uri_is_told_without_its_password(cli: Cli, crd: Crd, namespace: str, uri: str) -> None:
    said = fails(cli, namespace, code=2, env={"LRS_MONGO_URI": uri})
    assert "LRS_MONGO_URI" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
def test_an_option_that_no_driver_knows(cli: Cli, crd: Crd, namespace: str, scheme: str) -> None:
    """A typo such as `replicaset_` would otherwise have no effect, and nothing would say so."""
    said = fails(cli, namespace, code=2, env={"LRS_MONGO_URI": f"{scheme}://host/?replicaSett=rs0"})
    assert "LRS_MONGO_URI cannot be used" in said


def test_the_database_in_the_uri_is_meant(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """As if --mongo-db had named it, for backup, restore and check; one of the server's own says who knows the user."""
    app.fill(2)
    other = "Rehearsal"
    app.client[other].longrunningservices.insert_one({})
    app.client[other].custom_applications.insert_one({})
    env = {"LRS_MONGO_URI": app.servers.uri().replace("/?", f"/{other}?")}
    cli.ok(*BACKUP, "-n", namespace, env=env)
    assert (cli.directory / "saved" / "mongo" / other).is_dir()
    app.client.drop_database(other)
    cli.ok(*BACKUP[:-1], "second", "-n", namespace, env={"LRS_MONGO_URI": app.servers.uri().replace("/?", "/admin?")})
    assert (cli.directory / "second" / "mongo" / app.name).is_dir()
    done = cli.run("restore", "second", "--tier", "mongo", env=env)
    assert done.returncode == 0, done.stderr
    assert set(app.client[other].list_collection_names()) == set(MINIMUM)
    assert f"only these collections of {other} go back" in done.stderr
    for verb in (("restore", "second", "--tier", "mongo"), (*BACKUP[:-1], "third", "-n", namespace)):
        refused = cli.run(*verb, "--mongo-db", app.name, env=env)
        assert refused.returncode == 2
        assert f"--mongo-db names {app.name}, and the MongoDB URI {other}" in refused.stderr
    cli.ok("restore", "second", "--tier", "mongo", "--mongo-db", other, env=env)


def test_what_of_the_uri_a_restore_passes_over(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """It reads from the primary, and has writes confirmed by the majority, whatever the URI says."""
    app.fill(2)
    env = {"LRS_MONGO_URI": app.servers.uri(readPreference="secondary", w="1", retryWrites="true")}
    cli.ok(*BACKUP, "-n", namespace, env=env)
    done = cli.run("restore", "saved", "--tier", "mongo", env=env)
    assert done.returncode == 0, done.stderr
    for option in ("readPreference=secondary", "w=1"):
        assert f"note: {option} in the MongoDB URI has no effect" in done.stderr
    assert "retryWrites" not in done.stderr


def test_both_ways_to_name_it(cli: Cli, crd: Crd, namespace: str) -> None:
    said = fails(cli, namespace, "--mongo-uri", "mongodb://x/", "--mongo-uri-file", "uri", code=2)
    assert "give one of the two" in said


@pytest.mark.parametrize("content", [None, b"", b"one\ntwo", b"\xff\xfe", b"x" * 20_000])
def test_a_bad_uri_file(cli: Cli, crd: Crd, namespace: str, content: bytes | None) -> None:
    path = cli.directory / "uri"
    if content is not None:
        path.write_bytes(content)
    assert "--mongo-uri-file" in fails(cli, namespace, "--mongo-uri-file", str(path), code=2)


def test_nobody_answers(cli: Cli, crd: Crd, namespace: str) -> None:
    uri = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=300"
    said = fails(cli, namespace, code=5, env={"LRS_MONGO_URI": uri})
    assert "mongodb://127.0.0.1:1" in said
    assert "--mongo none" in said
    assert "hunter2" not in said


def test_a_wrong_password(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    said = fails(cli, namespace, code=5, env={"LRS_MONGO_URI": app.servers.uri("root", "hunter2")})
    assert "refused the user or the password" in said
    assert "hunter2" not in said


def test_tls_of_an_unknown_authority(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    uri = re.sub("&?tlsCAFile=[^&]*", "", app.servers.uri(serverSelectionTimeoutMS="500"))
    said = fails(cli, namespace, code=5, env={"LRS_MONGO_URI": uri})
    assert "certificate verify failed" in said
    assert app.servers.password not in said


def test_the_database_is_found(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    """By its collections, whatever it is called; more than one is an error that names them."""
    app.fill(1)
    app.client["Other"].longrunningservices.insert_one({})  # a part of it is no match beside the whole
    cli.ok(*BACKUP, "-n", namespace, env=app.environment)
    app.client["Other"].custom_applications.insert_one({})
    done = cli.run(*BACKUP[:-1], "second", "-n", namespace, env=app.environment)
    assert done.returncode == 2
    assert f"{app.name}, Other" in done.stderr
    cli.ok(*BACKUP[:-1], "second", "-n", namespace, "--mongo-db", "Other", env=app.environment)
    assert (cli.directory / "second" / "mongo" / "Other").is_dir()


def test_no_database(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.db.other.insert_one({})
    assert "holds custom_applications and longrunningservices" in fails(cli, namespace, code=2, env=app.environment)
    assert "does not exist" in fails(cli, namespace, "--mongo-db", "Nowhere", code=2, env=app.environment)


def test_a_collection_that_lacks(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1, MINIMUM[:1])
    said = fails(cli, namespace, code=1, env=app.environment)
    assert "has no collection longrunningservices" in said
    assert "--mongo-allow-missing longrunningservices" in said
    cli.ok(*BACKUP, "-n", namespace, "--mongo-allow-missing", "longrunningservices", env=app.environment)
    assert '"allowedMissing": [\n' in (cli.directory / "saved" / "backup.json").read_text()


def test_an_added_collection_that_lacks(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1)
    said = fails(cli, namespace, "--mongo-collection", "templates", code=2, env=app.environment)
    assert "has no collection templates" in said


def test_templates_are_named_as_not_covered(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1)
    arguments = ("backup", "-n", namespace, "--mongo", "complete")
    assert "templates" in cli.run(*arguments, env=app.environment).stderr
    app.db.templates.insert_one({})
    assert "templates" not in cli.run(*arguments, "--mongo-collection", "templates", env=app.environment).stderr


def test_no_right_to_read(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(1)
    app.client.admin.command({"createUser": "nobody", "pwd": "pw", "roles": []})
    try:
        env = {"LRS_MONGO_URI": app.servers.uri("nobody", "pw")}
        said = fails(cli, namespace, "--mongo-db", app.name, code=5, env=env)
    finally:
        app.client.admin.command({"dropUser": "nobody"})
    assert "not allowed" in said
    assert "docs/mongo.md" in said


def documented_roles() -> dict[str, str]:
    """The commands in docs/mongo.md that make the smallest roles, by their role."""
    text = (ROOT / "docs" / "mongo.md").read_text()
    return {
        match[2]: match[1] for match in re.finditer(r"```js\n(db\.createRole\(\{\s*role: \"([^\"]+)\".*?)```", text, re.DOTALL)
    }


def make_user(app: App, role: str) -> dict[str, str]:
    """A user with a role as it is documented; its environment."""
    import json

    call = documented_roles()[role]
    body = re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', call.partition("(")[2].rpartition(")")[0]).replace("MMApp", app.name)
    wanted = json.loads(body)
    app.db.command({"createRole": wanted["role"], "privileges": wanted["privileges"], "roles": wanted["roles"]})
    app.db.command({"createUser": "least", "pwd": "pw", "roles": [role]})
    return {"LRS_MONGO_URI": app.servers.uri("least", "pw", authSource=app.name)}


@pytest.mark.parametrize("existing", ["merge", "drop", "replace"])
def test_the_smallest_roles_are_enough(cli: Cli, crd: Crd, plane: ControlPlane, namespace: str, app: App, existing: str) -> None:
    app.fill(3)
    app.db.custom_applications.create_index("name")
    before = app.everything()
    try:
        env = make_user(app, "lrsBackup")
        cli.ok("backup", "-n", namespace, "--mongo", "complete", "--name", "saved", env=env)
        said = cli.run("restore", "saved", "--tier", "mongo", env=env)
        assert said.returncode == 0  # nothing is to be written
        app.db.command({"dropUser": "least"})
        env = make_user(app, f"lrsRestore{existing.title()}")
        chosen: list[str] = []
        if existing == "merge":
            app.db.longrunningservices.drop()
            app.db.custom_applications.delete_one({"n": 1})
            app.db.custom_applications.drop_indexes()
        elif existing == "replace":
            one = app.db.custom_applications.find_one_and_update({"n": 1}, {"$set": {"name": "other"}})
            chosen = ["--mongo-id", f"custom_applications/{one['_id']}"]
        else:  # who is connected cannot be seen: that the application is stopped can
            create(plane, namespace, deployment("mmapp-app", replicas=0))
        cli.ok("restore", "saved", "--tier", "mongo", "--mongo-existing", existing, "--yes", *chosen, env=env)
    finally:
        app.db.command({"dropAllUsersFromDatabase": 1})
        app.db.command({"dropAllRolesFromDatabase": 1})
    assert app.everything() == before


def test_restore_without_the_right_to_write(cli: Cli, crd: Crd, namespace: str, app: App) -> None:
    app.fill(3)
    try:
        env = make_user(app, "lrsBackup")
        cli.ok("backup", "-n", namespace, "--mongo", "minimum", "--name", "saved", env=env)
        app.db.longrunningservices.drop()
        done = cli.run("restore", "saved", "--tier", "mongo", env=env)
    finally:
        app.db.command({"dropAllUsersFromDatabase": 1})
        app.db.command({"dropAllRolesFromDatabase": 1})
    assert done.returncode in (3, 5)
    assert f"creating {app.name}.longrunningservices: not allowed" in done.stderr + done.stdout


def test_help_imports_no_driver(cli: Cli, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from kubectl_lrs.commands import backup_, restore_; print('pymongo' in sys.modules or 'bson' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"
