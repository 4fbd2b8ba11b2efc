"""A backup that an attacker made, with every sum right: restore writes nothing and says in one line why.

Only damage that sums cannot find is tried here; the rest is in `test_damage`.
"""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.attacker import (
    DEEP,
    Object,
    Tamper,
    bomb,
    crd_text,
    deep_catalog,
    deep_folders,
    first,
    huge_file,
    not_packed,
    objects,
    raw_text,
    replace_by_fifo,
    replace_by_link,
    reseal,
    setting,
    sums_text,
    surplus_fifo,
    twice_in_raw,
    without,
    yaml_text,
)
from tests.conftest import Cli, Crd, _Installed

NAMESPACE = "hostile"
MEMORY = 600 << 20
"""Bytes of address space that a hostile backup may make the product use; an ordinary restore needs a fifth of it."""

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: v}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "stolen", "namespace": NAMESPACE}}

HOSTILE: dict[str, tuple[Tamper, int, str]] = {
    # objects
    "a Secret in place of an LRS": (objects(lambda found: found.__setitem__(0, SECRET)), 4, "'v1' 'Secret' is not"),
    "another kind": (first(kind="ClusterRole"), 4, "'ClusterRole' is not"),
    "another group": (first(apiVersion="rbac.authorization.k8s.io/v1alpha1"), 4, "is not the LRS"),
    "another version of the group": (first(apiVersion="lrs.datarobot.com/v9"), 4, "is not the LRS"),
    "group without version": (first(apiVersion="lrs.datarobot.com"), 4, "is not the LRS"),
    "kind that is no string": (first(kind=["LRS"]), 4, "is not the LRS"),
    "name with slashes": (first(metadata__name="../../../../api/v1/secrets"), 4, "not a valid object name"),
    "name of dots": (first(metadata__name=".."), 4, "not a valid object name"),
    "name with an escape sequence": (first(metadata__name="a\x1b[2Jb"), 4, "not a valid object name"),
    "name that ends with a newline": (first(metadata__name="a\n"), 4, "not a valid object name"),
    "name that is a number": (first(metadata__name=7), 4, "not a valid object name"),
    "no name": (first(metadata__name=None), 4, "not a valid object name"),
    "namespace with slashes": (first(metadata__namespace="kube-system/secrets"), 4, "not a valid namespace"),
    "namespace of dots": (first(metadata__namespace=".."), 4, "not a valid namespace"),
    "no namespace": (first(metadata__namespace=None), 4, "not a valid namespace"),
    "labels that are a list": (first(metadata__labels=["a"]), 4, "metadata.labels"),
    "label that is an object": (first(metadata__labels={"a": {}}), 4, "metadata.labels"),
    "annotations that are text": (first(metadata__annotations="a"), 4, "metadata.annotations"),
    "finalizers that are an object": (first(metadata__finalizers={"a": 1}), 4, "metadata.finalizers"),
    "owners that are a number": (first(metadata__ownerReferences=3), 4, "metadata.ownerReferences"),
    "owner whose version is a path": (
        first(metadata__ownerReferences=[{"apiVersion": "../api/v1", "kind": "Secret", "name": "a", "uid": "b"}]),
        4,
        "metadata.ownerReferences",
    ),
    "owner whose name is a path": (
        first(metadata__ownerReferences=[{"apiVersion": "v1", "kind": "Secret", "name": "../a", "uid": "b"}]),
        4,
        "metadata.ownerReferences",
    ),
    "metadata that is text": (first(metadata="text"), 4, "not a Kubernetes object"),
    "object that is a list": (objects(lambda found: found.__setitem__(0, [])), 4, "not a Kubernetes object"),
    "object that is there twice": (objects(twice_in_raw), 4, "twice"),
    "object deeper than anything descends": (raw_text(lambda text: text.replace('"spec":{', _nested(900), 1)), 4, "levels deep"),
    "object of brackets": (raw_text(lambda text: "[" * DEEP + "]" * DEEP + "\n" + text), 4, "line 1"),
    "number of too many digits": (
        raw_text(lambda text: text.replace('"spec":{', f'"spec":{{"n":{"9" * 9999},', 1)),
        4,
        "not JSON",
    ),
    "no JSON": (raw_text(lambda text: "{}}\n" + text), 4, "not JSON"),
    "no text": (raw_text(lambda text: b"\xff\xfe\n" + text.encode()), 4, "lrs.raw.jsonl.gz"),
    "not packed": (not_packed, 4, "damaged"),
    "raw copy that lacks an object": (raw_text(lambda text: text.partition("\n")[2]), 4, "does not hold the object"),
    "raw copy that has one more": (
        raw_text(lambda text: text.splitlines()[0].replace('"name":"lrs-', '"name":"more-', 1) + "\n" + text),
        4,
        "there is no lrs/",
    ),
    "raw copy that says something else": (
        raw_text(lambda text: text.replace("registry.example", "evil.example")),
        4,
        "different things",
    ),
    "4 GB in one line": (bomb(b"x"), 4, "longer than 64 MiB"),
    "4 GB of empty lines": (bomb(b"\n"), 4, "not JSON"),
    # YAML files
    "YAML that says something else": (
        yaml_text(lambda text: text.replace("registry.example", "evil.example")),
        4,
        "different things",
    ),
    "YAML with a second document": (yaml_text(lambda text: f"{text}---\nkind: Secret\n"), 4, "not YAML"),
    "YAML that makes an object": (yaml_text(lambda text: f"{text}x: !!python/object/apply:os.system [id]\n"), 4, "not YAML"),
    "YAML with aliases that grow": (yaml_text(lambda text: text + LAUGHS), 4, "alias"),
    "YAML with merges that grow": (yaml_text(lambda text: text + MERGES), 4, "alias"),
    "YAML that is deep": (
        yaml_text(lambda text: f"{text}x: {'[' * DEEP}{']' * DEEP}\n"),
        4,
        "nest",
    ),  # libyaml has a limit of its own
    "YAML that is none": (yaml_text(lambda _: "{["), 4, "not YAML"),
    "YAML with a control character": (yaml_text(lambda text: f"{text}x: \x07\n"), 4, "not YAML"),
    "YAML that is empty": (yaml_text(lambda _: ""), 4, "different things"),
    "YAML of 100 MB": (yaml_text(lambda text: text + "#" * (100 << 20)), 4, "larger than 32 MiB"),
    # sums
    "sum of a file above the folder": (
        sums_text(lambda text: f"{text}{'0' * 64}  ../elsewhere\n"),
        4,
        "is not a sum of a file in the",
    ),
    "sum of an absolute path": (sums_text(lambda text: f"{text}{'0' * 64}  /etc/passwd\n"), 4, "is not a sum of a file in the"),
    "sum of a path that goes up inside": (sums_text(lambda text: text.replace("  lrs/", "  lrs/../lrs/", 1)), 4, "is not a sum"),
    "sum of a path with an escape sequence": (sums_text(lambda text: f"{text}{'0' * 64}  a\x1b[2Jb\n"), 4, "missing"),
    "sum that is listed twice": (sums_text(lambda text: text + text.splitlines(keepends=True)[0]), 4, "missing"),
    "sums that are binary": (sums_text(lambda _: "\x00" * 100), 4, "line 1 is not a sum"),
    "sums that list nothing": (sums_text(lambda _: ""), 4, "surplus"),
    "sums without a manifest that is there": (sums_text(lambda text: _without_line(text, "lrs/")), 4, "surplus"),
    "sums of 1 GB": (huge_file("SHA256SUMS"), 4, "SHA256SUMS"),
    # files
    "link in place of a manifest": (replace_by_link("lrs/*/*.yaml"), 4, "not a plain file"),
    "link in place of a folder": (replace_by_link("lrs/*"), 4, "missing"),
    "link in place of the raw objects": (replace_by_link("lrs.raw.jsonl.gz"), 4, "not a plain file"),
    "link in place of the catalog": (replace_by_link("backup.json"), 2, "backup.json: cannot be read"),
    "surplus link": (lambda folder: (folder / "link").symlink_to("/etc/passwd"), 4, "surplus"),
    "pipe in place of a manifest": (replace_by_fifo("lrs/*/*.yaml"), 4, "not a plain file"),
    "pipe in place of the raw objects": (replace_by_fifo("lrs.raw.jsonl.gz"), 4, "not a plain file"),
    "pipe in place of the sums": (replace_by_fifo("SHA256SUMS"), 4, "SHA256SUMS"),
    "pipe in place of the catalog": (replace_by_fifo("backup.json"), 2, "backup.json: cannot be read"),
    "surplus pipe": (surplus_fifo, 4, "surplus"),
    "folders without end": (deep_folders, 4, "surplus"),
    # the catalog
    "newer format": (setting("formatVersion", 3), 2, "format 3 is newer than this program reads"),
    "format that is text": (setting("formatVersion", "1"), 4, "not a catalog"),
    "format that is a bool": (setting("formatVersion", True), 4, "not a catalog"),
    "format of old that never was": (setting("formatVersion", 0), 4, "not a catalog"),
    "catalog that is a list": (lambda folder: (folder / "backup.json").write_text("[]") and None, 4, "not a catalog"),
    "catalog of brackets": (lambda folder: (folder / "backup.json").write_text("[" * DEEP) and None, 4, "not a catalog"),
    "catalog of 1 GB": (huge_file("backup.json"), 4, "larger than 64 MiB"),
    "deep catalog": (deep_catalog, 4, "saved/backup.json: "),
    "no cluster": (without("cluster"), 4, "not a valid catalog"),
    "no tiers": (without("tiers"), 4, "not a valid catalog"),
    "tiers that are a list": (setting("tiers", []), 4, "not a valid catalog"),
    "no resources": (without("tiers.resources"), 4, "not a valid catalog"),
    "no instant": (without("instant"), 4, "not a valid catalog"),
    "instant that is a number": (setting("instant", 5), 4, "not a valid catalog"),
    "instant at the end of time": (setting("instant", "9999-12-31T23:59:59Z"), 4, "not a valid catalog"),
    "objects that are text": (setting("tiers.resources.objects", "20"), 4, "resources.objects"),
    "objects below none": (setting("tiers.resources.objects", -1), 4, "resources.objects"),
    "more bytes than there can be": (setting("tiers.resources.bytes", 10**400), 4, "resources.bytes"),
    "infinite bytes": (setting("tiers.resources.bytes", float("inf")), 4, "resources.bytes"),
    "types that are a list": (setting("tiers.resources.types", ["deployment"]), 4, "resources.types"),
    "skipped that are text": (setting("tiers.resources.skipped", ["x"]), 4, "resources.skipped"),
    "selection that is a number": (setting("selection", 4), 4, "not a valid catalog"),
    "types wanted that are a number": (setting("selection.types", 4), 4, "selection.types"),
    "kind that is a number": (setting("tiers.resources.kind", 4), 4, "resources.kind"),
    "catalog of another resource": (setting("tiers.resources.plural", "secrets"), 4, "not lrs.lrs.datarobot.com"),
    "catalog of another group": (setting("tiers.resources.group", ""), 4, "not lrs.lrs.datarobot.com"),
    "catalog of another kind": (setting("tiers.resources.kind", "Secret"), 4, "is not the LRS"),
    "catalog of another version": (setting("tiers.resources.version", "../v1"), 4, "is not the LRS"),
}


