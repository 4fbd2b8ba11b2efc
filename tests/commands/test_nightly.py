"""`run nightly` on a real cluster: all steps in one report, a trace whatever happens, and nothing removed after a bad night."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_lrs.formats.exposition import samples_of
from kubectl_lrs.model.metrics import FAMILIES, PREFIX
from kubectl_lrs.usecases.notify import read_metrics
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import HANG_BEFORE, FaultProxy
from tests.bed.registry import Registry
from tests.builders import imagery, small_space
from tests.builders.listener import Listener
from tests.conftest import Cli, Crd

Install = Callable[..., Path]
RETENTION = {"keepLast": 2, "minimum": 0}


@pytest.fixture
def filled(plane: ControlPlane, crd: Crd, namespace: str) -> str:
    """A namespace with a few LRS."""
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:10])
    return namespace


@pytest.fixture
def install(plane: ControlPlane, filled: str, tmp_path: Path) -> Install:
    """Writes the installation file of the bed's cluster."""
    uid = plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    (tmp_path / "backups").mkdir()
    usual: dict[str, Any] = {
        "cluster": {"uid": uid},
        "namespace": filled,
        "repository": {"url": "backups"},
        "retention": RETENTION,
        "notify": {"metricsFile": "lrs.prom"},
    }

    def written(**settings: object) -> Path:
        path = tmp_path / "prod.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in {**usual, **settings}.items() if value is not None}))
        path.chmod(0o600)
        return path

    return written


def _night(cli: Cli, path: Path, *words: object, code: int = 0) -> dict[str, Any]:
    done = cli.run("run", "nightly", "--config", path, "-o", "json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exitStatus"] == code
    return found


def _states(report: dict[str, Any]) -> dict[str, str]:
    """What became of each; the rehearsal is done where it is asked for alone."""
    states = {each["step"]: each["state"] for each in report["steps"]}
    if "prove" not in report["parts"]:
        assert states.pop("rehearse") == "not here"
    return states


def _told(path: Path) -> dict[tuple[str, str], float]:
    found = read_metrics(path.parent / "lrs.prom")
    return {(each.name.removeprefix(PREFIX), dict(each.labels).get("part", "")): each.value for each in found}


def _backups(path: Path) -> list[str]:
    return sorted(each.name for each in (path.parent / "backups").iterdir() if not each.name.startswith("."))


