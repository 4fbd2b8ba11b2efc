"""`diff`: what it calls a difference, what it does not, and how it says so."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_lrs.catalog import Catalog, parse
from kubectl_lrs.errors import ExpiredError, UnreachableError
from kubectl_lrs.operations.differ import Differ, Difference, Kind, Origin
from kubectl_lrs.progress import Silent
from kubectl_lrs.selection import Selection
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.compare import essence
from tests.conftest import ROOT, Cli, Crd, _Installed
from tests.reseal import rewrite

Lrs = dict[str, Any]
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
FORMATS = ("table", "wide", "diff", "json", "yaml", "name")


def _lrs(crd: Crd, namespace: str, name: str, spec: dict[str, Any] | None = None, kind: str = "deployment") -> Lrs:
    metadata = {"name": name, "namespace": namespace, "labels": {samples.TYPE_LABEL: kind}}
    return {"apiVersion": crd.api_version, "kind": crd.kind, "metadata": metadata, "spec": {"image": "a:1", **(spec or {})}}


class Bed:
    """A namespace with LRS `one`, `two` and `three`, and a backup of them called `saved`."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
        self.plane, self.crd, self.namespace, self.cli = plane, crd, namespace, cli
        self.create("one", "two", "three")
        cli.ok("backup", "-n", namespace, "--name", "saved")

    def path(self, name: str, namespace: str = "") -> str:
        return f"{loader.objects_path(self.crd.api_version, namespace or self.namespace)}/{name}"

    def create(self, *names: str, namespace: str = "", spec: dict[str, Any] | None = None, kind: str = "deployment") -> None:
        made = [_lrs(self.crd, namespace or self.namespace, name, spec, kind) for name in names]
        for each in made:
            each["metadata"]["labels"]["bed"] = self.namespace
        loader.create_many(self.plane, made)

    def merge(self, name: str, body: dict[str, Any], namespace: str = "") -> None:
        status, answer = self.plane.api("PATCH", self.path(name, namespace), body, content_type=MERGE_PATCH)
        assert status == 200, answer

    def delete(self, name: str) -> None:
        assert self.plane.api("DELETE", self.path(name))[0] == 200

    def data(self, *arguments: str, code: int = 4) -> dict[str, Any]:
        """The answer as JSON."""
        done = self.cli.run("diff", *arguments, "-o", "json")
        assert done.returncode == code, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def found(self, *arguments: str) -> dict[str, str]:
        """What differs: name → how."""
        done = self.cli.run("diff", *arguments, "-o", "json")
        answer = json.loads(done.stdout)
        assert done.returncode == (4 if answer["differences"] else 0), done.stderr
        return {each["name"]: each["change"] for each in answer["differences"]}


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Bed:
    return Bed(plane, crd, namespace, cli)


@pytest.fixture
def each_bed(plane: ControlPlane, each_crd: Crd, namespace: str, cli: Cli) -> Bed:
    return Bed(plane, each_crd, namespace, cli)


# ---- what it says


def test_nothing_differs_in_any_format(each_bed: Bed) -> None:
    for output in FORMATS:
        done = each_bed.cli.run("diff", "saved", "-o", output)
        assert done.returncode == 0, done.stderr
        if output in ("diff", "name"):
            assert done.stdout == ""
    text = each_bed.cli.ok("diff", "saved")
    assert text.endswith("saved -> live: nothing differs: 3 equal\n")
    answer = each_bed.data("saved", code=0)
    assert answer["counts"] == {"removed": 0, "added": 0, "changed": 0, "equal": 3, "notCompared": 0}
    assert answer["differences"] == []


def _drift(bed: Bed) -> None:
    bed.merge("one", {"metadata": {"labels": {"a.b/c": "x"}}, "spec": {"image": "b:2", "template": {"gone": None, "new": 1}}})
    bed.delete("two")
    bed.create("four")


