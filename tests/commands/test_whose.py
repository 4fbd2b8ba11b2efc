"""Backups and restores beside a deactivation: the status of each deployment is saved, and no LRS gets two owners."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.stores.deployments.ownership import tokens
from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import Answer
from tests.builders.deployments import ORGANISATION, TOKEN, Place, new_place
from tests.conftest import Cli, Crd

ID = "65f0123456789abcdef01234"


@pytest.fixture
def place(tmp_path: Path, cli: Cli) -> Iterator[Place]:
    """The application's API, and the product as administrator of the control plane."""
    with new_place(tmp_path / "api") as made:
        made.cli = cli
        yield made


@pytest.fixture
def lrs(plane: ControlPlane, crd: Crd, namespace: str, place: Place) -> dict[str, str]:
    """LRS of every type, the deployments' also in the application; the id of each deployment's LRS by its name."""
    made = samples.samples(crd.api_version, crd.kind, namespace)
    loader.create_many(plane, made)
    found = {
        each["metadata"]["name"]: each["metadata"]["labels"]["datarobot-deployment-id"]
        for each in made
        if each["metadata"]["labels"].get(samples.TYPE_LABEL) == "deployment"
    }
    for number, identifier in enumerate(found.values()):
        place.api.add(number, ORGANISATION, id=identifier)
    return found


def _restore(
    place: Place, namespace: str, *arguments: str, code: int, env: dict[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    done = place.run("restore", "latest", "-n", namespace, "-o", "json", *arguments, env={} if env is None else env)
    assert done.returncode == code, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["outcomes"]}


def _destroy(plane: ControlPlane, crd: Crd, namespace: str) -> None:
    for each in loader.live(plane, crd.api_version, namespace):
        path = f"{loader.objects_path(crd.api_version, namespace)}/{each['metadata']['name']}"
        assert plane.api("DELETE", path)[0] == 200


# ---- backup


def test_backup_saves_the_status_of_each(place: Place, lrs: dict[str, str], namespace: str) -> None:
    place.api.add(50, ORGANISATION, label="down", settled="inactive")
    done = place.run("backup", "-n", namespace, "--name", "with")
    assert done.returncode == 0, done.stderr
    saved = json.loads((place.cli.directory / "with" / "deployments.json").read_text())
    statuses = {each["id"]: each["status"] for each in saved["deployments"]}
    assert statuses == place.api.statuses()
    assert saved["organisations"] == [{"id": ORGANISATION, "user": f"user-of-{ORGANISATION}"}]
    assert "Deployments:       9 (8 active, 1 inactive)" in place.cli.ok("show", "with")
    place.cli.ok("verify", "with")
    assert place.api.sent("PATCH") == []
    for path in (place.cli.directory / "with").rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


def test_a_list_that_may_lack_some_is_said_by_restore(
    place: Place, lrs: dict[str, str], namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = place.api.answer_list

    def one_more(call: Any) -> Answer:
        answer = whole(call)
        assert isinstance(answer.body, dict)
        return Answer(answer.status, {**answer.body, "totalCount": answer.body["totalCount"] + 1})

    place.cli.ok("backup", "-n", namespace, "--name", "saved")
    monkeypatch.setattr(place.api, "answer_list", one_more)
    done = place.run("restore", "saved", "--dry-run=client")
    assert done.returncode == 0, done.stderr
    assert "the list of deployments changes all the time; some may be missing: the LRS of one" in done.stderr


def test_backup_without(place: Place, lrs: dict[str, str], namespace: str) -> None:
    place.cli.ok("backup", "-n", namespace, "--name", "no-token")
    assert place.run("backup", "-n", namespace, "--name", "not-wanted", "--no-deployments").returncode == 0
    for name in ("no-token", "not-wanted"):
        assert not (place.cli.directory / name / "deployments.json").exists()
        assert "Deployments:" not in place.cli.ok("show", name)
    assert place.api.log == []


@pytest.mark.parametrize(
    ("arguments", "env", "code", "message"),
    [
        (["--deployments"], {}, 2, "no DataRobot API is named"),
        (["--deployments"], {"LRS_DATAROBOT_URL": "http://127.0.0.1:1", "LRS_DATAROBOT_API_TOKEN": "t"}, 5, "cannot be reached"),
        (["--deployments"], {"LRS_DATAROBOT_API_TOKEN": "t"}, 2, "LRS_DATAROBOT_URL is not"),
        (["--url", "http://127.0.0.1:1", "--org-token-file", "none"], {}, 2, "none"),
    ],
    ids=["none", "unreachable", "half", "flag"],
)
def test_backup_that_cannot_have_them(
    place: Place, lrs: dict[str, str], namespace: str, arguments: list[str], env: dict[str, str], code: int, message: str
) -> None:
    """What was asked for and cannot be had means no backup; the message names the flag that leaves it out."""
    done = place.run("backup", "-n", namespace, *arguments, env=env)
    assert done.returncode == code
    assert message in done.stderr
    assert "--no-deployments" in done.stderr
    assert list(place.cli.directory.iterdir()) == []


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"LRS_DATAROBOT_URL": "http://127.0.0.1:1", "LRS_DATAROBOT_API_TOKEN": "t"}, "cannot be reached"),
        ({"LRS_DATAROBOT_API_TOKEN": "t"}, "LRS_DATAROBOT_URL is not"),
        ({"LRS_DATAROBOT_API_TOKEN": "expired"}, "refused"),
        ({"LRS_DATAROBOT_URL": "ftp://x", "LRS_DATAROBOT_API_TOKEN": "t"}, "LRS_DATAROBOT_URL"),
    ],
    ids=["unreachable", "half", "expired", "malformed"],
)
def test_backup_of_lrs_does_without_what_nobody_asked_for(
    place: Place, lrs: dict[str, str], namespace: str, env: dict[str, str], reason: str
) -> None:
    """The LRS are saved; the report and the catalog say what is not there and why, and `latest` is this backup."""
    more = {"LRS_DATAROBOT_URL": place.api.url} if env.get("LRS_DATAROBOT_API_TOKEN") == "expired" else {}
    done = place.run("backup", "-n", namespace, "--name", "saved", env={**more, **env})
    assert done.returncode == 3, done.stderr
    assert "warning: not in the backup: deployments: " in done.stderr
    assert reason in done.stderr
    catalog = json.loads((place.cli.directory / "saved" / "backup.json").read_text())
    (missing,) = catalog["missing"]
    assert (catalog["state"], missing["store"]) == ("partial", "deployments")
    assert "deployments" not in catalog["tiers"]
    assert catalog["tiers"]["resources"]["objects"] == 20
    assert "lacking 1 deployments" in place.cli.ok("verify", "saved")


