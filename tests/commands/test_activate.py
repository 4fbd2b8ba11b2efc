"""`activate`: exactly what the journal says, after interruptions, after what others did meanwhile, with several organisations."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed.datarobot import identifier
from tests.builders.deployments import ORGANISATION, OTHER, OTHER_TOKEN, TOKEN, Place, new_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place to try things in."""
    with new_place(tmp_path) as made:
        yield made


@pytest.fixture
def down(place: Place) -> Place:
    """Six deployments that were taken down, one that was down before, one of another kind that stayed up."""
    for number in range(6):
        place.api.add(number, ORGANISATION, latency=0.1)
    place.api.add(10, ORGANISATION, label="was down", settled="inactive")
    place.api.add(11, ORGANISATION, label="other kind", is_custom=False)
    place.report("deactivate", "--yes")
    return place


def _since(place: Place) -> list[str]:
    """The labels of the deployments that were asked to become active."""
    return [place.api.deployments[r.path.split("/")[4]].label for r in place.api.sent("PATCH")[6:]]


def test_exactly_what_was_taken_down(down: Place) -> None:
    down.api.add(12, ORGANISATION, label="taken down by hand", settled="inactive")
    rows = down.report("activate")
    assert set(rows) == {f"model {number}" for number in range(6)}
    assert sorted(_since(down)) == sorted(rows)
    statuses = {each.label: each.status() for each in down.api.deployments.values()}
    assert [label for label, status in statuses.items() if status == "inactive"] == ["was down", "taken down by hand"]


def test_an_application_that_is_being_installed_anew_has_lost_none(down: Place) -> None:
    """Its ingress says 404 to everything: the journal goes on saying what has to be started again."""
    for each in down.api.deployments.values():
        each.troubles += ["get 404 of an ingress"] * 99 + ["404 of an ingress"] * 99
    rows = down.report("activate", "--timeout", "1s", code=3)
    assert {row["result"] for row in rows.values()} <= {"failed", "unfinished"}
    assert set(down.states().values()) <= {"deactivated", "activating"}
    for each in down.api.deployments.values():
        each.troubles.clear()
    rows = down.report("activate")
    assert {row["result"] for row in rows.values()} == {"activated"}
    assert len(rows) == 6


def test_nothing_is_left_to_do_afterwards(down: Place) -> None:
    down.report("activate")
    sent = len(down.api.log)
    done = down.run("activate")
    assert done.returncode == 0
    assert "no open journal" in done.stderr
    assert "nothing to do" in done.stdout
    assert len(down.api.sent("PATCH")) == 12
    looked_up = ["/api/v2/version/", "/api/v2/account/info/", "/api/v2/organizations/org-one/"]
    assert [request.path for request in down.api.log[sent:]] == looked_up
    again = down.report("activate", "--journal", down.journals()[0])
    assert again == {}


def test_no_journal_at_all(place: Place) -> None:
    done = place.run("activate")
    assert done.returncode == 2
    assert "there is no journal of deactivate" in done.stderr


def test_dry_run(down: Place) -> None:
    text = down.journals()[0].read_text()
    done = down.run("activate", "--dry-run=client")
    assert done.returncode == 0
    assert "plan: 6 activate (nothing was changed)" in done.stdout
    assert down.journals()[0].read_text() == text
    assert len(down.api.sent("PATCH")) == 6


def test_some_of_them(down: Place) -> None:
    rows = down.report("activate", "--include", "model 1", "--include", identifier(2))
    assert set(rows) == {"model 1", "model 2"}
    assert down.journal()["state"] == "open"
    rows = down.report("activate", "--exclude", identifier(3))
    assert set(rows) == {"model 0", "model 4", "model 5"}
    done = down.run("activate", "--include", identifier(10), "-o", "json")
    assert done.returncode == 3
    assert "no open journal says that it was taken down" in done.stdout
    slip = down.run("activate", "--include", "modle*")
    assert slip.returncode == 2, "nothing was activated"
    assert "--include 'modle*' fits the label of nothing that was taken down" in slip.stderr
    assert set(down.report("activate")) == {"model 3"}
    assert down.journal()["state"] == "done"