def test_each_change_is_told_field_by_field(each_bed: Bed) -> None:
    _drift(each_bed)
    answer = each_bed.data("saved")
    head = {"namespace": each_bed.namespace, "type": "deployment"}
    assert answer["differences"] == [
        {**head, "name": "four", "change": "added", "fields": []},
        {
            **head,
            "name": "one",
            "change": "changed",
            "fields": [
                {"field": "metadata.labels['a.b/c']", "path": ["metadata", "labels", "a.b/c"], "after": "x"},
                {"field": "spec.image", "path": ["spec", "image"], "before": "a:1", "after": "b:2"},
                {"field": "spec.template", "path": ["spec", "template"], "after": {"new": 1}},
            ],
        },
        {**head, "name": "two", "change": "removed", "fields": []},
    ]
    assert answer["counts"] == {"removed": 1, "added": 1, "changed": 1, "equal": 1, "notCompared": 0}
    assert (answer["before"]["is"], answer["before"]["name"]) == ("backup", "saved")
    assert answer["before"]["path"] == str(each_bed.cli.directory / "saved")
    assert (answer["after"]["is"], answer["after"]["server"]) == ("live", each_bed.plane.server)
    assert int(answer["after"]["resourceVersion"]) > int(answer["before"]["resourceVersion"])
    assert yaml.safe_load(each_bed.cli.run("diff", "saved", "-o", "yaml").stdout)["differences"] == answer["differences"]
    assert each_bed.cli.run("diff", "saved", "-o", "name").stdout.split() == [
        f"{each_bed.namespace}/{name}" for name in ("four", "one", "two")
    ]


def test_table_says_which_side_is_which(bed: Bed) -> None:
    _drift(bed)
    done = bed.cli.run("diff", "saved")
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert lines[0].startswith("before: backup saved, taken ")
    assert lines[1] == f"after:  live, as it is now on {bed.plane.server}"
    table = [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines[3:-2]]
    assert table == [
        ["NAMESPACE", "NAME", "TYPE", "CHANGE", "FIELD", "BEFORE", "AFTER"],
        [bed.namespace, "four", "deployment", "added", "<absent>", "(whole object)"],
        [bed.namespace, "one", "deployment", "changed", "metadata.labels['a.b/c']", "<absent>", '"x"'],
        [bed.namespace, "one", "deployment", "changed", "spec.image", '"a:1"', '"b:2"'],
        [bed.namespace, "one", "deployment", "changed", "spec.template", "<absent>", '{"new": 1}'],
        [bed.namespace, "two", "deployment", "removed", "(whole object)", "<absent>"],
    ]
    assert lines[-1] == "saved -> live: differs: 1 removed (only before), 1 added (only after), 1 changed, 1 equal"


def test_long_values_part_visibly_in_a_table_and_are_whole_in_wide(bed: Bed) -> None:
    stem = "registry.example.com/datarobot/custom-apps/managed-image:65f0c0ffee"
    bed.create("long", spec={"image": f"{stem}1"})
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "long")
    bed.merge("long", {"spec": {"image": f"{stem}2"}})
    (row,) = [line for line in bed.cli.run("diff", "long").stdout.splitlines() if "spec.image" in line]
    before, after = row.split()[-2:]
    assert before != after
    assert max(len(before), len(after)) < len(stem)
    wide = bed.cli.run("diff", "long", "-o", "wide").stdout
    assert f'"{stem}1"' in wide
    assert f'"{stem}2"' in wide


def test_unified_diff_of_the_yaml(bed: Bed) -> None:
    _drift(bed)
    done = bed.cli.run("diff", "saved", "-o", "diff")
    assert done.returncode == 4
    added, changed, removed = (f"diff -u -N {text}" for text in done.stdout.split("diff -u -N ")[1:])
    key = f"{bed.namespace}/one.yaml"
    assert changed == (
        f"diff -u -N before/{key} after/{key}\n--- before/{key}\n+++ after/{key}\n"
        "@@ -2,11 +2,14 @@\n"
        f" kind: {bed.crd.kind}\n metadata:\n   labels:\n"
        "+    a.b/c: x\n"
        f"     bed: {bed.namespace}\n     datarobot-lrs-type: deployment\n   name: one\n"
        f"   namespace: {bed.namespace}\n spec:\n"
        "-  image: a:1\n+  image: b:2\n"
        "   paused: false\n   replicas: 1\n"
        "+  template:\n+    new: 1\n"
    )
    assert added.splitlines()[1:3] == ["--- /dev/null", f"+++ after/{bed.namespace}/four.yaml"]
    assert removed.splitlines()[1:3] == [f"--- before/{bed.namespace}/two.yaml", "+++ /dev/null"]
    live = essence(bed.plane.api("GET", bed.path("four"))[1])
    assert yaml.safe_load("".join(line[1:] for line in added.splitlines(keepends=True)[4:])) == live
    assert all(line.startswith("-") for line in removed.splitlines()[4:])
    assert done.stderr.splitlines()[-1].startswith("saved -> live: differs: ")


