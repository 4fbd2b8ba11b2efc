"""`history`: who did what when, of every act and of no trial; killed ones too; and no act fails by it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.builders.deployments import ORGANISATION, TOKEN, Place, new_place
from tests.conftest import Cli, Crd


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Six deployments."""
    with new_place(tmp_path) as made:
        for number in range(6):
            made.api.add(number, ORGANISATION, latency=0.1)
        yield made


def _acts(cli: Cli, *verbs: str) -> list[dict[str, Any]]:
    acts: list[dict[str, Any]] = json.loads(cli.ok("history", *verbs, "-o", "json"))["acts"]
    return acts


def test_acts_and_no_trials(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:10])
    assert _acts(cli) == []
    cli.ok("backup", "-n", namespace, "--name", "one")
    cli.ok("backup", "-n", namespace, "--name", "two", "-q")
    cli.ok("restore", "one", "--dry-run=client")
    cli.ok("restore", "one", "--dry-run=server")
    cli.ok("restore", "one", "--yes")
    cli.ok("prune", "--keep-last", "1", "--dry-run=client")
    cli.ok("forget", "one", "--yes")
    acts = _acts(cli)
    me = plane.kubectl_run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").stdout
    assert [act["verb"] for act in acts] == ["backup", "backup", "restore", "forget"]
    assert [act["exitStatus"] for act in acts] == [0] * 4
    uid = plane.api("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
    assert [act["cluster"] for act in acts] == [uid] * 3 + ["backups"]
    restored = acts[2]
    assert restored["what"] == "one"
    assert "unchanged" in restored["result"]
    assert [act["verb"] for act in _acts(cli, "restore", "forget")] == ["restore", "forget"]
    assert [act["by"] for act in acts] == [me] * 3 + [""], "the API server's own word, where there is one"
    assert acts[0]["command"].endswith(f"backup -n {namespace} --name one")
    assert [act["verb"] for act in _acts(cli, "--since", "yesterday")] == [act["verb"] for act in acts]
    assert _acts(cli, "--since", "0s") == []
    middle = acts[2]["began"].replace("Z", "+00:00")
    assert _acts(cli, "--since", middle) == acts[2:]
    assert "is no time" in cli.run("history", "--since", "soon").stderr
    for words, said in ((("prune",), "nothing of prune was noted in"), (("--since", "0s"), "since 0s")):
        done = cli.run("history", *words)
        assert (done.returncode, done.stdout, said in done.stderr) == (0, "", True), words
    shown = cli.ok("history", "-o", "wide")
    assert "RESULT" in shown
    assert uid in shown


def test_one_that_fails_says_why(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:5])
    assert cli.run("backup", "-n", namespace, "--type", "tracking_agent").returncode == 3
    (act,) = _acts(cli)
    assert act["exitStatus"] == 3
    assert act["result"]


def test_one_that_is_killed_is_known(place: Place) -> None:
    place.cut_short(signal.SIGKILL, 2, "deactivate", "--yes", "--parallel", "1")
    (act,) = _acts(place.cli)
    assert (act["verb"], act["ended"], act["exitStatus"]) == ("deactivate", None, None)
    assert "killed" in act["result"]
    assert "6 deployments" in act["what"]
    place.report("activate")
    assert [each["verb"] for each in _acts(place.cli)] == ["deactivate", "activate"]
    everything = "".join(path.read_text() for path in Path(os.environ["HOME"]).rglob("history.jsonl"))
    assert TOKEN not in everything


def test_one_that_is_interrupted(place: Place) -> None:
    place.cut_short(signal.SIGINT, 2, "deactivate", "--yes", "--parallel", "1")
    (act,) = _acts(place.cli)
    assert act["exitStatus"] == 130
    assert "interrupted" in act["result"]


def test_no_act_fails_by_it(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be noted; with a place that the user has named, that is said."""
    (tmp_path / "home" / ".local").write_text("")
    done = place.run("deactivate", "--yes")
    assert done.returncode == 0
    assert "journals lie beside the backups alone" in done.stderr
    assert place.cli.run("history").returncode == 0
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("LRS_STATE_DIR", str(state))
    (state / place.api.url.removeprefix("http://").replace(":", "_").replace(".", "_")).mkdir(mode=0o700)
    (folder,) = state.iterdir()
    (folder / "history.jsonl").mkdir()
    done = place.run("activate")
    assert done.returncode == 0
    assert "the history does not tell of this" in done.stderr
    assert "warning" in place.cli.run("history").stderr


def test_what_was_not_agreed_to_is_no_act(place: Place) -> None:
    assert place.run("deactivate").returncode == 2
    assert _acts(place.cli) == []


def test_a_verb_of_which_nothing_is_noted(place: Place) -> None:
    done = place.cli.run("history", "list")
    assert done.returncode == 2
    assert "it is one of: backup" in done.stderr