def test_what_others_did_meanwhile(down: Place) -> None:
    """Reported, not forced; and the journal is closed where nothing can come any more."""
    api = down.api.deployments
    api[identifier(0)].settled = "active"
    api[identifier(1)].settled = "archived"
    api[identifier(1)].is_listed = False
    del api[identifier(2)]
    api[identifier(3)].model = "65f0eeeeeeeeeeeeeeeeeeee"
    rows = down.report("activate", code=3)
    said = {label: (row["result"], row["message"]) for label, row in rows.items()}
    assert said["model 0"] == ("unchanged", "activated by somebody else meanwhile")
    assert said["model 1"] == ("left alone", "archived by somebody else meanwhile")
    assert said["model 2"] == ("left alone", "deleted by somebody else meanwhile")
    assert said["model 3"][0] == "left alone"
    assert "its model was replaced" in said["model 3"][1]
    assert {said[f"model {number}"] for number in (4, 5)} == {("activated", "")}
    assert sorted(_since(down)) == ["model 4", "model 5"]
    assert down.states()["model 3"] == "deactivated"
    api[identifier(3)].settled = "active"
    down.report("activate")
    assert down.journal()["state"] == "done"
    assert down.states() == {
        "model 0": "activated",
        "model 1": "gone",
        "model 2": "gone",
        "model 3": "activated",
        "model 4": "activated",
        "model 5": "activated",
    }


def test_not_visible_is_not_deleted(down: Place) -> None:
    """Another user of the organisation may see less: then the journal stays open for the one who saw it."""
    hidden = down.api.deployments.pop(identifier(0))
    down.api.users[ORGANISATION] = "somebody-else"
    rows = down.report("activate", code=3)
    assert "it is deleted, or user somebody-else does not see it" in rows["model 0"]["message"]
    assert down.states()["model 0"] == "deactivated"
    down.api.deployments[hidden.id] = hidden
    down.report("activate")
    assert down.journal()["state"] == "done"


def test_not_allowed_to_look_is_not_deleted(down: Place) -> None:
    hidden = down.api.deployments[identifier(0)]
    hidden.is_listed = False
    hidden.troubles = ["get 403"] * 3
    rows = down.report("activate", code=3)
    assert len(rows) == 6
    assert "not allowed to see it (HTTP 403)" in next(row["message"] for row in rows.values() if row["id"] == hidden.id)
    assert down.states()["model 0"] == "deactivated"
    hidden.troubles = []
    down.report("activate")
    assert down.journal()["state"] == "done"


def test_application_that_does_not_say_who_we_are(place: Place) -> None:
    """Then nobody knows whether a deployment is deleted or not visible, and the journal stays open."""
    for number in range(2):
        place.api.add(number, ORGANISATION)
    place.api.is_old = True
    place.report("deactivate", "--yes")
    del place.api.deployments[identifier(0)]
    rows = place.report("activate", code=3)
    assert "it is deleted, or this user does not see it" in rows["model 0"]["message"]
    assert rows["model 1"]["result"] == "activated"
    assert place.journal()["state"] == "open"


TROUBLES: dict[str, tuple[list[str], str, str, str]] = {
    # troubles → result, words of the message, state in the journal
    "422": (["422"], "failed", "scripted: 422", "deactivated"),
    "503 and then it is taken": (["503"], "activated", "", "activated"),
    "cut before it is taken": (["cut before"], "unfinished", "no answer to the request", "activating"),
    "cut after it was taken": (["cut after"], "activated", "", "activated"),
    "502 in HTML": (["502"], "unfinished", "HTTP 502", "activating"),
    "task ERROR": (["task error"], "failed", "no capacity left (task ERROR)", "deactivated"),
    "task stuck": (["task stuck"], "activated", "", "activated"),
    "errored": (["errored"], "failed", "the deployment is errored", "activating"),
    "deployment stuck": (["stuck"], "unfinished", "still launching after 3s", "activating"),
}