def test_a_good_night_prints_nothing_and_a_report_where_it_is_asked_for(cli: Cli, install: Install) -> None:
    path = install()
    done = cli.run("run", "nightly", "--config", path, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    report = _night(cli, path)
    assert _states(report) == {"backup": "done", "verify": "done", "check": "done", "prune": "done"}
    assert len(_backups(path)) == 2
    assert report["backup"] == _backups(path)[-1]
    shown = cli.ok("run", "nightly", "--config", path, "-q", "-o", "table")
    assert shown.splitlines()[-1].startswith("nightly run: exit status 0: 4 done, 1 not here; backup lrs_backup_")
    assert len(_backups(path)) == 2, "the oldest of three went"
    told = _told(path)
    assert (told[("run_exit_status", "backup")], told[("run_exit_status", "prune")]) == (0, 0)
    assert told[("backup_objects", "")] == 6
    acts = json.loads(cli.ok("history", "-o", "json"))["acts"]
    assert [(each["verb"], each["exitStatus"]) for each in acts] == [("backup", 0)] * 3 + [("prune", 0)]


def test_without_a_right_nothing_is_removed_and_the_last_success_stays(cli: Cli, install: Install) -> None:
    path = install(retention={"keepLast": 1, "minimum": 0})
    _night(cli, path)
    before, kept = _told(path), _backups(path)
    report = _night(cli, path, "--as", "nobody", code=5)
    assert _states(report) == {"backup": "failed", "verify": "left out", "check": "failed", "prune": "left out"}
    assert _backups(path) == kept
    told = _told(path)
    assert told[("run_exit_status", "backup")] == 5
    success = ("run_last_success_timestamp_seconds", "backup")
    assert told[success] == before[success]


def test_a_secret_that_is_not_there_leaves_its_trace(cli: Cli, install: Install) -> None:
    path = install(mongo={"uriFile": "missing", "level": "minimum"})
    report = _night(cli, path, code=2)
    assert _states(report) == {"backup": "failed", "verify": "left out", "check": "left out", "prune": "left out"}
    told = _told(path)
    assert told[("run_exit_status", "backup")] == 2
    assert ("run_last_success_timestamp_seconds", "backup") not in told


def test_spark_sessions_go_first_where_that_is_asked_for(
    plane: ControlPlane, crd: Crd, cli: Cli, install: Install, filled: str
) -> None:
    every = samples.samples(crd.api_version, crd.kind, filled)
    session = next(each for each in every if each["metadata"].get("labels", {}).get("datarobot-lrs-type") == "spark_app")
    session["metadata"].pop("finalizers", None)
    loader.create_many(plane, [session])
    assert "clean-spark" not in _states(_night(cli, install()))
    report = _night(cli, install(nightly={"cleanSpark": True}))
    assert _states(report)["clean-spark"] == "done"
    assert "1 deleted" in report["steps"][0]["message"]
    assert [each["verb"] for each in json.loads(cli.ok("history", "clean-spark", "-o", "json"))["acts"]] == ["clean-spark"]


def test_metrics_print_what_the_runs_and_the_backups_say(cli: Cli, install: Install) -> None:
    path = install()
    _night(cli, path)
    told = {
        (each.name.removeprefix(PREFIX), dict(each.labels).get("part", "")): each
        for each in samples_of(cli.ok("metrics", "--config", path))
    }
    assert told[("run_exit_status", "prune")].value == 0
    assert told[("backups", "")].value == 1
    assert dict(told[("backups", "")].labels)["lrs_namespace"] == yaml.safe_load(path.read_text())["namespace"]
    assert told[("backups", "")].labels == tuple(each for each in told[("run_exit_status", "backup")].labels if each[0] != "part")
    size = told[("repository_bytes", "")]
    assert size.labels == (("repository", str(path.parent / "backups")),)
    assert size.value > 0
    assert {name for name, _ in told} == set(FAMILIES), "each that is documented"
    elsewhere = cli.ok("metrics", "--backup-dir", cli.directory)
    assert "kubectl_lrs_backups" not in elsewhere
    assert "run_exit_status" in elsewhere


# ---- what is known


def test_an_error_counts_in_the_night_that_finds_it_wherever_the_next_one_runs(
    plane: ControlPlane, crd: Crd, cli: Cli, install: Install, filled: str, registry: Registry, tmp_path: Path
) -> None:
    """As in pods: nothing of the machine lasts, and the repository takes new objects."""
    path = install(check={"images": True}, images={"registries": [registry.host]}, retention=None)
    cli.ok("repository", "init", "--config", path)
    objects = f"{loader.objects_path(crd.api_version, filled)}"

    def lose(place: int) -> None:
        name = plane.api("GET", objects)[1]["items"][place]["metadata"]["name"]
        change = {"spec": {"image": f"{registry.host}/gone/{place}:1"}}
        assert plane.api("PATCH", f"{objects}/{name}", change, content_type="application/merge-patch+json")[0] == 200

    def night(number: int, code: int) -> str:
        nowhere = {"LRS_STATE_DIR": str(tmp_path / "nowhere" / str(number))}
        done = cli.run("run", "nightly", "--config", path, "-o", "json", env=nowhere)
        assert done.returncode == code, done.stdout + done.stderr
        step = next(each for each in json.loads(done.stdout)["steps"] if each["step"] == "check")
        assert step["state"] == "findings"
        return str(step["hint"])

    lose(0)
    assert "gone/0" in night(1, 4)
    assert night(2, 0) == ""
    lose(1)
    assert "gone/0" not in (hint := night(3, 4))
    assert "gone/1" in hint
    registry.stop()
    night_away = cli.run("run", "nightly", "--config", path, "-q", env={"LRS_STATE_DIR": str(tmp_path / "nowhere" / "4")})
    registry.start()
    assert night_away.returncode == 5, night_away.stderr
    assert night(5, 0) == "", "what could not be looked at was not forgotten"
    lose(2)
    away = {"url": "webhdfs://127.0.0.1:1/x"}
    install(check={"images": True, "files": True}, images={"registries": [registry.host]}, files=away, retention=None)
    assert "gone/2" in night(6, 5)
    install(check={"images": True}, images={"registries": [registry.host]}, retention=None)
    assert "gone/2" in night(7, 4), "another failure had hidden it: the run that Kubernetes begins then tells it"
    assert night(8, 0) == ""
    cli.ok("repository", "check", "--config", path)


# ---- it is told to end


def test_a_signal_in_the_middle_leaves_its_trace_and_everybody_is_told(
    plane: ControlPlane, cli: Cli, install: Install, filled: str, tmp_path: Path
) -> None:
    hooks = {each: tmp_path / each for each in ("start", "success", "failure")}
    with Listener() as listener, FaultProxy(plane) as proxy:
        for name, path in hooks.items():
            path.write_text(f"{listener.url}/a-long-key-of-a-hook/{name}")
        notify = {f"heartbeat{name.title()}File": str(path) for name, path in hooks.items()}
        path = install(notify={"metricsFile": "lrs.prom", **notify})
        proxy.when("GET", rf"/namespaces/{filled}/lrs", HANG_BEFORE)
        behind = Cli(proxy.kubeconfig(tmp_path / "proxied"), cli.directory)
        log = tmp_path / "termination"
        run = behind.start("run", "nightly", "--config", path, "-q", env={"LRS_TERMINATION_LOG": str(log)})
        loader.wait_until(lambda: any(f"/namespaces/{filled}/lrs" in each.path for each in proxy.log), "the backup to begin")
        assert _told(path)[("run_exit_status", "backup")] == -1
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=loader.PATIENCE)
    assert run.returncode == 130, err
    assert [each.path.rpartition("/")[2] for each in listener.heard] == ["start", "failure"]
    report = json.loads(listener.heard[1].body)
    assert report["exitStatus"] == 130
    assert _states(report)["backup"] == "interrupted"
    assert _told(path)[("run_exit_status", "backup")] == 130
    assert log.read_text().startswith("nightly run: exit status 130: ")
    assert log.read_text() == out.splitlines()[-1]
    assert _backups(path) == []
    assert "nothing was changed" not in err