def _nested(depth: int) -> str:
    return f'"deep":{"[" * depth}{"]" * depth},"spec":{{'


def _without_line(text: str, start: str) -> str:
    lines = text.splitlines(keepends=True)
    lines.remove(next(line for line in lines if line[66:].startswith(start)))
    return "".join(lines)


# ---- the tests


@pytest.fixture(scope="module")
def crd(plane: ControlPlane) -> Crd:
    return _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")


@pytest.fixture(scope="module")
def pristine(plane: ControlPlane, crd: Crd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A backup whose objects are no longer in the cluster."""
    loader.create_namespace(plane, NAMESPACE)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, NAMESPACE))
    directory = tmp_path_factory.mktemp("pristine")
    Cli(plane.kubeconfig, directory).ok("backup", "-n", NAMESPACE, "--name", "saved", "--backup-dir", directory)
    plane.api("DELETE", loader.objects_path(crd.api_version, NAMESPACE))
    yield directory / "saved"
    loader.delete_namespace(plane, NAMESPACE, wait=False)


@pytest.fixture
def folder(pristine: Path, cli: Cli) -> Path:
    return Path(shutil.copytree(pristine, cli.directory / "saved"))


def _bounded(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the product with little memory."""
    return subprocess.run(
        cli._command(arguments),
        env=cli._environment(None),
        cwd=cli.directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
    )


def _is_one_clear_line(done: subprocess.CompletedProcess[str]) -> bool:
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("backup saved, taken", "hint: "))]
    return len(lines) == 1 and lines[0].startswith("error: ") and len(lines[0]) < 1000 and "bug" not in lines[0]


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_backup_writes_nothing(plane: ControlPlane, crd: Crd, folder: Path, cli: Cli, case: str) -> None:
    tamper, code, message = HOSTILE[case]
    tamper(folder)
    done = _bounded(cli, "restore", "./saved", "--create-namespaces", "--yes")
    assert done.returncode == code, done.stdout + done.stderr
    assert message in done.stderr
    assert _is_one_clear_line(done), done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert done.stdout == ""
    assert loader.live(plane, crd.api_version) == []
    assert plane.api("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets")[1]["items"] == []