def test_one_that_breaks_off_in_the_middle_leaves_nothing(
    place: Place, lrs: dict[str, str], namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.api, "answer_list", lambda _call: Answer(403, {"message": "not yours"}))
    done = place.run("backup", "-n", namespace, "--name", "saved")
    assert done.returncode == 3, done.stderr
    assert not (place.cli.directory / "saved" / "deployments.json").exists()
    place.cli.ok("verify", "saved")
    done = place.run("backup", "-n", namespace, "--name", "asked", "--deployments")
    assert done.returncode not in (0, 3)
    assert not (place.cli.directory / "asked").exists()


@pytest.mark.parametrize(
    "env", [{"LRS_DATAROBOT_API_TOKEN": "t"}, {"LRS_DATAROBOT_API_TOKEN": "expired"}], ids=["half", "expired"]
)
def test_restore_and_check_do_without_too(place: Place, lrs: dict[str, str], namespace: str, env: dict[str, str]) -> None:
    place.cli.ok("backup", "-n", namespace, "--name", "saved")
    more = {"LRS_DATAROBOT_URL": place.api.url} if env["LRS_DATAROBOT_API_TOKEN"] == "expired" else {}
    done = place.run("restore", "saved", "-n", namespace, env={**more, **env})
    assert done.returncode == 0, done.stderr
    assert "does not tell which deployments are deactivated" in done.stderr
    done = place.run("check", "-n", namespace, env={**more, **env, "LRS_FILES_URL": "nothing://x", "LRS_MONGO_URI": "nonsense"})
    assert (done.returncode, "24 LRS" in done.stdout) == (5, True), done.stdout + done.stderr
    for word in ("nothing://x", "LRS_MONGO_URI"):
        assert word in done.stdout + done.stderr


# ---- activate --from


