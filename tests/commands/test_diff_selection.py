"""`diff`: which backups and which objects it holds against each other, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Catalog, parse
from kubectl_lrs.model.errors import ExpiredError, UnreachableError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.usecases.diff import Differ, Difference, Entry, Kind, Origin
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.drift import Bed, drift, lrs
from tests.builders.reseal import rewrite
from tests.builders.rights import grant
from tests.conftest import Cli, Crd


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> Bed:
    return Bed(plane, crd, namespace, cli)


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
    drift(bed)
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
    cli.ok("backup", "-n", namespace, "--name", "empty", "--allow-empty")
    done = cli.run("diff", "empty")
    assert (done.returncode, "warning: neither side holds an LRS" in done.stderr) == (0, True)
    assert cli.run("diff", "empty", "empty").returncode == 0
    loader.create_many(plane, [lrs(crd, namespace, "new")])
    answer = json.loads(cli.run("diff", "empty", "-o", "json").stdout)
    assert [(each["name"], each["change"]) for each in answer["differences"]] == [("new", "added")]


def test_namespace_that_is_gone(bed: Bed) -> None:
    loader.delete_namespace(bed.plane, bed.namespace)
    assert bed.found("saved") == {"one": "removed", "two": "removed", "three": "removed"}


# ---- which backups


def test_two_backups_need_no_cluster(bed: Bed) -> None:
    drift(bed)
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
    return replace(catalog, cluster=cluster, instant=catalog.instant + timedelta(seconds=1))


def test_latest_is_of_this_cluster_where_the_cluster_is_compared(bed: Bed) -> None:
    foreign = bed.cli.directory / "foreign"
    shutil.copytree(bed.cli.directory / "saved", foreign)
    rewrite(foreign, lambda objects: objects[:2], _of_another_cluster)
    done = bed.cli.run("diff", "latest")
    assert (done.returncode, done.stderr) == (0, "latest is saved\n")
    assert bed.cli.run("diff", "saved", "latest").stderr == "latest is foreign\n"
    named = bed.cli.run("diff", "foreign")
    assert named.returncode == 4
    assert "foreign was taken of another cluster, bed (https://other.example.com)" in named.stderr
    shutil.rmtree(bed.cli.directory / "saved")
    none = bed.cli.run("diff", "latest")
    assert none.returncode == 2
    assert "foreign (of bed (https://other.example.com))" in none.stderr


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
    grant(plane, bed.namespace, "user-1", {"apiGroups": ["lrs.datarobot.com"], "resources": ["lrs"], "verbs": ["list"]})
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

    def entries(self, _texts: object = None) -> Iterator[Entry]:
        for name in self._names:
            yield Entry(f"ns/{name}", {"metadata": {"namespace": "ns", "name": name}})
        if self._expires:
            self._expires -= 1
            raise ExpiredError("gone", status=410)

    def texts(self) -> Iterator[str]:
        return iter(())

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
