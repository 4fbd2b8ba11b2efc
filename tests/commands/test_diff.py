"""`diff`: what it calls a difference, what it does not, and how it says so."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.compare import essence
from tests.builders.drift import JSON_PATCH, Bed, Lrs, drift, lrs
from tests.builders.reseal import rewrite
from tests.conftest import ROOT, Cli, Crd, _Installed

FORMATS = ("table", "wide", "diff", "json", "yaml", "name")


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


def test_each_change_is_told_field_by_field(each_bed: Bed) -> None:
    drift(each_bed)
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
    drift(bed)
    done = bed.cli.run("diff", "saved")
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert lines[0].startswith("before: backup saved, taken ")
    assert lines[1] == f"after:  live, as it is now on bed ({bed.plane.server})"
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
    drift(bed)
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
    drift(bed)
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
    assert run.wait(PATIENCE) == 4
    return text.decode().replace("\r\n", "\n")


def test_colours_only_on_a_terminal_that_wants_them(bed: Bed) -> None:
    drift(bed)
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
    loader.set_status(bed.plane, lrs(bed.crd, bed.namespace, "two"), {"phase": "Failed"})
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
        loader.wait_until(lambda: "tier" not in bed.plane.api("GET", bed.path("two"))[1]["spec"], "the default to be gone")


def test_object_that_is_being_deleted_counts_as_not_there(bed: Bed) -> None:
    bed.merge("one", {"metadata": {"finalizers": ["example.com/hold"]}})
    bed.create("new")
    bed.merge("new", {"metadata": {"finalizers": ["example.com/hold"]}})
    bed.delete("one")
    bed.delete("new")
    answer = bed.data("saved")
    assert [(each["name"], each["change"]) for each in answer["differences"]] == [("one", "removed")]
    assert answer["beingDeleted"] == [f"{bed.namespace}/new", f"{bed.namespace}/one"]
    said = bed.cli.run("diff", "saved", "-q").stderr
    assert said == f"warning: being deleted, so taken as not there: {bed.namespace}/new, {bed.namespace}/one\n"


def test_cluster_that_serves_another_version(plane: ControlPlane, bed: Bed) -> None:
    other = next(path for path in loader.crd_files() if path != bed.crd.path)
    new = _Installed.ensure(plane, other)
    loader.create_many(plane, [lrs(new, bed.namespace, "one")])
    done = bed.cli.run("diff", "saved", "-o", "json")
    assert done.returncode == 4
    assert "does not serve version v1alpha1" in done.stderr
    changed = {each["name"]: each for each in json.loads(done.stdout)["differences"]}
    assert {name: each["change"] for name, each in changed.items()} == {"one": "changed", "two": "removed", "three": "removed"}
    assert {"apiVersion", "kind"} <= {field["field"] for field in changed["one"]["fields"]}