def test_without_room_for_temporary_files(cli: Cli, install: Install, tmp_path: Path) -> None:
    """TMPDIR names a folder that is not there."""
    path = install()
    done = cli.run("run", "nightly", "--config", path, "-q", env={"TMPDIR": str(tmp_path / "none")})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_disk_that_is_full_fails_the_backup_and_is_told(cli: Cli, install: Install) -> None:
    """TMPDIR and the place of the backups are on a file system of their own without room."""
    path = install()
    done = small_space.run(cli, path.parent / "backups", "16k", "run", "nightly", "--config", path, "-o", "json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["exitStatus"]) == (1, 1), done.stderr
    assert _states(report) == {"backup": "failed", "verify": "left out", "check": "done", "prune": "left out"}
    assert "no space left" in report["steps"][0]["message"]
    assert (_told(path)[("run_exit_status", "backup")], _told(path)[("run_exit_status", "prune")]) == (1, 1)


# ---- parts


def test_a_part_has_the_others_listed(cli: Cli, install: Install) -> None:
    path = install()
    assert _states(_night(cli, path, "--part", "backup"))["prune"] == "not here"
    report = _night(cli, path, "--part", "prune")
    assert _states(report) == {"backup": "not here", "verify": "done", "prune": "done"}
    assert report["parts"] == ["prune"]
    assert _states(_night(cli, install(retention=None)))["prune"] == "not here"


def test_a_run_that_could_do_nothing_has_failed(cli: Cli, install: Install, tmp_path: Path) -> None:
    """No cluster and no rules: cron has lost its environment, say."""
    path = install(retention=None)
    report = _night(Cli(tmp_path / "nowhere", cli.directory), path, code=5)
    assert _states(report)["backup"] == "failed"
    assert "no cluster is configured" in report["steps"][0]["message"]
    assert _told(path)[("run_exit_status", "backup")] == 5


def test_a_kubeconfig_that_is_lost_fails_the_backup(cli: Cli, install: Install, tmp_path: Path) -> None:
    """The file names a context: the newest backup is young enough for a prune, and still tonight's was not made."""
    path = install()
    uid = yaml.safe_load(path.read_text())["cluster"]["uid"]
    cli.ok("backup", "--config", path, "-q")
    path = install(cluster={"uid": uid, "context": "bed"})
    report = _night(Cli(tmp_path / "nowhere", cli.directory), path, code=2)
    assert _states(report) == {"backup": "failed", "verify": "left out", "check": "left out", "prune": "left out"}
    assert "context 'bed' does not exist" in report["steps"][0]["message"]


def test_prune_by_itself_needs_no_cluster_and_a_good_new_backup(cli: Cli, install: Install, tmp_path: Path) -> None:
    path = install(retention={"keepLast": 2, "minimum": 0})
    for _ in range(3):
        cli.ok("backup", "--config", path, "-q")
    every = _backups(path)
    away = Cli(tmp_path / "nowhere", cli.directory)
    report = _night(away, path, "--part", "prune", "--fresh", "0s", code=3)
    assert _states(report) == {"backup": "not here", "verify": "failed", "prune": "left out"}
    assert "nothing was made for" in report["steps"][1]["message"]
    cli.ok("backup", "--config", path, "-q", "--type", "deployment", "--name", "by-hand")
    assert _night(away, path, "--part", "prune", "--fresh", "0s", code=3)["steps"][1]["message"].startswith(every[-1])
    shutil.rmtree(path.parent / "backups" / "by-hand")
    newest = path.parent / "backups" / every[-1]
    whole = tmp_path / "whole"
    shutil.copytree(newest, whole)
    (newest / "lrs.raw.jsonl.gz").chmod(0o600)
    (newest / "lrs.raw.jsonl.gz").write_bytes(b"rotten")
    report = _night(away, path, "--part", "prune", code=4)
    assert _states(report) == {"backup": "not here", "verify": "failed", "prune": "left out"}
    assert _backups(path) == every, "after neither of them anything went"
    shutil.rmtree(newest)
    whole.rename(newest)
    assert _states(_night(away, path))["backup"] == "not here", "no cluster is configured"
    assert _backups(path) == every[1:]


def test_more_than_half_is_left_to_a_person(cli: Cli, install: Install) -> None:
    path = install(retention={"keepLast": 1, "minimum": 0})
    for _ in range(3):
        cli.ok("backup", "--config", path, "-q")
    report = _night(cli, path, code=3)
    assert _states(report)["prune"] == "left out"
    assert len(_backups(path)) == 4
    in_pod = {"LRS_CRONJOB": "lrs-prune", "POD_NAMESPACE": "default"}
    done = cli.run("run", "nightly", "--config", path, "--part", "prune", "-o", "json", env=in_pod)
    assert (done.returncode, json.loads(done.stdout)["exitStatus"]) == (0, 3), done.stderr
    assert "this ends with 0" in done.stderr
    assert _told(path)[("run_exit_status", "prune")] == 3


def test_much_less_than_the_night_before_is_told(cli: Cli, install: Install, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    for number in range(12):
        (storage / f"{number}").write_bytes(b"x")
    path = install(files={"url": f"file://{storage}", "level": "copy", "all": True})
    _night(cli, path)
    for number in range(8):
        (storage / f"{number}").unlink()
    found = _night(cli, path)["steps"][0]
    assert "; but it holds less than lrs_backup_" in found["message"]
    assert found["message"].endswith("the one before it; 4 files, there were 12")
    assert "holds less" not in _night(cli, path)["steps"][0]["message"]


def test_nothing_where_there_was_much_is_no_good_night(
    cli: Cli, install: Install, plane: ControlPlane, crd: Crd, filled: str
) -> None:
    """As where a field of the LRS has another name by now, and no image is found in it."""
    named = [f"127.0.0.1:1/managed-image:t{number}" for number in range(10)]
    loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, filled, at, name) for at, name in enumerate(named)])
    path = install(images={"level": "inventory", "registries": ["127.0.0.1:1"]}, retention={"keepLast": 2, "minimum": 0})
    _night(cli, path)
    for number in range(10):
        plane.api("DELETE", f"{loader.objects_path(crd.api_version, filled)}/app-{number}")
    loader.wait_until(lambda: len(loader.live(plane, crd.api_version, filled)) == 6, "the LRS with images to be gone")
    report = _night(cli, path, code=3)
    assert _states(report)["backup"] == "partial"
    assert "0 images, there were 10" in report["steps"][0]["message"]
    assert _told(path)[("run_exit_status", "backup")] == 3
    report = _night(cli, path, code=3)
    assert (_states(report)["backup"], _states(report)["prune"]) == ("done", "left out")
    assert "the last that holds any of what it has: 10 images" in report["steps"][-2]["message"]
    assert len(_backups(path)) == 3
    cli.ok("prune", "--config", path, "--yes")
    assert len(_backups(path)) == 2


