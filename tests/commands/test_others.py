"""What others saved is restored, shown, compared and imported by its name: the vendor's script, kubectl, Velero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bson
import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders import velero
from tests.builders.compare import essences
from tests.conftest import Cli, Crd

VENDOR = "lrs_backup_2026_11_23_08_16"


class Lost:
    """LRS that were there, as kubectl printed them, and that are gone."""

    def __init__(self, plane: ControlPlane, crd: Crd, namespace: str) -> None:
        self.plane, self.crd, self.namespace = plane, crd, namespace
        made = [each for each in samples.samples(crd.api_version, crd.kind, namespace) if _is_model(each)]
        loader.create_many(plane, made)
        self.before = essences(plane, crd.api_version, namespace)
        self.names = sorted(name for _, name in self.before)
        self.live = loader.live(plane, crd.api_version, namespace)
        for each in self.live:
            each.update(apiVersion=crd.api_version, kind=crd.kind)
        self.list_yaml = plane.kubectl_run("get", "lrs", "-n", namespace, "-o", "yaml").stdout
        self.list_json = plane.kubectl_run("get", "lrs", "-n", namespace, "-o", "json").stdout

    def scripted(self, folder: Path, *, empty: tuple[str, ...] = ()) -> None:
        """As the vendor's script saves them; of `empty` its kubectl get failed."""
        folder.mkdir()
        for name in self.names:
            text = self.plane.kubectl_run("get", "lrs", name, "-n", self.namespace, "-o", "yaml").stdout
            (folder / f"{name}.yaml").write_text("" if name in empty else text)

    def velero(self, **of_tarball: Any) -> bytes:
        """As Velero saves them, with the CRD and things that are none of ours."""
        crd = self.plane.api("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/lrs.lrs.datarobot.com")[1]
        files = [*velero.others(), *velero.items(self.live), *velero.items([crd], velero.CRD)]
        return velero.tarball(files, **of_tarball)

    def lose(self) -> None:
        self.plane.api("DELETE", loader.objects_path(self.crd.api_version, self.namespace))

    def now(self) -> dict[tuple[str, str], Any]:
        return essences(self.plane, self.crd.api_version, self.namespace)


@pytest.fixture
def lost(plane: ControlPlane, crd: Crd, namespace: str) -> Lost:
    return Lost(plane, crd, namespace)


def _is_model(lrs: dict[str, Any]) -> bool:
    return bool(lrs["metadata"]["labels"].get(samples.TYPE_LABEL) == "deployment")


# ---- the vendor's script


def test_an_empty_file_is_named_and_the_rest_comes_back(lost: Lost, cli: Cli) -> None:
    gone = lost.names[2]
    lost.scripted(cli.directory / VENDOR, empty=(gone,))
    lost.lose()
    shown = cli.ok("show", VENDOR)
    assert f"Missing:           resources: LRS {gone}: its file is empty" in shown
    assert "none: there are no sums" in shown
    assert "State:             partial" in shown
    planned = cli.run("restore", VENDOR, "--dry-run")
    assert planned.returncode == 3, planned.stderr
    assert f"will not be done: resources: LRS {gone}: its file is empty" in planned.stdout
    done = cli.run("restore", VENDOR)
    assert done.returncode == 3, done.stderr
    assert f"not done: resources: LRS {gone}: its file is empty" in done.stdout
    assert "there are no sums" in done.stderr
    assert set(lost.now()) == set(lost.before) - {(lost.namespace, gone)}
    assert cli.run("restore", lost.names[0], "--from", VENDOR).returncode == 0, "what was asked for is there"
    answer = json.loads(cli.run("restore", VENDOR, "-o", "json").stdout)
    assert len(answer["undone"]) == 1
    assert cli.run("restore", gone, "--from", VENDOR).returncode == 2


def test_what_is_not_read_of_a_folder_is_named(lost: Lost, cli: Cli) -> None:
    lost.scripted(cli.directory / VENDOR)
    (cli.directory / VENDOR / "older").mkdir()
    for name in ("a.yaml.gz", "B.YAML", ".hidden", *(f"note-{number}.txt" for number in range(4))):
        (cli.directory / VENDOR / name).write_text("x")
    done = cli.run("restore", VENDOR, "-n", lost.namespace, "--dry-run")
    assert done.returncode == 0
    assert "not read of it: B.YAML, a.yaml.gz, note-0.txt, note-1.txt, note-2.txt and 2 more" in done.stderr
    assert "not read of it" in cli.run("show", VENDOR).stderr
    assert "not read of it" in cli.run("import", VENDOR, "--name", "taken").stderr
    assert "not read" not in cli.run("show", "taken").stderr


def test_all_files_empty(cli: Cli, crd: Crd, namespace: str) -> None:
    (cli.directory / VENDOR).mkdir()
    (cli.directory / VENDOR / "a.yaml").write_text("")
    done = cli.run("restore", VENDOR)
    assert (done.returncode, "1 empty file" in done.stderr) == (2, True)