@pytest.mark.parametrize("case", TROUBLES)
def test_trouble_and_then_the_same_command(down: Place, case: str) -> None:
    troubles, result, message, state = TROUBLES[case]
    troubled = down.api.deployments[identifier(0)]
    troubled.troubles = list(troubles)
    limit = "3s" if result == "unfinished" else "60s"  # little time for what must run out of it alone
    rows = down.report("activate", "--timeout", limit, code=0 if result == "activated" else 3)
    assert rows["model 0"]["result"] == result
    assert message in rows["model 0"]["message"]
    assert {rows[f"model {number}"]["result"] for number in range(1, 6)} == {"activated"}
    assert down.states()["model 0"] == state
    if troubled.change:
        troubled.change.end = 0.0
    assert set(down.report("activate")) == (set() if result == "activated" else {"model 0"})
    assert troubled.status() == "active"
    assert down.journal()["state"] == "done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_interrupted(place: Place, number: signal.Signals) -> None:
    for count in range(24):
        place.api.add(count, ORGANISATION, latency=0.2)
    before = place.api.statuses()
    place.report("deactivate", "--yes", "--parallel", "24")
    place.cut_short(number, 24 + 10, "activate")
    assert place.journal()["state"] == "open"
    assert len(place.api.changes) < 48, "the signal came too late to show anything"
    place.report("activate")
    assert place.api.statuses() == before
    assert place.journal()["state"] == "done"


def test_directly_after_no_wait(place: Place) -> None:
    """The deactivations have not shown yet: that they are active still means nothing."""
    for number in range(6):
        place.api.add(number, ORGANISATION, latency=1.5, troubles=["lag"])
    place.report("deactivate", "--yes", "--no-wait")
    assert set(place.api.statuses().values()) == {"active"}
    place.report("activate")
    assert len(place.api.changes) == 12
    assert all(each.status() == "active" and each.change is None for each in place.api.deployments.values())


def test_several_journals(place: Place) -> None:
    for number in range(4):
        place.api.add(number, ORGANISATION)
    place.report("deactivate", "--yes", "--include", "model 0")
    place.report("deactivate", "--yes")
    assert len(place.journals()) == 2
    assert len(place.report("activate")) == 4
    assert {json.loads(path.read_text())["state"] for path in place.journals()} == {"done"}


def test_activated_elsewhere_is_asked_about(down: Place) -> None:
    """The application may have moved; that it is the same one is for the user to say."""
    path = down.journals()[0]
    path.write_text(path.read_text().replace(down.api.url, "https://old.example.com"))
    done = down.run("activate")
    assert done.returncode == 2
    assert "Deactivated at https://old.example.com/api/v2: activate 6 deployments at" in done.stderr
    assert len(down.api.sent("PATCH")) == 6
    down.report("activate", "--yes")
    assert down.journal()["state"] == "done"


# ---- several organisations


def _tokens(place: Place, *tokens: str) -> list[str]:
    return ["--url", place.api.url, *(part for token in tokens for part in ("--org-token-file", str(place.token_file(token))))]


def test_two_organisations(place: Place) -> None:
    for number in range(3):
        place.api.add(number, ORGANISATION, label=f"one {number}")
        place.api.add(100 + number, OTHER, label=f"two {number}")
    before = place.api.statuses()
    both = _tokens(place, TOKEN, OTHER_TOKEN)
    rows = place.report("deactivate", "--yes", *both)
    assert {row["organisation"] for row in rows.values()} == {ORGANISATION, OTHER}
    assert set(place.api.statuses().values()) == {"inactive"}
    by_token = {request.token for request in place.api.sent("PATCH") if identifier(100) in request.path}
    assert by_token == {f"Bearer {OTHER_TOKEN}"}, "each with the token of its own organisation"
    rows = place.report("activate", *_tokens(place, TOKEN), code=3)
    assert {row["result"] for label, row in rows.items() if label.startswith("one")} == {"activated"}
    assert {row["message"] for label, row in rows.items() if label.startswith("two")} == {
        f"there is no token of its organisation, {OTHER}"
    }
    assert place.journal()["state"] == "open"
    assert set(place.report("activate", *_tokens(place, OTHER_TOKEN))) == {"two 0", "two 1", "two 2"}
    assert place.api.statuses() == before
    assert place.journal()["state"] == "done"