@pytest.fixture
def another(plane: ControlPlane, crd: Crd) -> Iterator[str]:
    """The namespace of another installation of the same cluster."""
    name = f"another-{secrets.token_hex(3)}"
    loader.create_namespace(plane, name)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, name)[4:6])
    yield name
    loader.clear(plane, namespace=name)
    loader.delete_namespace(plane, name, wait=False)


@pytest.mark.parametrize("pooled", [False, True], ids=["plain", "pooled"])
def test_what_others_keep_in_the_same_place_is_their_own(cli: Cli, install: Install, another: str, *, pooled: bool) -> None:
    """Of another namespace, or made by hand of less: their rules are said elsewhere, and these would thin them out unasked."""
    path = install()
    if pooled:
        cli.ok("repository", "init", path.parent / "backups")
    names = [f"{kind}-{number}" for kind in ("other", "hand") for number in range(3)]
    for name in names:
        words = ("-n", another) if name.startswith("other") else ("--type", "deployment")
        cli.ok("backup", "--config", path, "-q", "--name", name, *words)
    for number in range(3):
        cli.ok("backup", "--config", path, "-q", "--name", f"night-{number}")
    report = _night(cli, path, "--part", "prune")
    assert report["steps"][-2]["message"].endswith("1 removed; 8 stay"), report
    left = {each["name"] for each in json.loads(cli.ok("list", "--config", path, "-o", "json"))["backups"]}
    assert left == {*names, "night-1", "night-2"}