def test_diff_tells_what_has_changed_and_nothing_of_what_it_was_not_asked_for(lost: Lost, cli: Cli) -> None:
    lost.scripted(cli.directory / VENDOR)
    same = cli.run("diff", VENDOR)
    assert same.returncode == 0, same.stdout + same.stderr
    path = f"{loader.objects_path(lost.crd.api_version, lost.namespace)}/{lost.names[0]}"
    lost.plane.api("PATCH", path, {"spec": {"image": "other"}}, content_type="application/merge-patch+json")
    lost.plane.api("DELETE", f"{loader.objects_path(lost.crd.api_version, lost.namespace)}/{lost.names[1]}")
    other = samples.samples(lost.crd.api_version, lost.crd.kind, lost.namespace)[0]
    other["metadata"]["name"] = "made-since"
    loader.create_many(lost.plane, [other])
    done = cli.run("diff", VENDOR, "-n", lost.namespace, "-o", "json")
    answer = json.loads(done.stdout)
    assert done.returncode == 4, done.stderr
    counts = {key: answer["counts"][key] for key in ("removed", "added", "changed", "equal", "notCompared")}
    assert counts == {"removed": 1, "added": 0, "changed": 1, "equal": len(lost.names) - 2, "notCompared": 1}
    cli.ok("backup", "-n", lost.namespace, "--name", "saved")
    assert cli.run("diff", VENDOR, "saved").returncode == 4


def test_nobody_can_say_that_it_is_intact(lost: Lost, cli: Cli) -> None:
    lost.scripted(cli.directory / VENDOR)
    lost.lose()
    for arguments in (("verify", VENDOR), ("verify", VENDOR, "--full"), ("verify", VENDOR, "--sample", "5%")):
        done = cli.run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout
        assert "there are no sums" in done.stderr
    done = cli.run("verify", VENDOR, "--against-cluster")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(lost.names)} accepted" in done.stdout
    assert "as sealed" not in done.stdout
    answer = json.loads(cli.ok("verify", VENDOR, "--against-cluster", "-o", "json"))
    assert (answer["intact"], answer["restorable"]) == (None, True)
    assert lost.now() == {}


# ---- kubectl


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_list_of_kubectl_in_one_file(lost: Lost, cli: Cli, form: str) -> None:
    name = f"all.{form}"
    (cli.directory / name).write_text(lost.list_yaml if form == "yaml" else lost.list_json)
    lost.lose()
    assert f"Comes from:        plain manifests {cli.directory.resolve()}/{name}" in cli.ok("show", name)
    assert cli.ok("show", name, "-o", "name").split() == [f"{lost.namespace}/{each}" for each in lost.names]
    cli.ok("restore", name)
    assert lost.now() == lost.before
    assert cli.run("diff", name).returncode == 0


def test_what_is_no_lrs_is_refused_and_an_lrs_of_that_name_is_not_hidden(lost: Lost, cli: Cli) -> None:
    (cli.directory / "secret.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: b}\n")
    done = cli.run("restore", "secret.yaml")
    assert (done.returncode, "'Secret' 'a' is not an LRS" in done.stderr) == (2, True)
    (cli.directory / "bare.yaml").write_text(
        f"apiVersion: {lost.crd.api_version}\nkind: {lost.crd.kind}\nmetadata: {{name: a}}\n"
    )
    done = cli.run("restore", "bare.yaml")
    assert (done.returncode, "has no namespace" in done.stderr) == (2, True)
    cli.ok("backup", "-n", lost.namespace, "--name", "saved")
    assert "1 unchanged" in cli.ok("restore", f"{lost.namespace}/{lost.names[0]}", "--from", "saved")


# ---- Velero


def test_the_lrs_of_a_velero_tarball_and_nothing_else(lost: Lost, cli: Cli) -> None:
    (cli.directory / "nightly.tar.gz").write_bytes(lost.velero())
    (cli.directory / "velero-backup.json").write_bytes(velero.about("another"))
    lost.lose()
    assert "CRD:               saved" in cli.ok("show", "nightly.tar.gz")
    assert f"{len(lost.names)} created" in cli.ok("restore", "nightly.tar.gz")
    assert lost.now() == lost.before
    assert lost.plane.api("GET", "/api/v1/namespaces/kube-system/secrets/stolen")[0] == 404
    assert cli.run("diff", "nightly.tar.gz").returncode == 0
    assert f"{len(lost.names)} unchanged" in cli.ok("verify", "nightly.tar.gz", "--against-cluster")


def test_a_velero_backup_that_failed_in_part_is_restored_as_a_part(lost: Lost, cli: Cli) -> None:
    said = velero.about("nightly", phase="PartiallyFailed", errors=3)
    folder = velero.store(cli.directory, "nightly", lost.velero(), said)
    lost.lose()
    done = cli.run("restore", "backups/nightly")
    assert done.returncode == 3, done.stderr
    assert "Velero says PartiallyFailed, 3 errors" in done.stdout
    assert lost.now() == lost.before
    assert "2026-11-23" in cli.ok("show", str(folder))
    for phase in ("Failed", "InProgress", "Deleting", None):
        (folder / "velero-backup.json").write_bytes(velero.about("nightly", phase=phase))
        done = cli.run("restore", "backups/nightly")
        assert (done.returncode, "has not made this backup" in done.stderr) == (2, True), phase


