"""Kubeconfig files: merged as client-go merges them; what is of another type is refused with its place. No server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_lrs.clients.kubernetes.kubeconfig_files import DIRECTORY, read
from kubectl_lrs.model.errors import UsageError


def _file(path: Path, **sections: Any) -> Path:
    document = {"apiVersion": "v1", "kind": "Config", **{name.replace("_", "-"): value for name, value in sections.items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document))
    return path


def _named(name: str, section: str, **entry: Any) -> dict[str, Any]:
    return {"name": name, section: entry}


def test_the_first_file_that_names_something_decides_all_of_it(folder: Path) -> None:
    one = _file(folder / "one", clusters=[_named("c", "cluster", server="https://one")], current_context="a")
    two = _file(
        folder / "two",
        clusters=[
            _named("c", "cluster", server="https://two", **{"tls-server-name": "x"}),
            _named("d", "cluster", server="https://d"),
        ],
        users=[_named("u", "user", token="t")],
        current_context="b",
    )
    merged = read("", {"KUBECONFIG": os.pathsep.join(map(str, (folder / "none", one, two, one)))})
    assert merged.clusters["c"] == {"server": "https://one", DIRECTORY: str(folder)}
    assert merged.clusters["d"]["server"] == "https://d"
    assert (merged.users["u"]["token"], merged.current_context) == ("t", "a")


def test_which_file(folder: Path) -> None:
    _file(folder / ".kube" / "config", current_context="home")
    other = _file(folder / "other", current_context="other")
    environment = {"HOME": str(folder)}
    assert read("", environment).current_context == "home"
    assert read("", {**environment, "KUBECONFIG": str(other)}).current_context == "other"
    assert read(str(other), {**environment, "KUBECONFIG": "/nowhere"}).current_context == "other"
    assert read("", {"HOME": str(folder / "nobody")}).current_context == ""
    with pytest.raises(UsageError, match="no such file"):
        read(str(folder / "nowhere"), environment)


def test_paths_are_those_of_the_file_that_names_them(folder: Path) -> None:
    entry = {"certificate-authority": "ca.crt"}
    path = _file(
        folder / "deep" / "config", clusters=[_named("c", "cluster", **entry)], users=[_named("u", "user", tokenFile="/abs")]
    )
    merged = read(str(path), {})
    assert merged.clusters["c"]["certificate-authority"] == str(folder / "deep" / "ca.crt")
    assert merged.users["u"]["tokenFile"] == "/abs"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}", "\t{\n\t}"])
def test_a_file_that_says_nothing(folder: Path, text: str) -> None:
    (folder / "config").write_text(text)
    assert read(str(folder / "config"), {}).clusters == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "holds no mapping"),
        ("word", "holds no mapping"),
        ("a: [", "not YAML"),
        ("kind: Pod", "it holds a Pod"),
        ("clusters: {}x", "not YAML"),
        ("clusters: word", "not a list of named entries"),
        ("clusters: [1]", "not a list of named entries"),
        ("clusters: [{name: a}, {name: a}]", "'a' is there twice"),
        ("clusters: [{name: a, cluster: 1}]", "'a': not a mapping"),
        ("clusters: [{name: a, cluster: {server: 1}}]", "server: not a string"),
        ("clusters: [{name: a, cluster: {insecure-skip-tls-verify: 'yes'}}]", "not true or false"),
        ("clusters: [{name: a, cluster: {certificate-authority-data: '%%%'}}]", "not base64"),
        ("users: [{name: a, user: {as-groups: word}}]", "not a list"),
        ("users: [{name: a, user: {as-user-extra: {k: word}}}]", "not a list"),
        ("users: [{name: a, user: {exec: {args: [1]}}}]", "exec: args: not a string"),
        ("users: [{name: a, user: {exec: {env: [{name: 1}]}}}]", "exec: env: not a string"),
        ("users: [{name: a, user: {token: 12}}]", "token: not a string"),
        ("contexts: [{name: a, context: {namespace: 1}}]", "namespace: not a string"),
        ("current-context: 1", "current-context: not a string"),
    ],
)
def test_what_is_no_kubeconfig_is_refused_with_its_place(folder: Path, text: str, said: str) -> None:
    (folder / "config").write_text(text)
    with pytest.raises(UsageError, match="kubeconfig ") as caught:
        read(str(folder / "config"), {})
    assert said in str(caught.value)


def test_what_cannot_be_read(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(str(folder), {})