def test_tools_themselves_make_a_whole_backup(plane: ControlPlane, crd: Crd, folder: Path, cli: Cli) -> None:
    """Sealed anew without harm it is restored: the cases fail for what they change, not for how they are sealed."""
    reseal(folder)
    assert "20 created" in cli.ok("restore", "saved")
    plane.api("DELETE", loader.objects_path(crd.api_version, NAMESPACE))


def test_backup_behind_a_link_of_the_users_own(plane: ControlPlane, crd: Crd, folder: Path, cli: Cli) -> None:
    (cli.directory / "current").symlink_to(folder)
    assert "20 created" in cli.ok("restore", "./current")
    plane.api("DELETE", loader.objects_path(crd.api_version, NAMESPACE))


HOSTILE_CRDS: dict[str, tuple[Tamper, str]] = {
    "another kind": (crd_text(lambda text: text.replace("CustomResourceDefinition", "ClusterRole")), "not the CustomResource"),
    "another name": (crd_text(lambda text: text.replace("lrs.lrs.datarobot.com", "secrets.x.io")), "not the CustomResource"),
    "another group": (crd_text(lambda text: text.replace("group: lrs.datarobot.com", "group: x.io")), "not the CustomResource"),
    "no spec": (crd_text(lambda text: text.partition("spec:")[0]), "not the CustomResource"),
    "text": (crd_text(lambda _: "text"), "not the CustomResource"),
    "aliases": (crd_text(lambda text: text + LAUGHS), "alias"),
    "versions that are a number": (crd_text(lambda text: text.partition("  versions:")[0] + "  versions: 5\n"), "not the Custom"),
}