def test_quiet_says_nothing_but_the_result(bed: Bed) -> None:
    _drift(bed)
    for output in FORMATS:
        assert bed.cli.run("diff", "latest", "-q", "-o", output).stderr == ""


def _on_a_terminal(bed: Bed, **environment: str) -> str:
    """What the verb prints when its standard output is a terminal."""
    main, terminal = pty.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    run = subprocess.Popen(
        [sys.executable, "-m", "kubectl_lrs", "diff", "saved", "-o", "diff"],
        env={**clean, "KUBECONFIG": str(bed.cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment},
        cwd=bed.cli.directory,
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )
    os.close(terminal)
    text = b""
    try:
        while chunk := os.read(main, 65536):
            text += chunk
    except OSError:  # the other end is closed
        pass
    os.close(main)
    assert run.wait(60) == 4
    return text.decode().replace("\r\n", "\n")


def test_colours_only_on_a_terminal_that_wants_them(bed: Bed) -> None:
    _drift(bed)
    plain = bed.cli.run("diff", "saved", "-o", "diff").stdout
    assert "\x1b" not in plain
    coloured = _on_a_terminal(bed)
    assert "\x1b[31m-  image: a:1\x1b[0m\n\x1b[32m+  image: b:2\x1b[0m\n" in coloured
    assert _without_colours(coloured) == plain
    assert _on_a_terminal(bed, NO_COLOR="1") == plain
    assert _on_a_terminal(bed, TERM="dumb") == plain


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", text)


# ---- what is a difference

VALUES: dict[str, tuple[Any, Any]] = {
    "null and absent": ({"v": None}, {}),
    "null and empty string": ({"v": None}, {"v": ""}),
    "number and string": ({"v": 1}, {"v": "1"}),
    "number and boolean": ({"v": 1}, {"v": True}),
    "zero and false": ({"v": 0}, {"v": False}),
    "string and boolean": ({"v": "true"}, {"v": True}),
    "integers beyond doubles": ({"v": 2**62}, {"v": 2**62 + 1}),
    "floats": ({"v": 0.1}, {"v": 0.1 + 2**-55}),
    "key with dots": ({"a.b": {"c": 1}}, {"a": {"b": {"c": 1}}}),
    "key with slash and tilde": ({"a/b~c": 1}, {"a/b~c": 2}),
    "empty key": ({"": 1}, {"": 2}),
    "lines": ({"v": "a\nb\n"}, {"v": "a\nb"}),
    "blank at the end": ({"v": "a "}, {"v": "a"}),
    "forms of one letter": ({"v": "\u00e9"}, {"v": "e\u0301"}),
    "list longer": ({"v": [1, 2]}, {"v": [1, 2, 3]}),
    "list in another order": ({"v": [1, 2]}, {"v": [2, 1]}),
    "empty list and absent": ({"v": []}, {}),
    "empty list and empty map": ({"v": []}, {"v": {}}),
    "empty map and absent": ({"v": {}}, {}),
    "deep in lists": ({"v": [[{"a": [1]}]]}, {"v": [[{"a": [2]}]]}),
    "map and list": ({"v": {"0": 1}}, {"v": [1]}),
}


def test_values_that_differ(bed: Bed) -> None:
    """All at once, since each needs an object only: the backup holds the first of each pair, the cluster the second."""
    names = {f"v-{number}": case for number, case in enumerate(VALUES)}
    for name, case in names.items():
        bed.create(name, spec={"template": VALUES[case][0]})
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "values")
    for name, case in names.items():
        replacement = [{"op": "replace", "path": "/spec/template", "value": VALUES[case][1]}]
        assert bed.plane.api("PATCH", bed.path(name), replacement, content_type=JSON_PATCH)[0] == 200
    answer = bed.data("values")
    assert (answer["counts"]["changed"], answer["counts"]["equal"]) == (len(VALUES), 3)
    for each in answer["differences"]:
        sides = [[[f["path"][2:], f[side]] for f in each["fields"] if side in f] for side in ("before", "after")]
        before, after = VALUES[names[each["name"]]]
        wanted = [_touched(before, each["fields"]), _touched(after, each["fields"])]
        assert json.dumps(sides) == json.dumps(wanted), names[each["name"]]
    text = bed.cli.run("diff", "values", "-o", "diff").stdout
    assert text.count("diff -u -N ") == len(VALUES)
    assert text.count("\n@@ ") == len(VALUES), "each of them shows in the YAML too"