def test_a_velero_backup_in_a_bucket(lost: Lost, cli: Cli, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**s3.environment, "LRS_BACKUP_ENDPOINT": s3.endpoint}.items():
        monkeypatch.setenv(name, value)
    bucket = s3.buckets / lost.namespace
    velero.store(bucket / "velero", "nightly", lost.velero(), velero.about("nightly"))
    url = f"s3://{bucket.name}/velero/backups/nightly"
    lost.lose()
    cli.ok("restore", url)
    assert lost.now() == lost.before
    assert cli.run("diff", f"{url}/nightly.tar.gz").returncode == 0
    cli.ok("repository", "init", "--backup-dir", f"s3://{bucket.name}/ours")
    cli.ok("import", url, "--name", "imported", "--backup-dir", f"s3://{bucket.name}/ours")
    cli.ok("verify", "imported", "--full", "--backup-dir", f"s3://{bucket.name}/ours")
    listed = json.loads(cli.ok("list", "-o", "json", "--backup-dir", f"s3://{bucket.name}/ours"))["backups"]
    assert listed[0]["origin"]["program"] == "Velero backup"
    assert cli.run("show", f"s3://{bucket.name}/velero/backups/absent").returncode == 4


# ---- import


@pytest.mark.parametrize("form", ["plain", "pooled"])
def test_import_makes_a_sealed_backup_that_says_where_it_comes_from(lost: Lost, cli: Cli, form: str) -> None:
    (cli.directory / "nightly.tar.gz").write_bytes(lost.velero())
    place = ("--backup-dir", "ours")
    (cli.directory / "ours").mkdir(mode=0o700)
    if form == "pooled":
        cli.ok("repository", "init", *place)
    lost.lose()
    made = json.loads(cli.ok("import", "nightly.tar.gz", "--name", "imported", *place, "-o", "json"))
    assert made["origin"]["location"] == f"{cli.directory.resolve()}/nightly.tar.gz"
    cli.ok("verify", "imported", "--full", *place)
    assert "Comes from:        Velero backup" in cli.ok("show", "imported", *place)
    assert cli.run("restore", "latest", *place).returncode == 2, "of which cluster it is nobody knows"
    cli.ok("restore", "imported", *place)
    assert lost.now() == lost.before
    assert cli.run("diff", "imported", *place).returncode == 0
    again = cli.run("import", "nightly.tar.gz", "--name", "imported", *place)
    assert again.returncode == 2, again.stderr


def test_import_of_a_part_is_partial(lost: Lost, cli: Cli) -> None:
    gone = lost.names[0]
    lost.scripted(cli.directory / VENDOR, empty=(gone,))
    done = cli.run("import", VENDOR, "--name", "imported")
    assert done.returncode == 3, done.stderr
    assert f"LRS {gone}: its file is empty" in done.stderr
    assert json.loads((cli.directory / "imported" / "backup.json").read_text())["state"] == "partial"
    done = cli.run("restore", "imported")
    assert done.returncode == 3, done.stderr
    assert f"not done: resources: LRS {gone}: its file is empty" in done.stdout
    assert cli.run("import", "imported").returncode == 2
    assert "is a backup already" in cli.run("import", "imported").stderr
    assert cli.run("import", "nowhere").returncode == 2
    assert sorted(path.name for path in (cli.directory / VENDOR).iterdir()) == [f"{name}.yaml" for name in lost.names]


def test_check_holds_each_against_itself(lost: Lost, cli: Cli) -> None:
    gone = lost.names[2]
    lost.scripted(cli.directory / VENDOR, empty=(gone,))
    (cli.directory / "all.yaml").write_text(lost.list_yaml)
    (cli.directory / "nightly.tar.gz").write_bytes(lost.velero())
    for source in (VENDOR, "./all.yaml", "nightly.tar.gz"):
        done = cli.run("check", "--from", source, "-o", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "there are no sums" in done.stderr
        answer = json.loads(done.stdout)
        assert answer["findings"] == [], source
        assert answer["target"].startswith("a cluster that is not known, as of ")
        assert (gone in done.stderr) is (source == VENDOR)
    dump = cli.directory / "dump" / "MMApp"
    dump.mkdir(parents=True)
    for name, document in {
        "custom_applications": {"_id": bson.ObjectId(), "name": "sales"},
        "longrunningservices": {"_id": bson.ObjectId()},
    }.items():
        (dump / f"{name}.bson").write_bytes(bson.encode(document))
        (dump / f"{name}.metadata.json").write_text('{"indexes": []}')
    answer = json.loads(cli.run("check", "--from", "./dump", "-o", "json").stdout)
    assert {each["code"] for each in answer["findings"]} <= {"application-without-document", "document-without-application"}
    assert "the backup holds no LRS" in str(answer["unchecked"])
    assert cli.run("check", "--from", "./nothing-here").returncode == 2
