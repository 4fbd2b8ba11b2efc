"""The installation file on a real cluster: what goes before what, whose cluster it is of, and what it steers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.bed import loader, samples
from tests.bed.controlplane import USERS, ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.s3 import S3
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

OTHER = "00000000-0000-4000-8000-000000000000"
RBAC = "/apis/rbac.authorization.k8s.io/v1"

Write = Callable[..., Path]


def uid_of(plane: ControlPlane, namespace: str) -> str:
    """That of a namespace."""
    code, found = plane.api("GET", f"/api/v1/namespaces/{namespace}")
    assert code == 200
    return str(found["metadata"]["uid"])


@pytest.fixture
def uid(plane: ControlPlane) -> str:
    """What tells the cluster."""
    return uid_of(plane, "kube-system")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an installation file."""

    def written(where: str, **settings: object) -> Path:
        path = tmp_path / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(settings))
        path.chmod(0o600)
        return path

    return written


@pytest.fixture
def filled(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with sample LRS."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    return namespace


def _data(cli: Cli, *call: object, **more: Any) -> Any:
    return json.loads(cli.ok(*call, "-o", "json", **more))


# ---- what it steers, and what goes before it


def test_a_file_takes_the_place_of_flags(plane: ControlPlane, cli: Cli, filled: str, uid: str, write: Write) -> None:
    path = write(
        "settings/prod.yaml",
        cluster={"uid": uid, "context": "bed"},
        namespace=filled,
        repository={"url": "backups"},
        backup={"excludeTypes": ["deployment"]},
        retention={"keepLast": 1, "minimum": 0},
    )
    (path.parent / "backups").mkdir()
    env = {"LRS_CONFIG": str(path)}
    first = _data(cli, "backup", "--config", path, "--name", "one")
    assert (first["selection"]["namespace"], "deployment" in first["tiers"]["resources"]["types"]) == (filled, False)
    assert (path.parent / "backups" / "one").is_dir(), "paths begin at the file"
    cli.ok("backup", "--name", "two", "-q", env=env)
    narrow = _data(cli, "backup", "--name", "three", "--type", "tracking_agent", "--backup-dir", cli.directory, env=env)
    assert narrow["selection"]["types"] == ["tracking_agent"]
    assert [each["name"] for each in _data(cli, "list", env=env)["backups"]] == ["one", "two"], "a flag goes before the file"
    assert (cli.directory / "three").is_dir()
    cli.ok("verify", "two", env=env)
    loader.clear(plane, namespace=filled)
    restored = _data(cli, "restore", "one", env=env)
    assert restored["counts"]["created"] == first["tiers"]["resources"]["objects"]
    pruned = _data(cli, "prune", "--yes", env=env)
    assert {each["name"]: each["result"] for each in pruned["backups"]} == {"one": "removed"}
    assert [each["name"] for each in _data(cli, "list", env={**env, "LRS_BACKUP_DIR": "."})["backups"]] == ["three"]


def test_storage_and_database_of_a_file(
    cli: Cli, filled: str, uid: str, write: Write, s3: S3, app_alone: App, tmp_path: Path
) -> None:
    """A bucket with its endpoint, MongoDB by a file with its URI; a restore goes back there without a question."""
    app_alone.fill(3)
    (s3.buckets / "settings").mkdir()
    (tmp_path / "uri").write_text(app_alone.servers.uri())
    path = write(
        "prod.yaml",
        cluster={"uid": uid},
        namespace=filled,
        repository={"url": "s3://settings/backups", "endpoint": s3.endpoint},
        mongo={"uriFile": "uri", "db": app_alone.name, "level": "minimum"},
    )
    env = {**s3.environment, "LRS_CONFIG": str(path)}
    cli.ok("repository", "init", env=env)
    made = cli.run("backup", "--name", "one", env=env)
    assert made.returncode == 0, made.stderr
    assert f"mongo: mongodb://{app_alone.servers.uri().partition('://')[2].partition('/')[0]}" in made.stderr
    assert f"({path})" in made.stderr, "the file is named where it names a store"
    app_alone.drop()
    back = cli.run("restore", "one", "--yes", env=env)
    assert back.returncode == 0, back.stderr
    assert len(app_alone.content("custom_applications")) == 3
    # The endpoint and the credentials are those of the file's bucket: to another place they do not follow.
    shown = {each["key"]: each for each in _data(cli, "config", "show", "--backup-dir", "s3://other", env=env)["settings"]}
    assert (shown["repository.endpoint"]["value"], shown["repository.url"]["origin"]) == ("", "flag")
    checked = cli.run("check", env=env)
    assert "MongoDB was not asked for" not in checked.stdout + checked.stderr


def test_flags_of_a_storage(cli: Cli, filled: str, s3: S3, tmp_path: Path) -> None:
    (s3.buckets / "flags").mkdir()
    (tmp_path / "options.json").write_text(json.dumps({"key": s3.access, "secret": s3.secret}))
    reach = ("--backup-endpoint", s3.endpoint, "--backup-options", tmp_path / "options.json", "--backup-dir", "s3://flags/x")
    cli.ok("repository", "init", *reach)
    cli.ok("backup", "-n", filled, "--name", "one", *reach)
    assert cli.ok("list", "-o", "name", *reach) == "one\n"
    wrong = cli.run("list", "--backup-endpoint", "http://127.0.0.1:1", "--backup-ca-file", "x")
    assert wrong.returncode == 2
    assert "--backup-endpoint, --backup-ca-file say nothing with backups on a path" in wrong.stderr


# ---- whose cluster


CALLS = (("backup",), ("restore", "latest"), ("check",), ("clean-spark",), ("verify", "--against-cluster"), ("diff", "latest"))


def test_another_cluster_is_refused(cli: Cli, filled: str, uid: str, write: Write) -> None:
    cli.ok("backup", "-n", filled, "--name", "one")
    path = write("prod.yaml", cluster={"uid": OTHER}, namespace=filled)
    for call in CALLS:
        for words in ((), ("--context", "bed")):
            done = cli.run(*call, "--config", path, *words)
            assert (done.returncode, done.stdout) == (2, ""), call
            assert f"{path} is about another cluster than https://" in done.stderr
            assert uid in done.stderr
    assert cli.ok("list", "-o", "name", "--config", path) == "one\n", "no cluster is asked"
    nameless = cli.run("backup", "--config", write("nameless.yaml", namespace=filled))
    assert nameless.returncode == 2
    assert "cluster.uid is not there" in nameless.stderr


@contextmanager
def _user(plane: ControlPlane, directory: Path, namespace: str, rules: list[dict[str, Any]]) -> Iterator[Cli]:
    """A user with these rights in one namespace."""
    base = f"{RBAC}/namespaces/{namespace}"
    role = {"metadata": {"name": "lrs-config"}, "rules": rules}
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USERS[-1]}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lrs-config"}
    assert plane.api("POST", f"{base}/roles", role)[0] == 201
    assert plane.api("POST", f"{base}/rolebindings", {**role, "roleRef": reference, "subjects": subjects})[0] == 201
    kubeconfig = plane.write_kubeconfig(directory / "user.kubeconfig", token=plane.tokens[USERS[-1]])
    cli = Cli(kubeconfig, directory)
    loader.wait_until(lambda: "forbidden" not in cli.run("backup", "-n", namespace, "--name", "probe").stderr, "the Role counts")
    yield cli