def _touched(template: Any, fields: list[dict[str, Any]]) -> list[Any]:
    """What stands in the template at the paths of the fields."""
    found = []
    for each in fields:
        value: Any = template
        try:
            for part in each["path"][2:]:
                value = value[part]
        except (KeyError, IndexError):
            continue
        found.append([each["path"][2:], value])
    return found


def test_what_the_server_does_not_tell_apart_is_equal(bed: Bed) -> None:
    bed.create("odd", spec={"template": {"n": 1, "z": 0}})
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "odd")
    sent = '[{"op": "replace", "path": "/spec/template", "value": {"z": -0.0, "n": 1.0}}]'
    assert bed.plane.api("PATCH", bed.path("odd"), sent, content_type=JSON_PATCH)[0] == 200
    assert bed.found("odd") == {}


def test_one_and_one_point_nought_in_two_backups(bed: Bed) -> None:
    """No server sends 1.0; a backup that holds it was made by other means, and is taken at its word."""
    shutil.copytree(bed.cli.directory / "saved", bed.cli.directory / "other")

    def edit(objects: list[Lrs]) -> list[Lrs]:
        objects[0]["spec"]["replicas"] = 1.0
        return objects

    rewrite(bed.cli.directory / "other", edit)
    answer = bed.data("saved", "other")
    (field,) = answer["differences"][0]["fields"]
    assert [repr(field["before"]), repr(field["after"])] == ["1", "1.0"]


def test_what_belongs_to_one_life_is_no_difference(bed: Bed) -> None:
    there = bed.plane.api("POST", f"/api/v1/namespaces/{bed.namespace}/configmaps", {"metadata": {"name": "owner"}})[1]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": there["metadata"]["uid"]}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    bed.merge("one", {"metadata": {"ownerReferences": [owner], "annotations": applied}})
    bed.merge("two", {"metadata": {"annotations": {}, "finalizers": []}})
    loader.set_status(bed.plane, _lrs(bed.crd, bed.namespace, "two"), {"phase": "Failed"})
    bed.delete("three")
    bed.create("three")
    assert bed.found("saved") == {}


def test_defaults_of_the_cluster_are_no_difference(bed: Bed) -> None:
    """The CRD gains a default after the backup: the live objects have the field, the saved ones have not."""
    path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/tier"
    add = [{"op": "add", "path": path, "value": {"type": "string", "default": "gold"}}]
    crd_path = f"{loader.CRD_PATH}/{loader.CRD_NAME}"
    assert bed.plane.api("PATCH", crd_path, add, content_type=JSON_PATCH)[0] == 200
    try:
        loader.wait_until(lambda: bed.plane.api("GET", bed.path("one"))[1]["spec"].get("tier") == "gold", "the default")
        loader.wait_until(
            lambda: '"tier"' in json.dumps(bed.plane.api("GET", f"/openapi/v3/apis/{bed.crd.api_version}")[1]),
            "the schema to be published",
        )
        assert bed.found("saved") == {}
        bed.merge("one", {"spec": {"tier": "silver"}})
        (field,) = bed.data("saved")["differences"][0]["fields"]
        assert (field["field"], field["before"], field["after"]) == ("spec.tier", "gold", "silver")
    finally:
        bed.plane.api("PATCH", crd_path, [{"op": "remove", "path": path}], content_type=JSON_PATCH)


