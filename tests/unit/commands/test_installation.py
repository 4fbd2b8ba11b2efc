"""The installation file of a call: read without trust, before defaults and after all else that says something."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from kubectl_lrs.cli import _group, run
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.installation import acts_of, camel, flags_of_all, read, table_of
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.settings import kind_of, schema
from kubectl_lrs.runtime.paths import is_url

# ---- the table


ACTS = {
    "a yes": {"--yes", "--force"},
    "a permission": {
        "--accept-owner", "--accept-unmapped", "--allow-empty", "--allow-running-app", "--ignore-keys", "--mongo-allow-missing",
        "--trust-previous",
    },
    "a trial": {"--dry-run"},
    "what becomes of what is there": {
        "--existing", "--mongo-existing", "--files-existing", "--images-existing", "--create-namespaces", "--install-crd",
        "--restore-status", "--pause-operator", "--operator-replicas", "--map-namespace", "--replace",
    },
    "what one call is about": {
        "--name", "--from", "--at", "--filename", "--recursive", "--tier", "--journal", "--type", "--exclude-type", "--selector",
        "--all-namespaces", "--app", "--mongo-collection", "--mongo-id",
        "--include", "--exclude", "--ids-file", "--all", "--older-than", "--holding",
        "--against-cluster", "--sample", "--full", "--format", "--reason", "--clean-spark", "--client", "--dir", "--adopt",
        "--part", "--segment", "--shards",
        "--push", "--layout", "--archive", "--platform", "--base",
        "--since", "--scratch-namespace", "--scratch-repository",
        "--apply", "--delete",
    },
    "how one answer is shown": {"--output", "--quiet", "--sort-by", "--no-headers", "--origin"},
}  # fmt: skip
"""Flags that are no settings, and what they are. Some of their words are settings of another command, where that is safe."""


def test_every_flag_is_a_setting_or_an_act() -> None:
    acts = set().union(*ACTS.values())
    flags = [flag for flag in flags_of_all(_group()) if not flag.is_argument]
    assert {flag.word for flag in flags if not flag.key} == acts, "give it a key, or say what act it is"
    by_key: dict[str, set[Any]] = {}
    for flag in flags:
        if flag.key:
            by_key.setdefault(flag.key, set()).add((flag.word, kind_of(flag), flag.choices, flag.least, flag.most))
    assert {key: said for key, said in by_key.items() if len(said) > 1} == {}, "a key means one thing"


def test_no_permission_is_a_setting() -> None:
    words = {flag.word for flag in flags_of_all(_group()) if flag.key}
    assert not {word for word in words if word.startswith(("--allow", "--accept", "--ignore", "--yes", "--force", "--dry-run"))}
    assert not {word for word in words if word.endswith("-existing") or "-allow-" in word}


def test_names_of_keys_and_acts() -> None:
    assert camel("--allow-empty") == "allowEmpty"
    assert acts_of(_group())["dryRun"] == "--dry-run"
    table = table_of(_group())
    assert table["mongo.uriFile"].word == "--mongo-uri-file"
    assert table["retention.keepWithinDaily"].word == "--keep-within-daily"
    assert table["namespace"].word == "--namespace"
    assert set(schema(table)["properties"]) == {key.partition(".")[0] for key in table}


# ---- the file


def _file(folder: Path, text: str, name: str = "prod.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_paths_begin_at_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    text = (
        "mongo: {uriFile: secrets/uri}\napi: {tokenFiles: [../a, /b, ~/c]}\nfiles: {url: storage}\nrepository: {url: s3://b/p}\n"
    )
    found = read(_file(folder, text), _group()).values
    assert found == {
        "mongo.uriFile": f"{folder}/secrets/uri",
        "api.tokenFiles": (f"{folder}/../a", "/b", "/home/anna/c"),
        "files.url": f"{folder}/storage",
        "repository.url": "s3://b/p",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it says nothing"),
        ("# nothing\n", "it says nothing"),
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("namespace: a\nnamespace: b\n", "'namespace' is there twice"),
        ("namespace: &a x\nprofile: *a\n", "the alias"),
        ("namespace: [\n", "not YAML"),
        ("nothing: 1\n", "unknown setting 'nothing'"),
        ("x" * (1 << 21), "larger than 1 MiB"),
    ],
)
def test_what_is_no_installation_file(folder: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="prod") as error:
        read(_file(folder, text), _group())
    assert said in str(error.value)


@pytest.mark.parametrize(("mode", "said"), [(0o666, "others may write it"), (0o620, "others may write it")])
def test_a_file_that_others_may_write_is_refused(folder: Path, mode: int, said: str) -> None:
    path = _file(folder, "namespace: x\n")
    path.chmod(mode)
    with pytest.raises(UsageError, match=said):
        read(path, _group())


def test_what_is_no_plain_file_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(folder / "nothing.yaml", _group())
    with pytest.raises(UsageError, match="cannot be read"):
        read(folder, _group())
    with pytest.raises(UsageError, match="not a plain file"):
        read(Path(os.devnull), _group())
    os.mkfifo(folder / "pipe.yaml", 0o600)
    with pytest.raises(UsageError, match="it is a pipe, not a plain file"):
        read(folder / "pipe.yaml", _group())


def test_a_second_name_is_believed_of_a_named_file_alone(folder: Path) -> None:
    path = _file(folder, "namespace: x\n")
    (folder / "other.yaml").hardlink_to(path)
    assert read(path, _group()).values == {"namespace": "x"}
    with pytest.raises(UsageError, match="hard links"):
        read(path, _group(), is_found=True)


# ---- precedence, and what it is said by


def _settings(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[Any, str, str]]:
    code = run(["config", "show", "-o", "json", *words])
    out, err = capsys.readouterr()
    assert code == 0, err
    return {each["key"]: (each["value"], each["origin"], each["by"]) for each in json.loads(out)["settings"]}


def test_a_flag_goes_before_the_environment_that_before_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _file(folder, "cluster: {uid: u}\nrepository: {url: /file}\nmongo: {db: one}\nprofile: complete\n")
    assert _settings(capsys)["repository.url"] == ("", "default", "")
    assert _settings(capsys)["mongo.service"] == ("pcs-mongo-headless", "default", "")
    found = _settings(capsys, "--config", str(path))
    assert found["repository.url"] == ("/file", "file", str(path))
    assert found["profile"] == ("complete", "file", str(path))
    monkeypatch.setenv("LRS_CONFIG", str(path))
    assert _settings(capsys)["mongo.db"] == ("one", "file", str(path))
    monkeypatch.setenv("LRS_BACKUP_DIR", "/environment")
    assert _settings(capsys)["repository.url"] == ("/environment", "environment", "LRS_BACKUP_DIR")
    found = _settings(capsys, "--backup-dir", "/flag", "--mongo-db", "two", "--context", "c")
    assert found["repository.url"] == ("/flag", "flag", "--backup-dir")
    assert found["mongo.db"] == ("two", "flag", "--mongo-db")
    assert found["cluster.context"] == ("c", "flag", "--context")


def test_a_flag_that_is_set_to_false_is_shown_as_such(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _file(folder, "cluster: {uid: u}\nallNamespaces: true\nmongo: {tls: true}\napi: {deployments: true}\n")
    words = ("-A=false", "--mongo-tls=false", "--deployments=false")
    found = _settings(capsys, "--config", str(path), *words)
    assert found["allNamespaces"] == (False, "flag", "--all-namespaces")
    assert found["mongo.tls"] == (False, "flag", "--mongo-tls")
    assert found["api.deployments"] == (False, "flag", "--deployments")


@pytest.mark.parametrize("url", ["s3:backups/x", "GS:x", "file:x", "s3://b/x", "file:///x", "webhdfs:h"])
def test_what_was_meant_as_a_url_is_no_path(folder: Path, url: str) -> None:
    """Backups would lie on this machine, in a folder of that name."""
    path = _file(folder, f"repository: {{url: '{url}'}}\nfiles: {{url: '{url}'}}\n")
    assert read(path, _group()).values == {"repository.url": url, "files.url": url}
    assert is_url(url)


@pytest.mark.parametrize(
    ("text", "words", "key", "beside"),
    [
        ("files: {url: s3://a/b, endpoint: 'https://h'}", ("--files-url", "s3://c/d"), "files.endpoint", "--files-url"),
        ("repository: {url: s3://a, optionsFile: o}", ("--backup-dir", "/x"), "repository.optionsFile", "--backup-dir"),
        ("api: {url: 'https://h', tokenFiles: [t]}", ("--url", "https://other"), "api.tokenFiles", "--url"),
        ("mongo: {uriFile: u}", ("--mongo-service", "s"), "mongo.uriFile", "--mongo-service"),
        ("mongo: {uri: 'mongodb://h'}", ("--mongo-uri-file", "f"), "mongo.uri", "--mongo-uri-file"),
        ("allNamespaces: true", ("-n", "x"), "allNamespaces", "--namespace"),
    ],
)
def test_credentials_do_not_follow_to_another_place(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: tuple[str, ...], key: str, beside: str
) -> None:
    path = _file(folder, f"cluster: {{uid: u}}\n{text}\n")
    assert _settings(capsys, "--config", str(path))[key][1] == "file"
    value, origin, by = _settings(capsys, "--config", str(path), *words)[key]
    assert (value in ("", [], None, False), origin, by) == (True, "default", f"not the file's, beside {beside}")


def test_no_secret_of_the_environment_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LRS_MONGO_URI", "mongodb://user:hunter2hunter2@host/db")
    for output in ("json", "table", "wide", "yaml"):
        assert run(["config", "show", "-o", output, "--origin"]) == 0
        out, err = capsys.readouterr()
        assert "LRS_MONGO_URI" in out
        assert "hunter2" not in out + err


def _given(*words: str) -> Given:
    """A call as it is parsed; what it does is not done."""
    found: list[Given] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kubectl_lrs.commands.command.run_of", lambda _name: found.append)
        _group().main([*words], standalone_mode=False)
    return found[0]


def test_options_are_those_of_the_file_and_were_not_given(folder: Path) -> None:
    from kubectl_lrs.commands.backup_ import STORE_OPTIONS, Flags
    from kubectl_lrs.commands.check_ import Flags as CheckFlags
    from kubectl_lrs.commands.restore_ import ApplyFlags, SourceFlags
    from kubectl_lrs.commands.shared import Selecting

    path = str(
        _file(
            folder,
            "cluster: {uid: u}\nallNamespaces: true\nprofile: complete\nbackup: {types: [a, b], selector: x=y}\n"
            "mongo: {level: minimum}\nfiles: {all: true}\nrestore: {timeout: 9m}\nrepository: {url: backups}\n",
        )
    )
    given = _given("backup", "--config", path)
    flags = given.of(Flags)
    assert (flags.all_namespaces, flags.profile, flags.types, flags.selector) == (True, "complete", ("a", "b"), "x=y")
    assert (flags.path, flags.given) == (f"{folder}/backups", frozenset())
    assert flags.configured == {"--all-namespaces", "--profile", "--type", "--selector", "--backup-dir"}
    assert given.of(STORE_OPTIONS["mongo"]).level == "minimum"  # type: ignore[attr-defined]
    assert given.words == []
    assert _given("backup", "--config", path, "-A=false").of(Flags).all_namespaces is False, "a flag goes before the file"
    assert _given("backup", "--config", path, "-n", "x").of(Flags).all_namespaces is False, "so does the namespace"
    assert _given("backup", "--config", path, "--type", "c").of(Flags).types == ("c",)
    restore = _given("restore", "latest", "--config", path)
    assert restore.of(Selecting).types == (), "a restore chooses for itself"
    assert restore.of(ApplyFlags).timeout == "9m"
    assert restore.of(SourceFlags).path == f"{folder}/backups"
    assert _given("check", "--from", "x", "--config", path).of(CheckFlags).all_namespaces is True


def test_what_the_file_says_of_the_cluster(folder: Path) -> None:
    path = str(_file(folder, "cluster: {uid: u, namespaceUid: v, context: prod}\nnamespace: datarobot\n"))
    kube = _given("backup", "--config", path).kube
    assert (kube.context, kube.namespace) == ("", ""), "these are what the call itself says"
    assert (kube.default_context, kube.default_namespace) == ("prod", "datarobot")
    assert (kube.guard.uids, kube.guard.namespace, kube.guard.file) == (frozenset("uv"), "datarobot", path)
    assert _given("list", "--config", path).kube.guard is None, "no cluster is asked"
    without = str(_file(folder, "namespace: datarobot\n", "without.yaml"))
    with pytest.raises(UsageError, match="uid is not there"):
        _ = _given("backup", "--config", without).kube


def test_a_named_file_is_read_before_anything_else(folder: Path) -> None:
    for verb in (["backup"], ["list"], ["history"], ["restore", "x"]):
        with pytest.raises(UsageError, match="cannot be read"):
            _given(*verb, "--config", str(folder / "nothing.yaml"))
    _given("version", "--config", str(folder / "nothing.yaml"))
    with pytest.raises((UsageError, click.UsageError)):
        _given("list", "--config", "")


# ---- the file that is found


def test_where_no_cluster_is_asked_one_file_is_found_and_two_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kubectl_lrs.commands.shared import Backups

    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    (folder / "kubectl-lrs").mkdir(mode=0o700)
    path = _file(folder / "kubectl-lrs", "cluster: {uid: u}\nrepository: {url: backups}\n")
    assert _given("list").of(Backups).path == f"{folder}/kubectl-lrs/backups"
    assert capsys.readouterr().err == f"settings of {path}\n"
    _file(folder / "kubectl-lrs", "cluster: {uid: v}\n", "staging.yaml")
    with pytest.raises(UsageError, match=r"prod\.yaml, staging\.yaml"):
        _given("list").of(Backups)
    assert _given("list", "--backup-dir", "x").of(Backups).path == "x", "nothing is to be known of a file then"
    assert _given("list", "--config", str(path)).of(Backups).path == f"{folder}/kubectl-lrs/backups"
    (folder / "kubectl-lrs").chmod(0o777)
    with pytest.raises(UsageError, match="others may write it"):
        _given("list").of(Backups)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster: {uid: u\n", "not YAML"),
        ("repository: {url: backups}\n", "cluster.uid is not there"),
        ("cluster: {uid: 7}\n", "cluster.uid is not there"),
    ],
)
def test_one_that_may_be_meant_is_not_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """A typo would else have a backup made somewhere else, with other settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    (folder / "kubectl-lrs").mkdir(mode=0o700)
    _file(folder / "kubectl-lrs", text)
    with pytest.raises(UsageError, match=said):
        _ = _given("backup").kube
    monkeypatch.setattr(
        "kubectl_lrs.stores.lrs.connect.connect", lambda *_: SimpleNamespace(connection=SimpleNamespace(namespace="x"))
    )
    monkeypatch.setattr("kubectl_lrs.stores.lrs.connect.uids_of", lambda *_: {"kube-system": "u"})
    other = _file(folder / "kubectl-lrs", "cluster: {uid: v}\n", "staging.yaml")
    with pytest.raises(UsageError, match=said):
        _ = _given("backup").kube
    other.write_text("cluster: {uid: u}\n")
    assert _given("backup").kube.guard.file == str(other), "it is surely that one"
    assert "warning: not looked at: " in capsys.readouterr().err


def test_how_a_place_of_the_file_is_reached_is_not_how_others_are(folder: Path) -> None:
    from kubectl_lrs.commands.shared import Backups

    path = str(_file(folder, "cluster: {uid: u}\nrepository: {url: 's3://backups/x', optionsFile: o, endpoint: 'https://h'}\n"))
    reach = _given("list", "--config", path, "--backup-ca-file", "c").of(Backups).reach
    assert (reach.options, reach.endpoint, reach.ca_file) == (f"{folder}/o", "https://h", "c")
    other = reach.to("s3://velero/backups/x")
    assert (other.options, other.endpoint, other.ca_file) == ("", "", "c")
    assert reach.to("s3://backups/velero/x") is reach


def test_which_flags_are_the_files(folder: Path) -> None:
    path = str(_file(folder, "cluster: {uid: u}\nrepository: {url: backups}\n"))
    assert _given("list", "--config", path).configured() == {"--backup-dir": "repository.url"}
    assert _given("list", "--config", path, "--backup-dir", "x").configured() == {}
    assert _given("list").configured() == {}