@pytest.fixture
def lost(place: Place, lrs: dict[str, str], namespace: str) -> Place:
    """All active deployments were taken down after a backup, and the journal is lost."""
    place.api.add(50, ORGANISATION, label="down before", settled="inactive")
    place.api.add(51, ORGANISATION, label="up all the time", is_custom=False)
    assert place.run("backup", "-n", namespace).returncode == 0
    place.report("deactivate", "--yes")
    place.journals()[0].unlink()
    for copy in Path(os.environ["HOME"]).glob(".local/state/kubectl-lrs/*/lrs_deactivated_*"):
        copy.unlink()
    return place


def test_activate_from_a_backup(lost: Place, lrs: dict[str, str]) -> None:
    done = lost.run("activate", "--from", "latest")
    assert done.returncode == 2
    assert "and not now: activate 8 deployments at" in done.stderr
    assert "active already: 1" in done.stderr
    rows = lost.report("activate", "--from", "latest", "--yes")
    assert {each["id"] for each in rows.values()} == set(lrs.values())
    assert {each["result"] for each in rows.values()} == {"activated"}
    assert [each.label for each in lost.api.deployments.values() if each.status() == "inactive"] == ["down before"]
    assert lost.report("activate", "--from", "latest") == {}


@pytest.mark.parametrize("status", ["launching", "replacingModel", "unheard-of"])
def test_activate_from_a_backup_tells_what_was_on_its_way(place: Place, crd: Crd, namespace: str, status: str) -> None:
    """Nobody knows whether it was to run: it is not taken for what was down."""
    for number, label in enumerate(("comes up", "stays down", "up")):
        place.api.add(number, ORGANISATION, label=label, settled="active" if label == "up" else status)
    assert place.run("backup", "-n", namespace, "--allow-empty").returncode == 0
    one, two, up = place.api.deployments.values()
    one.settled, two.settled, up.settled = "active", "inactive", "inactive"
    for arguments in (("--dry-run=client",), ("--yes",), ("--yes", "--include", "stays*")):
        done = place.run("activate", "--from", "latest", *arguments)
        assert done.returncode == 3, done.stdout + done.stderr
        assert f"it was {status} when the backup was made, not active; left alone" in done.stdout
        assert "stays down" in done.stdout
        assert "comes up" not in done.stdout
    assert (one.settled, two.settled, up.status()) == ("active", "inactive", "active")
    two.settled = "active"
    assert place.run("activate", "--from", "latest", "--yes").returncode == 0


def test_activate_from_a_backup_that_is_damaged_or_has_none(lost: Place, namespace: str) -> None:
    done = lost.run("activate", "--from", "latest", "--journal", "x.json")
    assert done.returncode == 2
    (backup,) = lost.cli.directory.glob("lrs_backup_*")
    path = backup / "deployments.json"
    path.write_text(path.read_text().replace('"inactive"', '"active"'))
    done = lost.run("activate", "--from", "latest", "--yes")
    assert done.returncode == 4
    assert "its sum does not match" in done.stderr
    lost.cli.ok("backup", "-n", namespace, "--name", "without")
    done = lost.run("activate", "--from", "without", "--yes")
    assert done.returncode == 2
    assert "does not hold the status of the deployments" in done.stderr
    assert [request.status for request in lost.api.sent("PATCH")].count(202) == 8, "nothing but the deactivations"


# ---- restore


def test_restore_leaves_to_activate_what_is_its(
    plane: ControlPlane, crd: Crd, place: Place, lrs: dict[str, str], namespace: str
) -> None:
    """A planned skip, and no failure; when the journal is done, they are restored as all others."""
    place.cli.ok("backup", "-n", namespace)
    place.report("deactivate", "--yes")
    _destroy(plane, crd, namespace)
    outcomes = _restore(place, namespace, code=0)
    for name, each in outcomes.items():
        if name in lrs:
            assert each["result"] == "skipped"
            assert "is deactivated; activate brings it back" in each["message"]
        else:
            assert each["result"] in ("created", "skipped")
    live = {each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)}
    assert live
    assert not live & set(lrs)
    place.report("activate")
    outcomes = _restore(place, namespace, code=0)
    assert {outcomes[name]["result"] for name in lrs} == {"created"}