def test_object_that_is_being_deleted_counts_as_not_there(bed: Bed) -> None:
    bed.merge("one", {"metadata": {"finalizers": ["example.com/hold"]}})
    bed.create("new")
    bed.merge("new", {"metadata": {"finalizers": ["example.com/hold"]}})
    bed.delete("one")
    bed.delete("new")
    answer = bed.data("saved")
    assert [(each["name"], each["change"]) for each in answer["differences"]] == [("one", "removed")]
    assert answer["beingDeleted"] == [f"{bed.namespace}/new", f"{bed.namespace}/one"]
    assert "2 live LRS are being deleted, and count as not there" in bed.cli.run("diff", "saved").stderr


def test_cluster_that_serves_another_version(plane: ControlPlane, bed: Bed) -> None:
    other = next(path for path in loader.crd_files() if path != bed.crd.path)
    new = _Installed.ensure(plane, other)
    loader.create_many(plane, [_lrs(new, bed.namespace, "one")])
    done = bed.cli.run("diff", "saved", "-o", "json")
    assert done.returncode == 4
    assert "does not serve version v1alpha1" in done.stderr
    changed = {each["name"]: each for each in json.loads(done.stdout)["differences"]}
    assert {name: each["change"] for name, each in changed.items()} == {"one": "changed", "two": "removed", "three": "removed"}
    assert {"apiVersion", "kind"} <= {field["field"] for field in changed["one"]["fields"]}


# ---- which objects


def test_types_that_a_backup_leaves_out_are_not_added(bed: Bed) -> None:
    bed.create("session", kind="spark_app")
    answer = bed.data("saved", code=0)
    assert (answer["counts"]["equal"], answer["counts"]["notCompared"]) == (3, 1)
    bed.cli.ok("backup", "-n", bed.namespace, "--type", "spark_app", "--name", "sessions")
    assert bed.found("sessions") == {}
    bed.delete("session")
    assert bed.found("sessions") == {"session": "removed"}
    assert bed.data("saved", "sessions", code=0)["counts"]["notCompared"] == 4


def test_label_selector_of_a_backup_is_kept_to(bed: Bed) -> None:
    bed.merge("one", {"metadata": {"labels": {"tier": "x"}}})
    bed.cli.ok("backup", "-n", bed.namespace, "-l", "tier=x", "--name", "narrow")
    assert bed.found("narrow") == {}
    bed.merge("two", {"metadata": {"labels": {"tier": "x"}}})
    assert bed.found("narrow") == {"two": "added"}
    assert bed.found("saved", "narrow") == {"one": "changed"}, "two and three are not what narrow was taken for"


def test_object_whose_type_changed_is_changed_not_removed(bed: Bed) -> None:
    bed.merge("one", {"metadata": {"labels": {samples.TYPE_LABEL: "spark_app"}}})
    assert bed.found("saved") == {"one": "changed"}
    assert bed.found("saved", "--type", "deployment") == {"one": "changed"}
    assert bed.found("saved", "--type", "spark_app") == {"one": "changed"}


def test_selection_narrows(bed: Bed) -> None:
    bed.create("agent", kind="tracking_agent")
    _drift(bed)
    assert bed.found("saved", "--type", "tracking_agent") == {"agent": "added"}
    assert bed.found("saved", "--exclude-type", "deployment") == {"agent": "added"}
    assert bed.found("saved", "-l", "a.b/c=x") == {"one": "changed"}
    assert bed.found("saved", "-n", bed.namespace) == bed.found("saved")


@pytest.fixture
def twin(bed: Bed, plane: ControlPlane) -> Iterator[str]:
    """A second namespace with an LRS `one`. Its name sorts after the first one's, its keys before: `-` comes before `/`."""
    name = f"{bed.namespace}-twin"
    loader.create_namespace(plane, name)
    bed.create("one", "zwei", namespace=name)
    yield name
    loader.delete_namespace(plane, name)