LISTING = [{"apiGroups": ["lrs.datarobot.com"], "resources": ["*"], "verbs": ["get", "list"]}]
OWN_NAMESPACE = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]


def test_where_kube_system_may_not_be_read(plane: ControlPlane, filled: str, uid: str, write: Write, tmp_path: Path) -> None:
    """The namespace of the LRS tells it; where that may not be read either, nothing is done."""
    own = uid_of(plane, filled)
    (tmp_path / "one").mkdir()
    both = write("both.yaml", cluster={"uid": uid, "namespaceUid": own}, namespace=filled)
    alone = write("alone.yaml", cluster={"uid": own}, namespace=filled)
    other = write("other.yaml", cluster={"uid": uid, "namespaceUid": OTHER}, namespace=filled)
    with _user(plane, tmp_path / "one", filled, [*LISTING, *OWN_NAMESPACE]) as cli:
        assert cli.run("backup", "--config", both, "--name", "a").returncode == 0
        assert cli.run("backup", "--config", alone, "--name", "b").returncode == 0
        refused = cli.run("backup", "--config", other, "--name", "c")
        assert (refused.returncode, "about another cluster" in refused.stderr) == (2, True)
    plane.api("PUT", f"{RBAC}/namespaces/{filled}/roles/lrs-config", {"metadata": {"name": "lrs-config"}, "rules": LISTING})
    loader.wait_until(lambda: cli.run("backup", "--config", both, "--name", "d").returncode != 0, "the Role is smaller")
    untold = cli.run("backup", "--config", both, "--name", "e")
    assert untold.returncode == 5
    assert f"kube-system and {filled} may not be read" in untold.stderr
    assert "cluster.namespaceUid" in untold.stderr