def test_same_organisation_twice(place: Place) -> None:
    place.api.tokens["another-token"] = ORGANISATION
    (place.cli.directory / "again.token").write_text("another-token")
    done = place.run("deactivate", "--yes", *_tokens(place, TOKEN), "--org-token-file", "again.token")
    assert done.returncode == 2
    assert f"are both of organisation {ORGANISATION}" in done.stderr
    done = place.run("deactivate", "--yes", *_tokens(place, TOKEN, TOKEN))
    assert done.returncode == 2
    assert "the same token was given twice" in done.stderr
    assert place.api.sent("PATCH") == []


# ---- the journal


def test_show_journal(down: Place) -> None:
    name = down.journals()[0].name
    text = down.cli.ok("show", name, env=down.env)
    assert "State:          open" in text
    assert "6 deactivated: stopped by us; activate starts it again" in text
    assert json.loads(down.cli.ok("show", name, "-o", "json"))["deployments"] == down.journal()["deployments"]
    assert down.cli.ok("show", name, "-o", "name").split() == [identifier(number) for number in range(6)]
    assert "task-0001" in down.cli.ok("show", down.journals()[0], "-o", "wide")
    down.report("activate")
    assert "State:          done" in down.cli.ok("show", name)
    assert down.cli.ok("show", name, "-o", "name") == ""


DAMAGED: dict[str, tuple[Any, str]] = {
    "not JSON": ("{[", "not a journal that can be read"),
    "another kind": ({"kind": "x", "formatVersion": 1}, "not a journal of deactivate"),
    "newer": ({"kind": "lrs-deactivation", "formatVersion": 2}, "newer than this program reads"),
    "a state that is none": ('"state": "deactivated"|"state": "finished"', "not a valid journal"),
    "an id that is a path": (identifier(0) + "|../../account", "is not an id"),
    "a field missing": ('"label"|"name"', "not a valid journal"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_journal(down: Place, case: str) -> None:
    """It is never passed over: what it speaks of would stay down."""
    content, message = DAMAGED[case]
    path = down.journals()[0]
    if isinstance(content, str) and "|" in content:
        content = path.read_text().replace(*content.split("|"), 1)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    for verb in (["activate"], ["deactivate", "--yes"], ["show", path.name]):
        done = down.run(*verb)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert len(down.api.sent("PATCH")) == 6


# ---- the state


def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str) -> None:
    monkeypatch.setenv("LRS_STATE_DIR", str(tmp_path / f"state-of-{user}"))


def test_from_whichever_folder_of_backups(down: Place, tmp_path: Path) -> None:
    """The journal is in the user's state too, and both say in the end that it is done."""
    (tmp_path / "other").mkdir()
    rows = down.report("activate", "--backup-dir", tmp_path / "other")
    assert {each["result"] for each in rows.values()} == {"activated"}
    assert down.journal()["state"] == "done"
    assert down.report("activate") == {}


def test_when_the_backups_are_lost(down: Place) -> None:
    down.journals()[0].unlink()
    rows = down.report("activate")
    assert {each["result"] for each in rows.values()} == {"activated"}


def test_another_administrator(down: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sees it beside the backups; and the first one, afterwards, that it is done."""
    _state(monkeypatch, tmp_path, "another")
    assert down.report("activate")
    monkeypatch.delenv("LRS_STATE_DIR")
    (tmp_path / "other").mkdir()
    assert down.report("activate") == {}
    assert down.report("activate", "--backup-dir", tmp_path / "other") == {}


def test_another_application_does_not_count(down: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with new_place(tmp_path / "elsewhere") as second:
        done = second.run("activate", "--backup-dir", tmp_path / "other")
        assert done.returncode == 2
        assert "there is no journal of deactivate" in done.stderr


def test_in_a_pod_without_a_volume(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this folder is on a file system of its own depends on the machine; / is not."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    env = {**place.env, "KUBECONFIG": ""}
    done = place.run("deactivate", "--yes", "--journal", "/j.json", env=env)
    assert done.returncode == 2
    assert "is gone when this pod is" in done.stderr
    assert "LRS_STATE_DIR" in done.stderr
    assert place.api.sent("PATCH") == []
    assert place.run("deactivate", "--dry-run=client", "--journal", "/j.json", env=env).returncode == 0
    state = {"LRS_STATE_DIR": str(tmp_path / "state")}
    assert place.run("deactivate", "--yes", "--journal", tmp_path / "j.json", env=env | state).returncode == 0