def test_equal_names_in_two_namespaces(bed: Bed, twin: str) -> None:
    bed.cli.ok("backup", "-A", "-l", f"bed={bed.namespace}", "--name", "everywhere")
    assert bed.found("everywhere") == {}
    bed.merge("one", {"spec": {"image": "b:2"}}, namespace=twin)
    answer = bed.data("everywhere")
    assert [(each["namespace"], each["name"]) for each in answer["differences"]] == [(twin, "one")]
    assert bed.found("everywhere", "-n", bed.namespace) == {}
    assert bed.found("everywhere", "-n", twin) == {"one": "changed"}
    assert bed.found("everywhere", "-n", bed.namespace, "-A") == {"one": "changed"}
    bed.cli.ok("backup", "-n", twin, "--name", "twin")
    assert bed.found("everywhere", "twin") == {"one": "changed"}, "the other namespace is not what the second was taken for"


def test_namespace_held_against_another(bed: Bed, twin: str) -> None:
    assert bed.cli.run("diff", "saved", "-n", twin).returncode == 2
    assert bed.found("saved", "--map-namespace", f"{bed.namespace}={twin}") == {
        "three": "removed",
        "two": "removed",
        "zwei": "added",
    }
    bed.cli.ok("backup", "-n", twin, "--name", "twin")
    done = bed.cli.run("diff", "saved", "twin")
    assert done.returncode == 2
    assert f"saved holds namespace {bed.namespace}, twin holds namespace {twin}" in done.stderr
    mapped = ("--map-namespace", f"{bed.namespace}={twin}")
    assert bed.found("saved", "twin", *mapped) == {"three": "removed", "two": "removed", "zwei": "added"}
    for either in (bed.namespace, twin):
        assert bed.found("saved", "twin", *mapped, "-n", either).keys() == {"three", "two", "zwei"}


def test_namespaces_mapped_across_the_order(bed: Bed, twin: str) -> None:
    """A swap of two namespaces: each object stands at another place in the order than in the file."""
    bed.cli.ok("backup", "-A", "-l", f"bed={bed.namespace}", "--name", "everywhere")
    swap = ("--map-namespace", f"{bed.namespace}={twin}", "--map-namespace", f"{twin}={bed.namespace}")
    answer = bed.data("everywhere", *swap)
    keys = [f"{each['namespace']}/{each['name']}" for each in answer["differences"]]
    assert keys == sorted(keys)
    changes = {(each["namespace"], each["name"]): each["change"] for each in answer["differences"]}
    assert changes == {
        (twin, "two"): "removed",
        (twin, "three"): "removed",
        (twin, "zwei"): "added",
        (bed.namespace, "zwei"): "removed",
        (bed.namespace, "two"): "added",
        (bed.namespace, "three"): "added",
    }
    done = bed.cli.run("diff", "everywhere", "--map-namespace", f"{bed.namespace}={twin}")
    assert done.returncode == 2
    assert f"two LRS of everywhere would become {twin}/one" in done.stderr


def test_backup_in_another_order_is_compared_all_the_same(bed: Bed) -> None:
    rewrite(bed.cli.directory / "saved", lambda objects: objects[::-1])
    assert bed.found("saved") == {}
    bed.delete("three")
    assert bed.found("saved") == {"three": "removed"}


def test_nothing_on_either_side(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    cli.ok("backup", "-n", namespace, "--name", "empty")
    done = cli.run("diff", "empty")
    assert (done.returncode, "neither side holds such an LRS" in done.stderr) == (0, True)
    assert cli.run("diff", "empty", "empty").returncode == 0
    loader.create_many(plane, [_lrs(crd, namespace, "new")])
    answer = json.loads(cli.run("diff", "empty", "-o", "json").stdout)
    assert [(each["name"], each["change"]) for each in answer["differences"]] == [("new", "added")]


def test_namespace_that_is_gone(bed: Bed) -> None:
    loader.delete_namespace(bed.plane, bed.namespace)
    assert bed.found("saved") == {"one": "removed", "two": "removed", "three": "removed"}


# ---- which backups


def test_two_backups_need_no_cluster(bed: Bed) -> None:
    _drift(bed)
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "second")
    offline = Cli(Path("/no/such/kubeconfig"), bed.cli.directory)
    done = offline.run("diff", "saved", "second", "-o", "json")
    assert done.returncode == 4, done.stderr
    assert {each["name"]: each["change"] for each in json.loads(done.stdout)["differences"]} == {
        "one": "changed",
        "two": "removed",
        "four": "added",
    }
    back = offline.run("diff", "second", "./saved", "-o", "json")
    assert {each["name"]: each["change"] for each in json.loads(back.stdout)["differences"]} == {
        "one": "changed",
        "two": "added",
        "four": "removed",
    }
    assert offline.run("diff", "second", "second").returncode == 0
    said = offline.run("diff", "saved", "latest")
    assert (said.returncode, said.stderr) == (4, "latest is second\n")


