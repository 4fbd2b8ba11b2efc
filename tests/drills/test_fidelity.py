"""Nothing is lost or changed between the API server, the files of a backup, kubectl, and the API server again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from kubectl_lrs.formats.yaml_writer import dump
from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.builders.compare import Key, essences
from tests.builders.yaml_cases import JSON, NUMBERS, PLACES, STRUCTURES, TABLE, as_go_writes, difference
from tests.conftest import Cli, Crd

GENERATED = 400
CHUNK = 20
ANNOTATION = 1000
"""Longest string that goes into an annotation: all of an object's together may take 256 KiB."""


@cache
def _generated(count: int) -> list[Any]:
    """That many documents from hypothesis, for a check that takes them all at once."""
    documents: list[Any] = []

    @settings(max_examples=count, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(JSON)
    def collect(document: Any) -> None:
        documents.append(document)

    collect()
    return documents


def _chunks() -> Iterator[list[str]]:
    for start in range(0, len(TABLE), CHUNK):
        yield TABLE[start : start + CHUNK]


def _documents() -> list[Any]:
    """Every string in every place, every number and structure, and generated documents."""
    tables = [{str(number): place(text) for number, text in enumerate(chunk)} for place in PLACES.values() for chunk in _chunks()]
    keys = [{text: text for text in chunk} for chunk in _chunks()]
    return [*tables, *keys, NUMBERS, {"numbers": NUMBERS}, *STRUCTURES.values(), *_generated(GENERATED)]


def _manifest(crd: Crd, namespace: str, name: str, template: dict[str, Any]) -> dict[str, Any]:
    """An LRS whose template is free-form under both CRDs."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": crd.api_version, "kind": crd.kind, "metadata": metadata, "spec": {"image": "a", "template": template}}


def _objects(crd: Crd, namespace: str) -> Iterator[dict[str, Any]]:
    """LRS that hold every string as value, item, key, argument, variable and annotation; every number; every structure."""
    for number, chunk in enumerate(_chunks()):
        keys = {text: text for text in chunk}
        nested = [PLACES["nested"](text) for text in chunk]
        each = _manifest(crd, namespace, f"strings-{number}", {"items": chunk, "keys": keys, "nested": nested})
        each["spec"] |= {"env": keys, "args": chunk}
        short = [text for text in chunk if len(text) <= ANNOTATION]
        each["metadata"]["annotations"] = {f"example.com/{place}": text for place, text in enumerate(short)}
        yield each
    yield _manifest(crd, namespace, "numbers", {"numbers": NUMBERS, "nested": [[number] for number in NUMBERS]})
    yield _manifest(crd, namespace, "structures", STRUCTURES)
    yield _manifest(crd, namespace, "generated", {"documents": _generated(100)})


def _read_by_kubectl(plane: ControlPlane, folder: Path) -> list[dict[str, Any]]:
    """What kubectl takes the files of a folder for."""
    text = plane.kubectl_run("create", "-f", str(folder), "--dry-run=client", "--validate=false", "-o", "json").stdout.strip()
    found: list[dict[str, Any]] = []
    at, decoder = 0, json.JSONDecoder()
    while at < len(text):
        each, at = decoder.raw_decode(text, at)
        found += each["items"] if each["kind"] == "List" else [each]
        at += len(text[at:]) - len(text[at:].lstrip("\n"))
    return found


def _by_name(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects}


def _answer(plane: ControlPlane, path: str) -> str:
    """The API server's answer as it wrote it."""
    connection = plane.connection()
    connection.request("GET", path, headers={"Authorization": f"Bearer {plane.admin_token}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_kubectl_reads_what_was_written(plane: ControlPlane, crd: Crd, tmp_path: Path) -> None:
    written = {f"doc-{number}": document for number, document in enumerate(_documents())}
    folder = tmp_path / "manifests"
    folder.mkdir()
    for name, document in written.items():
        manifest = _manifest(crd, "default", name, {"document": document})
        (folder / f"{name}.yaml").write_bytes(dump(manifest).encode())
    read = _by_name(_read_by_kubectl(plane, folder))
    assert read.keys() == written.keys()
    for name, document in written.items():
        assert difference(as_go_writes(document), read[name]["spec"]["template"]["document"]) == [], (
            f"{name}: {dump(document)[:2000]}"
        )


@pytest.fixture
def stored(plane: ControlPlane, each_crd: Crd, namespace: str) -> dict[Key, dict[str, Any]]:
    """The live objects of a namespace that the API server holds as they were sent."""
    sent = list(_objects(each_crd, namespace))
    loader.create_many(plane, sent)
    live = essences(plane, each_crd.api_version, namespace)
    assert len(live) == len(sent)
    for each in sent:
        there = live[namespace, each["metadata"]["name"]]
        assert difference(as_go_writes(each["metadata"]), there["metadata"]) == []
        assert difference(as_go_writes(each["spec"]), {key: there["spec"][key] for key in each["spec"]}) == []
    return live


@pytest.fixture
def folder(stored: dict[Key, dict[str, Any]], namespace: str, cli: Cli) -> Path:
    """A backup of them."""
    cli.ok("backup", "-n", namespace, "--name", "whole")
    path = cli.directory / "whole"
    assert len(list((path / "lrs" / namespace).iterdir())) == len(stored)
    return path


def test_files_say_the_same_to_every_reader(
    plane: ControlPlane, stored: dict[Key, dict[str, Any]], namespace: str, folder: Path
) -> None:
    files = sorted((folder / "lrs" / namespace).iterdir())
    readers = {
        "PyYAML": [yaml.load(file.read_bytes(), yaml.SafeLoader) for file in files],
        "libyaml": [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in files],
        "kubectl": _read_by_kubectl(plane, folder / "lrs" / namespace),
    }
    for reader, read in readers.items():
        found = _by_name(read)
        assert len(found) == len(stored), reader
        for (_, name), live in stored.items():
            assert difference(live, found[name]) == [], f"{reader}: {name}"


def test_kubectl_alone_brings_them_back(
    plane: ControlPlane, each_crd: Crd, stored: dict[Key, dict[str, Any]], namespace: str, folder: Path
) -> None:
    path = loader.objects_path(each_crd.api_version, namespace)
    assert plane.api("DELETE", path)[0] == 200
    loader.wait_until(lambda: not loader.live(plane, each_crd.api_version, namespace), "the namespace to be empty")
    plane.kubectl_run("create", "-f", str(folder / "lrs" / namespace))
    again = essences(plane, each_crd.api_version, namespace)
    assert again.keys() == stored.keys()
    for key, before in stored.items():
        assert difference(before, again[key]) == [], key


def test_raw_lines_are_the_servers_own(
    plane: ControlPlane, each_crd: Crd, stored: dict[Key, dict[str, Any]], namespace: str, folder: Path
) -> None:
    with gzip.open(folder / "lrs.raw.jsonl.gz", "rb") as file:
        lines = [line.decode() for line in file.read().split(b"\n")[:-1]]
    assert len(lines) == len(stored)
    for line in lines:
        name = json.loads(line)["metadata"]["name"]
        answer = _answer(plane, f"{loader.objects_path(each_crd.api_version, namespace)}/{name}")
        assert difference(json.loads(answer), json.loads(line)) == [], name
        assert line == answer.rstrip("\n"), name


def test_server_has_neither_half_characters_nor_negative_zeros(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    """What some YAML readers refuse or lose never comes from the API server, so a backup cannot hold it."""
    path = loader.objects_path(crd.api_version, namespace)
    template = r'{"text": "\ud800a\udc00", "numbers": [-0, -0.0, -0e0, -1e-400]}'
    text = json.dumps(_manifest(crd, namespace, "odd", {})).replace('"template": {}', f'"template": {template}')
    assert plane.api("POST", path, text)[0] == 201
    answer = _answer(plane, f"{path}/odd")
    assert '"template":{"numbers":[0,0,0,0],"text":"\ufffda\ufffd"}' in answer