@pytest.mark.parametrize("case", HOSTILE_CRDS)
def test_hostile_crd_is_not_installed(plane: ControlPlane, pristine: Path, folder: Path, cli: Cli, case: str) -> None:
    tamper, message = HOSTILE_CRDS[case]
    tamper(folder)
    loader.delete_crd(plane)
    done = _bounded(cli, "restore", "./saved", "--install-crd", "--create-namespaces", "--yes")
    assert done.returncode == 4, done.stderr
    assert message in done.stderr
    assert _is_one_clear_line(done), done.stderr
    assert plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 404


# ---- what only reads a backup


def _entry(**fields: Any) -> bytes:
    entry = dict.fromkeys(("namespace", "name", "type", "uid", "resourceVersion", "created", "path"), "a")
    return json.dumps({**entry, "owners": [], **fields}).encode() + b"\n"


INDEXES: dict[str, bytes] = {
    "no JSON": b"{\n",
    "brackets": b"[" * DEEP,
    "a list": b"[]\n",
    "an object without fields": b"{}\n",
    "a name that is a number": _entry(name=1),
    "owners that are text": _entry(owners=["x"]),
    "more than there are objects": _entry() * 1000,
}


@pytest.mark.parametrize("case", INDEXES)
def test_hostile_index_is_refused_by_show(folder: Path, cli: Cli, case: str) -> None:
    (folder / "lrs.index.jsonl.gz").write_bytes(gzip.compress(INDEXES[case]))
    reseal(folder)
    done = _bounded(cli, "show", "./saved")
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert "lrs.index.jsonl.gz: not" in done.stderr
    assert _is_one_clear_line(done)