def _of_another_cluster(catalog: Catalog) -> Catalog:
    cluster = replace(catalog.cluster, uid="11111111-2222-3333-4444-555555555555", server="https://other.example.com")
    return replace(catalog, cluster=cluster, instant=catalog.instant.replace(year=catalog.instant.year + 1))


def test_latest_is_of_this_cluster_where_the_cluster_is_compared(bed: Bed) -> None:
    foreign = bed.cli.directory / "foreign"
    shutil.copytree(bed.cli.directory / "saved", foreign)
    rewrite(foreign, lambda objects: objects[:2], _of_another_cluster)
    done = bed.cli.run("diff", "latest")
    assert (done.returncode, done.stderr) == (0, "latest is saved\n")
    assert bed.cli.run("diff", "saved", "latest").stderr == "latest is foreign\n"
    named = bed.cli.run("diff", "foreign")
    assert named.returncode == 4
    assert "foreign was taken of another cluster, https://other.example.com" in named.stderr
    shutil.rmtree(bed.cli.directory / "saved")
    none = bed.cli.run("diff", "latest")
    assert none.returncode == 2
    assert "foreign (of https://other.example.com)" in none.stderr


def test_backup_that_is_called_live(bed: Bed) -> None:
    bed.cli.ok("backup", "-n", bed.namespace, "--name", "live")
    bed.delete("one")
    assert bed.found("saved", "live") == {"one": "removed"}, "the cluster"
    assert bed.found("saved", "./live") == {}


@pytest.mark.parametrize("damaged", ["before", "after"])
def test_damaged_backup_is_not_compared(bed: Bed, damaged: str) -> None:
    for name in ("before", "after"):
        shutil.copytree(bed.cli.directory / "saved", bed.cli.directory / name)
    file = next((bed.cli.directory / damaged).glob("lrs/*/one.yaml"))
    file.write_text(file.read_text().replace("a:1", "a:2"))
    for arguments in (("before", "after"), ("before", "live")) if damaged == "before" else (("before", "after"),):
        done = bed.cli.run("diff", *arguments)
        assert (done.returncode, done.stdout) == (4, "")
        assert f"{damaged} is damaged: " in done.stderr
        assert "one.yaml" in done.stderr


def test_backup_whose_yaml_says_something_else_is_not_compared(bed: Bed) -> None:
    folder = bed.cli.directory / "saved"
    file = next(folder.glob("lrs/*/one.yaml"))
    old = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(file.read_text().replace("a:1", "evil:1"))
    sums = (folder / "SHA256SUMS").read_text().replace(old, hashlib.sha256(file.read_bytes()).hexdigest())
    (folder / "SHA256SUMS").write_text(sums)
    catalog = parse((folder / "backup.json").read_bytes(), where="")
    (folder / "backup.json").write_bytes(replace(catalog, sums_sha256=hashlib.sha256(sums.encode()).hexdigest()).serialise())
    done = bed.cli.run("diff", "saved")
    assert (done.returncode, done.stdout) == (4, "")
    assert "say different things" in done.stderr


@pytest.mark.parametrize("selection", [{"namespace": "a/b"}, {"types": 5}, {"selector": None}, {"leftOutByDefault": ["a b"]}])
def test_catalog_with_a_selection_that_is_none(bed: Bed, selection: dict[str, Any]) -> None:
    rewrite(bed.cli.directory / "saved", lambda objects: objects, lambda c: replace(c, selection={**c.selection, **selection}))
    done = bed.cli.run("diff", "saved", "saved")
    assert (done.returncode, "valid" in done.stderr) == (4, True), done.stderr


# ---- what goes wrong

