"""What pods have of the installation file, and which rights its settings need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.cli import _group
from kubectl_lrs.commands.installation import table_of
from kubectl_lrs.commands.schedule_flags import Settings
from kubectl_lrs.commands.schedule_plan import _in_pod, _require_shards, _rules
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import flags_of
from kubectl_lrs.model.settings import Installation, Table


@pytest.fixture(scope="module")
def table() -> Table:
    """All settings."""
    return table_of(_group())


def in_pod(table: Table, **values: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Of these settings; a bucket besides."""
    every = {"repository.url": "s3://b/p", **{key.replace("_", "."): value for key, value in values.items()}}
    return _in_pod(every, table, Installation(Path("f"), every))


def test_files_have_another_place(table: Table) -> None:
    made, files = in_pod(table, mongo_uriFile="/home/me/uri", api_tokenFiles=("/a/one", "/b/two"), files_url="s3://b/f")
    assert made["mongo.uriFile"] == "/etc/lrs/uri"
    assert made["api.tokenFiles"] == ("/etc/lrs/one", "/etc/lrs/two")
    assert made["files.url"] == "s3://b/f"
    assert files == {"mongo.uriFile[0]": "uri", "api.tokenFiles[0]": "one", "api.tokenFiles[1]": "two"}


def test_two_files_of_one_name(table: Table) -> None:
    _, files = in_pod(table, files_caFile="/a/ca", repository_caFile="/a/ca")
    assert set(files.values()) == {"ca"}, "it is one file"
    with pytest.raises(UsageError, match="two files are called ca"):
        in_pod(table, files_caFile="/a/ca", repository_caFile="/b/ca")


def rights(part: str = "backup", **values: Any) -> dict[str, set[tuple[str, str]]]:
    """Namespace → (resource, verb)."""
    shards = values.pop("shards", False)
    found = _rules({key.replace("_", "."): value for key, value in values.items()}, "dr", part, "lrs-backup", shards=shards)
    return {
        where: {(name, verb) for rule in rules for name in rule.resources for verb in rule.verbs}
        for where, rules in found.items()
    }


BASE = {("namespaces", "get"), ("cronjobs", "get"), ("events", "create")}


def test_the_smallest_role_for_the_profile() -> None:
    assert rights() == {"dr": {*BASE, ("lrs", "list")}}
    assert rights(profile="minimum", mongo_uriFile="u") == rights()
    assert ("pods/portforward", "create") in rights(profile="minimum")["dr"]
    assert ("pods/portforward", "create") not in rights(profile="complete", mongo_level="none")["dr"]
    elsewhere = rights(profile="complete", mongo_namespace="db")
    assert ("secrets", "get") in elsewhere["db"]
    assert ("secrets", "get") not in elsewhere["dr"]
    assert ("serviceaccounts", "get") not in rights(images_pullSecrets=True)["dr"], "no image is read"
    assert ("serviceaccounts", "get") in rights(profile="complete", images_pullSecrets=True)["dr"]
    assert rights(nightly_cleanSpark=True)["dr"] == {*BASE, ("lrs", "list"), ("lrs", "delete")}
    assert rights(notify_events=False) == {"dr": {("namespaces", "get"), ("lrs", "list")}}
    proves = rights("prove", profile="complete", images_pullSecrets=True, nightly_cleanSpark=True)["dr"]
    assert {("lrs", "create"), ("pods/portforward", "create")} < proves
    assert not {("lrs", "delete"), ("serviceaccounts", "get")} & proves
    assert rights(allNamespaces=True) == {"dr": BASE, "": {("lrs", "list")}}
    jobs = {("jobs", verb) for verb in ("get", "list", "create", "delete")}
    assert rights(allNamespaces=True, shards=True) == {"dr": BASE | jobs, "": {("lrs", "list")}}
    assert rights("prove", shards=True) == rights("prove"), "it copies nothing"


@pytest.mark.parametrize(
    ("words", "values", "why"),
    [
        ({"shards": "0"}, {"files.level": "copy"}, "neither auto nor a number"),
        ({"shards": "x"}, {"profile": "complete"}, "neither auto nor a number"),
        ({"shards": "8"}, {}, "no pod copies any"),
        ({"shards": "8"}, {"profile": "complete", "files.level": "inventory"}, "no pod copies any"),
        ({"shards": "8", "parts": ("prune",)}, {"profile": "complete"}, "no pod copies any"),
    ],
)
def test_shards_that_say_nothing(words: dict[str, Any], values: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        _require_shards(_settings(**words), values)


def test_shards_that_say_something() -> None:
    for said in ("auto", "1", "1000"):
        _require_shards(_settings(shards=said), {"profile": "complete"})
    _require_shards(_settings(), {})


def _settings(**words: Any) -> Settings:
    values = {name: flag.default for name, flag in flags_of(Settings)} | words
    return Settings(given=frozenset(), configured=frozenset(), settings_file="", **values)