def test_an_older_backup_that_is_damaged_by_now_is_no_good_night(cli: Cli, install: Install) -> None:
    """A rule of the bucket that removes what is old, say: tonight's is good, and nobody looks at the others but prune."""
    path = install()
    place = path.parent / "backups"
    cli.ok("repository", "init", place)
    cli.ok("backup", "--config", path, "-q", "--name", "first")
    lost = next((place / "packs").rglob("*.zip"))
    other = install(backup={"types": ["deployment"]})
    cli.ok("backup", "--config", other, "-q", "--name", "another")
    lost.unlink()
    report = _night(cli, install(), code=4)
    assert _states(report) == {"backup": "done", "verify": "done", "check": "done", "prune": "findings"}
    step = next(each for each in report["steps"] if each["step"] == "prune")
    assert "0 removed" in step["message"] or "nothing to remove" in step["message"]
    assert "first is damaged: 1 objects that it refers to are not there" in step["message"]
    assert "forget" in step["hint"]
    assert "another" not in step["message"], "whose it is hears of it by its own runs"
    cli.ok("forget", "first", "--yes", "--backup-dir", place, "-q")
    _night(cli, install())


def test_a_folder_that_was_a_backup_is_no_good_night(cli: Cli, install: Install) -> None:
    """As `list` has it; it was a warning in the log of a night that ended with 0, and counts in no metric any more."""
    path = install()
    cli.ok("backup", "--config", path, "-q", "--name", "first")
    catalog = path.parent / "backups" / "first" / "backup.json"
    catalog.chmod(0o600)
    catalog.write_bytes(catalog.read_bytes()[:-3])
    report = _night(cli, path, code=4)
    assert _states(report) == {"backup": "done", "verify": "done", "check": "done", "prune": "findings"}
    step = next(each for each in report["steps"] if each["step"] == "prune")
    assert "first cannot be read as a backup" in step["message"]
    shutil.rmtree(catalog.parent)
    _night(cli, path)