USAGE: dict[str, tuple[list[str], str]] = {
    "no A": ([], "diff needs an A"),
    "live as A": (["live"], "live can only be B"),
    "live twice": (["live", "live"], "live can only be B"),
    "three of them": (["a", "b", "c"], "unexpected extra argument"),
    "no such A": (["saves"], "there is saved"),
    "no such B": (["saved", "saves"], "there is saved"),
    "format": (["saved", "-o", "patch"], "unknown output format 'patch'"),
    "map": (["saved", "--map-namespace", "a"], "--map-namespace 'a'"),
    "selector": (["saved", "-l", "a=b=c"], "selector 'a=b=c'"),
    "type that nothing has": (["saved", "--type", "deploymnet"], "nothing on either side matches"),
    "labels that nothing has": (["saved", "saved", "-l", "a=b"], "nothing on either side matches"),
    "type": (["saved", "--type", "a b"], "not a valid workload type"),
}


@pytest.mark.parametrize("case", USAGE)
def test_bad_input(bed: Bed, case: str) -> None:
    arguments, message = USAGE[case]
    done = bed.cli.run("diff", *arguments)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert message in done.stderr


def test_cluster_out_of_reach(bed: Bed) -> None:
    done = bed.cli.run("diff", "saved", "-s", "https://127.0.0.1:1", "--request-timeout", "1s")
    assert (done.returncode, done.stdout) == (5, "")
    assert "cannot be reached" in done.stderr


def test_missing_crd(plane: ControlPlane, bed: Bed) -> None:
    loader.delete_crd(plane)
    done = bed.cli.run("diff", "saved")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CustomResourceDefinition is not installed" in done.stderr


def test_rights_in_one_namespace_are_enough(plane: ControlPlane, bed: Bed, tmp_path: Path) -> None:
    bed.cli.ok("backup", "-A", "--name", "everywhere")
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{bed.namespace}"
    rules = [{"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]}]
    assert plane.api("POST", f"{base}/roles", {"metadata": {"name": "reader"}, "rules": rules})[0] == 201
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "User", "name": "user-1"}],
    }
    assert plane.api("POST", f"{base}/rolebindings", binding)[0] == 201
    mine = Cli(plane.write_kubeconfig(tmp_path / "user", token=plane.tokens["user-1"]), bed.cli.directory)
    mine.ok("diff", "saved")
    denied = mine.run("diff", "everywhere")
    assert (denied.returncode, denied.stdout) == (5, "")
    assert "at the cluster scope" in denied.stderr
    assert "-n" in denied.stderr.splitlines()[-1]
    mine.ok("diff", "everywhere", "-n", bed.namespace)


class _Given:
    """A side that is made up, whose snapshot expires so many times."""

    def __init__(self, label: str, names: list[str], expires: int = 0) -> None:
        self.origin = Origin(label=label, server="")
        self.namespace: str | None = None
        self.being_deleted: list[str] = []
        self._names, self._expires = names, expires

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in self._names:
            yield f"ns/{name}", {"metadata": {"namespace": "ns", "name": name}}
        if self._expires:
            self._expires -= 1
            raise ExpiredError("gone", status=410)

    def covers(self, _manifest: dict[str, Any]) -> bool:
        return True


def _kept(difference: Difference) -> tuple[str, Kind]:
    return difference.name, difference.kind


def test_snapshot_that_expires_is_begun_anew_and_nothing_counts_twice() -> None:
    for expires in (0, 1, 2):
        sides = _Given("a", ["a", "b"]), _Given("b", ["b", "c", "d"], expires)
        found = Differ(*sides, Selection(), Silent()).run(_kept)
        assert found.kept == [("a", Kind.REMOVED), ("c", Kind.ADDED), ("d", Kind.ADDED)]
        assert found.equal == 1
    with pytest.raises(UnreachableError, match="3 times"):
        Differ(_Given("a", ["a"]), _Given("b", ["b"], expires=3), Selection(), Silent()).run(_kept)


def test_server_whose_list_is_in_another_order() -> None:
    found = Differ(_Given("a", ["a", "b", "c"]), _Given("b", ["c", "a", "b", "d"]), Selection(), Silent()).run(_kept)
    assert (found.kept, found.equal) == ([("d", Kind.ADDED)], 3)