def test_a_context_that_is_named_must_be_the_files(plane: ControlPlane, cli: Cli, filled: str, uid: str, write: Write) -> None:
    """The file's context is taken where the call names none; the file's cluster is asked whichever it is."""
    document = yaml.safe_load(cli.kubeconfig.read_text())
    [context] = [each for each in document["contexts"] if each["name"] == document["current-context"]]
    broken = {"name": "broken", "cluster": {"server": "https://127.0.0.1:1"}}
    document["clusters"].append(broken)
    document["contexts"] += [
        {"name": "prod", "context": context["context"]},
        {"name": "staging", "context": {**context["context"], "cluster": "broken"}},
    ]
    document["current-context"] = "staging"
    kubeconfig = write("kubeconfig", **document)
    path = write("prod.yaml", cluster={"uid": uid, "context": "prod"}, namespace=filled)
    elsewhere = Cli(kubeconfig, cli.directory)
    assert elsewhere.run("backup", "--config", path, "--name", "one").returncode == 0
    assert elsewhere.run("backup", "--config", path, "--context", "staging", "--request-timeout", "1s").returncode == 5


def test_the_file_that_is_found_is_that_of_the_cluster(
    cli: Cli, filled: str, uid: str, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    prod = write("config/kubectl-lrs/prod.yaml", cluster={"uid": uid}, namespace=filled, repository={"url": "backups"})
    write("config/kubectl-lrs/staging.yaml", cluster={"uid": OTHER}, namespace="nothing")
    prod.parent.chmod(0o700)
    (prod.parent / "backups").mkdir()
    done = cli.run("backup", "--name", "one")
    assert (done.returncode, f"settings of {prod}\n" in done.stderr) == (0, True), done.stderr
    assert (prod.parent / "backups" / "one").is_dir()
    assert f"settings of {prod}" not in cli.run("backup", "--name", "two", "-q").stderr
    listed = cli.run("list")
    assert (listed.returncode, "several files of settings" in listed.stderr) == (2, True)
    assert cli.ok("list", "-o", "name", "--config", prod).split() == ["one", "two"]
    shown = _data(cli, "config", "show")
    assert shown["file"] == str(prod), "what this cluster's settings are"
    write("config/kubectl-lrs/again.yaml", cluster={"uid": uid})
    several = cli.run("backup")
    assert several.returncode == 2
    assert "again.yaml, prod.yaml" in several.stderr
    for each in prod.parent.glob("*.yaml"):
        each.unlink()
    write("config/kubectl-lrs/staging.yaml", cluster={"uid": OTHER}, namespace="nothing")
    none = cli.run("backup", "-n", filled, "--name", "three")
    assert (none.returncode, "no file of settings in" in none.stderr) == (0, True)
    assert (cli.directory / "three").is_dir()


# ---- the schema


def test_the_schema_takes_what_is_taken(cli: Cli, write: Write) -> None:
    schema = json.loads(cli.ok("config", "schema"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    known = {each["key"] for each in _data(cli, "config", "show")["settings"]}
    assert known == set(_keys(schema)), "the table and the schema are one"
    taken: dict[str, Any] = {
        "cluster": {"uid": "u"},
        "images": {"mapRegistry": {"a": "b"}, "parallel": 3, "pullSecrets": True},
        "profile": "complete",
        "acknowledged": ["spark-left-out", "stale-spark"],
        "retention": {"keepDaily": 7, "keepNames": ["x"]},
    }
    refused: tuple[dict[str, Any], ...] = (
        {"profile": "most"},
        {"images": {"parallel": 0}},
        {"images": {"exclude": "x"}},
        {"files": {"all": "yes"}},
        {"nothing": 1},
        {"acknowledged": ["spark-left-ou"]},
        {"acknowledged": ["file-missing"]},
        {"mongo": {"urifile": "x"}},
        {"namespace": ""},
    )
    for document, is_taken in ((taken, True), *((each, False) for each in refused)):
        done = cli.run("list", "--config", write("one.yaml", **document))
        assert (done.returncode == 0, validator.is_valid(document)) == (is_taken, is_taken), (document, done.stderr)


def _keys(schema: Any, above: str = "") -> Iterator[str]:
    for name, below in schema["properties"].items():
        if "properties" in below:
            yield from _keys(below, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def test_completion_knows_it(cli: Cli, filled: str, uid: str, write: Write) -> None:
    path = write("prod.yaml", cluster={"uid": uid}, namespace=filled, repository={"url": "backups"})
    (path.parent / "backups").mkdir()
    cli.ok("backup", "--config", path, "--name", "one")
    assert "one" in cli.ok("__complete", "show", "--config", path, "")
    assert "one" in cli.run("__complete", "show", "", env={"LRS_CONFIG": str(path)}).stdout
    assert "one" not in cli.ok("__complete", "show", "")
    assert "--config" in cli.ok("__complete", "backup", "--conf")
    assert "show" in cli.ok("__complete", "config", "")
    assert "--origin" in cli.ok("__complete", "config", "show", "--or")


# ---- made, and checked


def _doors(done: Any) -> dict[str, tuple[str, str]]:
    return {each["door"]: (each["state"], each["message"]) for each in json.loads(done.stdout)["doors"]}


def test_one_is_made_and_every_door_opens(
    plane: ControlPlane, cli: Cli, filled: str, uid: str, s3: S3, app_alone: App, tmp_path: Path
) -> None:
    app_alone.fill(3)
    (s3.buckets / "init").mkdir()
    (tmp_path / "uri").write_text(app_alone.servers.uri())
    (tmp_path / "storage").mkdir()
    path = cli.directory / "prod.yaml"
    where = ("--backup-dir", "s3://init/x", "--backup-endpoint", s3.endpoint)
    files = ("--files-url", tmp_path / "storage", "--map-registry", "a=b", "--keep-daily", "7")
    env = {**s3.environment, "LRS_DATAROBOT_URL": "https://127.0.0.1:1"}
    made = cli.run("config", "init", path, "-n", filled, "--mongo-uri-file", "../uri", *where, *files, env=env)
    assert (made.returncode, made.stdout) == (0, f"{path}\n"), made.stderr
    assert "token" in made.stderr
    document = yaml.safe_load(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert document["cluster"] == {"uid": uid, "namespaceUid": uid_of(plane, filled), "context": "bed"}
    assert (document["namespace"], document["mongo"]) == (filled, {"uriFile": str(tmp_path / "uri")})
    assert document["images"] == {"mapRegistry": ["a=b"]}
    cli.ok("repository", "init", "--config", path, env=s3.environment)
    document["api"] = {"deployments": False}
    path.write_text(yaml.safe_dump(document))
    checked = cli.run("config", "check", "--config", path, "-o", "json", env=s3.environment)
    doors = _doors(checked)
    assert {name: state for name, (state, _) in doors.items()} == {
        "cluster": "works",
        "rights": "works",
        "MongoDB": "works",
        "registries": "not used",
        "files": "works",
        "API": "not used",
        "backups": "works",
        "retention": "works",
    }, checked.stdout
    assert f"database {app_alone.name}" in doors["MongoDB"][1]
    assert uid in doors["cluster"][1]
    document["mongo"]["db"] = "elsewhere"
    path.write_text(yaml.safe_dump(document))
    checked = cli.run("config", "check", "--config", path, "-o", "json", env=s3.environment)
    assert _doors(checked)["MongoDB"][0] == "fails", "a backup would not find the application in it"
    assert not [each for each in (s3.buckets / "init").rglob("*probe*") if each.is_file()], "nothing is left there"


def test_one_door_that_does_not_open_hides_no_other(cli: Cli, filled: str, uid: str, write: Write) -> None:
    path = write(
        "prod.yaml",
        cluster={"uid": uid},
        namespace=filled,
        mongo={"uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"},
        files={"url": "nothing"},
        images={"level": "copy"},
        api={"url": "https://127.0.0.1:1", "tokenFiles": ["nothing.token"]},
        repository={"url": "s3://nothing/x", "endpoint": "http://127.0.0.1:1"},
    )
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = cli.run("config", "check", "--config", path, "-o", "json", env=env)
    states = {name: state for name, (state, _) in _doors(done).items() if not name.startswith("registr")}
    assert states == {
        "cluster": "works",
        "rights": "works",
        "MongoDB": "fails",
        "files": "fails",
        "API": "fails",
        "backups": "fails",
        "retention": "not used",
    }, done.stdout
    assert done.returncode == 1, "the worst of them: the storage's folder is not there"
    other = cli.run("config", "check", "--config", write("other.yaml", cluster={"uid": OTHER}))
    assert (other.returncode, "is about another cluster" in other.stdout) == (2, True)
    assert "must be reached first" in other.stdout


@pytest.mark.parametrize(
    ("settings", "state", "says"),
    [
        ({"retention": {"keepDaily": 14, "keepNames": ["a", "b"]}}, "works", "keepDaily 14, keepNames a b, minimum 2"),
        ({"retention": {"keepWithin": "30"}}, "fails", "'30' has no unit"),
        ({"retention": {"keepDaily": 14}, "nightly": {"fresh": "soon"}}, "fails", "'soon' is not a duration"),
    ],
)
def test_rules_that_cannot_be_meant_show_by_day(
    cli: Cli, filled: str, uid: str, write: Write, settings: dict[str, Any], state: str, says: str
) -> None:
    path = write("prod.yaml", cluster={"uid": uid}, namespace=filled, repository={"url": "backups"}, **settings)
    done = cli.run("config", "check", "--config", path, "-o", "json")
    found, what = _doors(done)["retention"]
    assert (found, says in what, done.returncode) == (state, True, 0 if state == "works" else 2), done.stdout


def test_one_that_is_not_there_is_made_by_init(cli: Cli, filled: str) -> None:
    done = cli.run("list", "--config", "new file.yaml", "-n", filled)
    assert (done.returncode, "hint: config init 'new file.yaml' makes one" in done.stderr) == (2, True), done.stderr


def test_what_is_there_is_not_touched(cli: Cli, filled: str, write: Write, tmp_path: Path) -> None:
    path = write("prod.yaml", namespace="mine")
    before = path.read_text()
    for call in (("config", "init", path), ("config", "init", "--config", path)):
        done = cli.run(*call, "-n", filled)
        assert (done.returncode, path.read_text()) == (2, before), done.stderr
    for what in ("show", "check", "schema"):
        done = cli.run("config", what, path)
        assert (done.returncode, "--config names the one" in done.stderr) == (2, True)
    secret = cli.run("config", "init", tmp_path / "new.yaml", "-n", filled, "--mongo-uri", "mongodb://u:hunter2hunter2@h/")
    assert (secret.returncode, "hunter2" in secret.stderr) == (2, False)
    assert not (tmp_path / "new.yaml").exists()
    made = cli.run("config", "init", "-n", filled, env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert made.returncode == 0, made.stderr
    found = cli.run("config", "init", "-n", filled, env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert (found.returncode, "is an installation file already" in found.stderr) == (2, True)
    assert cli.run("backup", env={"XDG_CONFIG_HOME": str(tmp_path / "config")}).returncode == 0


def test_it_asks_on_a_terminal(cli: Cli, filled: str, tmp_path: Path) -> None:
    words = ["-m", "kubectl_lrs", "config", "init", str(tmp_path / "asked.yaml"), "-n", filled, "--mongo-db", "x"]
    environment = cli._environment(None)
    with pexpect.spawn(
        sys.executable, words, env=environment, cwd=str(cli.directory), encoding="utf-8", timeout=PATIENCE
    ) as asked:
        asked.expect("Where are the backups")
        asked.sendline("of-lrs")
        asked.expect("What is saved")
        asked.sendline("minimum")
        asked.expect(pexpect.EOF)
        asked.close()
        assert asked.exitstatus == 0
    document = yaml.safe_load((tmp_path / "asked.yaml").read_text())
    assert (document["repository"]["url"], document["profile"]) == (str(cli.directory / "of-lrs"), "minimum")


def test_what_is_known_is_not_said_again(cli: Cli, filled: str, uid: str, write: Write) -> None:
    about = {"cluster": {"uid": uid}, "namespace": filled}
    said = cli.run("backup", "--config", write("one.yaml", **about), "--name", "one")
    assert "spark_app is left out" in said.stderr
    known = write("two.yaml", **about, acknowledged=["spark-left-out", "operator-not-found"])
    silent = cli.run("backup", "--config", known, "--name", "two")
    assert (silent.returncode, "spark_app is left out" in silent.stderr) == (0, False), silent.stderr
    assert "operator was not found" in cli.run("restore", "one", "--dry-run", "-n", filled).stderr
    assert "operator was not found" not in cli.run("restore", "one", "--dry-run", env={"LRS_CONFIG": str(known)}).stderr
    wrong = cli.run("list", "--config", write("three.yaml", acknowledged=["spark-left-ou"]))
    assert (wrong.returncode, "did you mean spark-left-out?" in wrong.stderr) == (2, True)
    error = cli.run("list", "--config", write("four.yaml", acknowledged=["running-without-object"]))
    assert (error.returncode, "an error, which cannot be acknowledged" in error.stderr) == (2, True)


def test_an_error_about_a_flag_says_that_the_file_has_it(cli: Cli, filled: str, uid: str, write: Write) -> None:
    path = write("prod.yaml", cluster={"uid": uid}, namespace=filled, repository={"url": "s3://b", "optionsFile": "nothing"})
    done = cli.run("list", "--config", path)
    assert done.returncode == 2
    assert f"--backup-options is repository.optionsFile in {path}" in done.stderr
    assert path.name not in cli.run("list", "--config", path, "--backup-dir", "s3://b", "--backup-options", "x").stderr
    nothing = cli.run("backup", "--config", write("none.yaml", cluster={"uid": uid}, namespace=filled, backup={"types": ["nop"]}))
    assert (nothing.returncode, "the context's" in nothing.stderr) == (3, False)