@pytest.mark.parametrize(
    "case", ["catalog of brackets", "infinite bytes", "instant at the end of time", "no cluster", "pipe in place of the catalog"]
)
def test_list_goes_on_beside_a_hostile_backup(folder: Path, pristine: Path, cli: Cli, case: str) -> None:
    shutil.copytree(pristine, cli.directory / "good")
    HOSTILE[case][0](folder)
    done = _bounded(cli, "list", "-o", "name")
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr
    assert "warning: " in done.stderr


ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r\n\x7f"


def _raw_controls(text: str) -> list[str]:
    return [char for char in text.replace("\n", "") if not char.isprintable()]


@pytest.mark.parametrize("output", ["table", "json", "yaml", "name"])
@pytest.mark.parametrize("verb", ["list", "show", "verify"])
def test_no_escape_sequence_reaches_the_terminal(folder: Path, cli: Cli, verb: str, output: str) -> None:
    """In the catalog, the index, and the name of a surplus file."""

    def change(document: Object) -> None:
        document["profile"] = document["cluster"]["server"] = document["cluster"]["context"] = ESCAPES
        document["name"] = document["cluster"]["version"] = ESCAPES
        document["selection"] |= {"namespace": ESCAPES, "types": [ESCAPES]}
        document["tiers"]["resources"] |= {"kind": ESCAPES, "resourceVersion": ESCAPES, "crd": None, "crdNote": ESCAPES}
        document["tiers"]["resources"]["skipped"] = [{"namespace": ESCAPES, "name": ESCAPES, "reason": ESCAPES}]

    entry = dict.fromkeys(("namespace", "name", "type", "uid", "resourceVersion", "created", "path"), ESCAPES)
    line = json.dumps({**entry, "owners": [{"kind": ESCAPES, "name": ESCAPES}]}) + "\n"
    (folder / "lrs.index.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    reseal(folder, change)
    if verb == "verify":
        (folder / ESCAPES).write_text("surplus")
    done = cli.run(verb, "-o", output)
    assert done.returncode == (4 if verb == "verify" else 0), done.stderr
    assert _raw_controls(done.stdout + done.stderr) == []
    if output in ("json", "yaml"):
        assert ESCAPES in _texts(yaml.safe_load(done.stdout)), "the data itself is not altered"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield value


def test_escape_sequences_in_labels_and_specs_do_not_reach_the_terminal(folder: Path, cli: Cli) -> None:
    def change(found: list[Object]) -> None:
        for each in found:
            each["metadata"]["labels"]["datarobot-lrs-type"] = f"x{ESCAPES}"
            each["spec"][ESCAPES] = ESCAPES
            each["spec"]["template"]["volumes"] = [{"secret": {"secretName": ESCAPES}}]

    objects(change)(folder)
    for output in ("table", "json", "yaml"):
        done = cli.run("restore", "saved", "--dry-run=client", "-o", output, "--map-namespace", f"{NAMESPACE}=elsewhere")
        assert _raw_controls(done.stdout + done.stderr) == [], done.stdout
        assert "Traceback" not in done.stderr
        assert "bug" not in done.stderr