def test_restore_does_not_write_what_is_undecided(
    plane: ControlPlane, crd: Crd, place: Place, lrs: dict[str, str], namespace: str
) -> None:
    """While a deactivation is open: what it does not know may be one of its; the application tells, or --force."""
    place.cli.ok("backup", "-n", namespace)
    first, *others = lrs
    place.report("deactivate", "--yes", "--include", lrs[first], "--journal", "elsewhere.json")
    (place.cli.directory / "elsewhere.json").rename(place.cli.directory.parent / "elsewhere.json")
    journal = ("--journal", str(place.cli.directory.parent / "elsewhere.json"))
    _destroy(plane, crd, namespace)
    outcomes = _restore(place, namespace, *journal, code=3)
    assert outcomes[first]["result"] == "skipped"
    assert {outcomes[name]["result"] for name in others} == {"conflict"}
    assert all("nothing tells whose deployment this is (--force writes it)" in outcomes[name]["message"] for name in others)
    assert not {each["metadata"]["name"] for each in loader.live(plane, crd.api_version, namespace)} & set(lrs)
    half = len(others) // 2
    outcomes = _restore(place, namespace, *journal, "--force", "--type", "deployment", code=0)
    assert {outcomes[name]["result"] for name in others[:half]} == {"created"}
    outcomes = _restore(place, namespace, *journal, code=0)
    assert {outcomes[name]["result"] for name in others} == {"unchanged"}, "what is there and equal needs no decision"
    _destroy(plane, crd, namespace)
    outcomes = _restore(place, namespace, *journal, code=0, env=place.env)
    assert outcomes[first]["result"] == "skipped"
    assert {outcomes[name]["result"] for name in others} == {"created"}, "the application knows them, and they are active"


def test_restore_asks_the_application(plane: ControlPlane, crd: Crd, place: Place, lrs: dict[str, str], namespace: str) -> None:
    """Without any journal too; where the application is down, that is said and no reason to stop."""
    place.cli.ok("backup", "-n", namespace)
    first = next(iter(lrs))
    place.api.deployments[lrs[first]].settled = "inactive"
    _destroy(plane, crd, namespace)
    outcomes = _restore(place, namespace, code=0, env=place.env)
    assert outcomes[first]["result"] == "skipped"
    assert "is inactive; it comes back when that is activated" in outcomes[first]["message"]
    assert {outcomes[name]["result"] for name in lrs if name != first} == {"created"}
    done = place.run("restore", "latest", "-n", namespace, env={**place.env, "LRS_DATAROBOT_URL": "http://127.0.0.1:1"})
    assert done.returncode == 0
    assert "warning: the application does not tell which deployments are deactivated" in done.stderr


def test_backup_tells_which_are_no_deactivated_ones(
    plane: ControlPlane, crd: Crd, place: Place, lrs: dict[str, str], namespace: str
) -> None:
    """The deployments that a backup lists and the journal does not are decided."""
    assert place.run("backup", "-n", namespace).returncode == 0
    first, *others = lrs
    place.report("deactivate", "--yes", "--include", lrs[first])
    _destroy(plane, crd, namespace)
    outcomes = _restore(place, namespace, code=0)
    assert outcomes[first]["result"] == "skipped"
    assert {outcomes[name]["result"] for name in others} == {"created"}


PLACES: dict[str, tuple[dict[str, Any], bool]] = {
    "name": ({"metadata": {"name": f"lrs-{ID}"}}, True),
    "name alone": ({"metadata": {"name": ID}}, True),
    "label": ({"metadata": {"name": "x", "labels": {"a": ID}}}, True),
    "annotation": ({"metadata": {"name": "x", "annotations": {"a": f"deployment={ID};"}}}, True),
    "deep in the spec": ({"metadata": {"name": "x"}, "spec": {"a": [{"b": [f"image:{ID}"]}]}}, True),
    "a key is no value": ({"metadata": {"name": "x", "labels": {ID: "a"}}, "spec": {ID: 1}}, False),
    "part of a longer word": ({"metadata": {"name": f"{ID}0"}, "spec": {"a": f"x{ID}"}}, False),
    "a digest": ({"metadata": {"name": "x"}, "spec": {"image": "sha256:" + "65f0" * 16}}, False),
    "status": ({"metadata": {"name": "x"}, "status": {"a": ID}}, False),
}


@pytest.mark.parametrize("case", PLACES)
def test_where_an_id_counts(case: str) -> None:
    manifest, is_there = PLACES[case]
    assert (ID in set(tokens(manifest))) is is_there