def test_a_share_that_is_not_mounted_is_told(cli: Cli, install: Install) -> None:
    """Its folder is there, and empty: a first backup is made on the disk below, night after night."""
    path = install(retention={"keepLast": 9})
    for _ in range(3):
        _night(cli, path)
    share = path.parent / "backups"
    share.rename(path.parent / "away")
    share.mkdir()
    report = _night(cli, path, code=3)
    assert _states(report) == {"backup": "done", "verify": "partial", "check": "done", "prune": "done"}
    assert "1 backups of this installation are there, and 3 were after the run before" in report["steps"][1]["message"]
    assert "mounted" in report["steps"][1]["hint"]
    _night(cli, path)


def test_rules_that_are_none_leave_their_trace(cli: Cli, install: Install) -> None:
    path = install(retention={"keepWithin": "soon"})
    report = _night(cli, path, code=2)
    assert _states(report) == {"backup": "done", "verify": "done", "check": "done", "prune": "failed"}
    assert (_told(path)[("run_exit_status", "backup")], _told(path)[("run_exit_status", "prune")]) == (0, 2)


def test_a_proof_by_itself(cli: Cli, install: Install) -> None:
    path = install()
    cli.ok("backup", "--config", path, "-q")
    report = _night(cli, path, "--part", "prove")
    assert _states(report) == {"backup": "not here", "prune": "not here", "rehearse": "done"}
    assert _told(path)[("run_exit_status", "prove")] == 0


def test_what_is_proved_is_of_this_installation_and_of_this_night(cli: Cli, install: Install, another: str) -> None:
    """That another one's restores, the newest of the cluster, proves nothing here; nor does that one of last week does."""
    path = install()
    others = ("backup", "-n", another, "--backup-dir", path.parent / "backups", "-q", "--name", "other")
    cli.ok(*others)
    assert "no sealed backup is of this installation" in _night(cli, path, "--part", "prove", code=2)["steps"][-1]["message"]
    shutil.rmtree(path.parent / "backups" / "other")
    cli.ok("backup", "--config", path, "-q", "--name", "mine")
    cli.ok(*others)
    report = _night(cli, path, "--part", "prove")
    assert (report["backup"], _told(path)[("run_exit_status", "prove")]) == ("mine", 0)
    success = _told(path)[("run_last_success_timestamp_seconds", "prove")]
    report = _night(cli, path, "--part", "prove", "--fresh", "0s", code=3)
    assert "but mine is the newest of this installation: nothing was made for 0 hours" in report["steps"][-1]["message"]
    assert _told(path)[("run_last_success_timestamp_seconds", "prove")] == success


# ---- calls that cannot be


def test_without_an_installation_file_or_a_word(cli: Cli, install: Install) -> None:
    done = cli.run("run", "nightly")
    assert done.returncode == 2
    assert "what an installation file says" in done.stderr
    assert "nothing says what is to be run" in cli.run("run", "--config", install()).stderr


def test_the_file_of_another_cluster(cli: Cli, install: Install) -> None:
    path = install(cluster={"uid": "00000000-0000-4000-8000-000000000000"})
    assert _states(_night(cli, path, code=2))["backup"] == "failed"
    assert _told(path)[("run_exit_status", "backup")] == 2
    assert _backups(path) == []
