"""Servers that answer 500 to everything, from some request on: given up together, and what is left is named.

Counted is what they are asked, which is far less than there is to do; the patience of the product is cut short.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import Answer, identifier
from tests.bed.proxy import ALWAYS, Act, FaultProxy, refuse
from tests.builders import impatient
from tests.builders.deployments import ORGANISATION, Place, new_place
from tests.builders.ground import EACH, LIST, Ground, undone
from tests.builders.sparked import counts, live, start
from tests.conftest import Cli, Crd

TOTAL = 2 * EACH
BROKEN = refuse(500, message="etcd is lost")


@pytest.fixture
def ground(plane: ControlPlane, crd: Crd, tmp_path: Path) -> Iterator[Ground]:
    with Ground.prepared(plane, crd, tmp_path) as prepared:
        yield prepared


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return impatient.environment(tmp_path)


class _Once:
    """Every request from when this is so."""

    def __init__(self, proxy: FaultProxy, writes: int) -> None:
        self._proxy, self._writes = proxy, writes

    def __contains__(self, _nth: object) -> bool:
        return len(self._proxy.writes) >= self._writes


def _break(proxy: FaultProxy, nth: Container[int] = ALWAYS) -> None:
    proxy.when("*", "", BROKEN, nth=nth)


# ---- restore


@pytest.mark.parametrize(("written", "code"), [(11, 3), (1, 5)], ids=["in the middle", "at the first write"])
def test_restore(ground: Ground, env: dict[str, str], written: int, code: int) -> None:
    _break(ground.proxy, _Once(ground.proxy, written))
    done = ground.cli.run("restore", "saved", "--yes", "-q", "-o", "wide", "--parallel", "2", env=env)
    there = ground.live().keys()
    assert done.returncode == code, (done.stdout, done.stderr)
    assert undone(done.stdout) == ground.wanted.keys() - there
    assert len(there) == written - 1
    assert done.stdout.count("not tried") > TOTAL / 2, done.stdout
    tried = {each.key for each in ground.proxy.writes}
    assert len(tried) < TOTAL / 2, "each object was sent all the same"
    ground.proxy.behave()
    assert ground.restore().returncode == 0
    ground.assert_whole()


@pytest.mark.parametrize("existing", ["update", "replace", "recreate"])
def test_restore_onto_others(ground: Ground, env: dict[str, str], existing: str) -> None:
    ground.fill(different=True)
    _break(ground.proxy, _Once(ground.proxy, 5))
    done = ground.cli.run("restore", "saved", "--yes", "-q", "-o", "wide", "--parallel", "2", "--existing", existing, env=env)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stdout.count("not tried") > TOTAL / 2, done.stdout
    ground.proxy.behave()
    again = ground.restore("--existing", existing)
    assert again.returncode == 0, (again.stdout, again.stderr)
    if existing != "update":  # which leaves what only the live ones have
        ground.assert_whole()


def test_verify_against_the_cluster(ground: Ground, env: dict[str, str]) -> None:
    ground.proxy.when("POST", r"/lrs\?.*dryRun", Act(), nth=range(1, 11))
    ground.proxy.when("*", "", BROKEN, nth=_Tried(ground.proxy))
    done = ground.cli.run("verify", "saved", "--against-cluster", "--parallel", "2", "-o", "wide", env=env)
    assert done.returncode in (4, 5), (done.stdout, done.stderr)
    assert len([each for each in ground.proxy.log if "dryRun" in each.query]) < TOTAL


class _Tried:
    """Every request after some trials."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    def __contains__(self, _nth: object) -> bool:
        return sum("dryRun" in each.query for each in list(self._proxy.log)) > 10


# ---- reading


@pytest.mark.parametrize("words", [("backup", "-A"), ("diff", "saved"), ("check", "-A")], ids=lambda words: words[0])
def test_what_only_reads(ground: Ground, env: dict[str, str], words: tuple[str, ...]) -> None:
    ground.fill(different=False)
    ground.proxy.when("GET", LIST, BROKEN, nth=ALWAYS)
    ground.proxy.when("*", "", BROKEN, nth=_Listed(ground.proxy))
    done = ground.cli.run(*words, env=env)
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert "etcd is lost" in done.stdout + done.stderr
    assert not list(ground.cli.directory.glob("lrs_backup_*")), "there is no backup"


class _Listed:
    """Every request from the first list of LRS on."""

    def __init__(self, proxy: FaultProxy) -> None:
        self._proxy = proxy

    def __contains__(self, _nth: object) -> bool:
        return any(re.search(LIST, each.url) for each in list(self._proxy.log))


# ---- sessions


def test_clean_spark(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path, env: dict[str, str]) -> None:
    many = 60
    start(plane, crd, namespace, many)
    with FaultProxy(plane) as proxy:
        through = Cli(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"), cli.directory)
        _break(proxy, _Once(proxy, 7))
        done = through.run("clean-spark", "-n", namespace, "--yes", "--parallel", "2", env=env)
        assert done.returncode == 3, (done.stdout, done.stderr)
        assert counts(done.stdout)["not tried"] > many / 2, done.stdout
        assert len({each.key for each in proxy.writes}) < many / 2
    assert len(live(plane, crd, namespace)) == many - 6


# ---- the application


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with new_place(tmp_path) as made:
        yield made


@pytest.mark.parametrize(("status", "changed", "code"), [(502, 5, 3), (503, 0, 5)], ids=["in the middle", "at the first change"])
def test_deactivate(
    place: Place, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, status: int, changed: int, code: int
) -> None:
    """Each was waited for by itself: a thousand of them took an hour."""
    many = 40
    for number in range(many):
        place.api.add(number, ORGANISATION)
    answer, broken = place.api.answer, Answer(status, {"message": "the database is lost"})

    def answered(method: str, *arguments: object) -> Answer:
        if method == "PATCH" and len(place.api.changes) >= changed:
            monkeypatch.setattr(place.api, "answer", lambda *_: broken)
            return broken
        return answer(method, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(place.api, "answer", answered)
    rows = place.report("deactivate", "--yes", "--parallel", "2", "--timeout", "20s", code=code, env={**place.env, **env})
    results = [each["result"] for each in rows.values()]
    assert results.count("not tried") > many / 2, results
    assert len({each.path for each in place.api.sent("PATCH")}) < many / 2
    assert {each["message"] for each in rows.values() if each["result"] == "not tried"} == {
        f"{place.api.url}/api/v2 gives nothing but failures"
    }
    monkeypatch.setattr(place.api, "answer", answer)
    rows = place.report("deactivate", "--yes")
    assert set(place.api.statuses().values()) == {"inactive"}
    assert place.journal()["state"] != "done"
    place.report("activate")
    assert set(place.api.statuses().values()) == {"active"}, "all of what was taken down, and nothing is forgotten"


@pytest.mark.parametrize(
    "status", [502, pytest.param(500, marks=pytest.mark.campaign), pytest.param(503, marks=pytest.mark.campaign)]
)
def test_one_deployment_that_always_fails_is_not_the_application(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """One worker asks for nothing else meanwhile; without any patience its failures are all that there is."""
    for number in range(3):
        place.api.add(number, ORGANISATION, latency=0.0)
    (tmp_path / "hasty").mkdir()
    hasty = impatient.environment(tmp_path / "hasty", patience=0.0)
    answer, bad = place.api.answer, f"/deployments/{identifier(0)}/"

    def answered(method: str, path: str, *arguments: object) -> Answer:
        return Answer(status, {"message": "not this one"}) if bad in path else answer(method, path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(place.api, "answer", answered)
    words = ("deactivate", "--yes", "--parallel", "1", "--timeout", "2s")
    rows = place.report(*words, code=3, env={**place.env, **hasty})
    results = {key: each["result"] for key, each in rows.items()}
    assert sorted(results.values())[:2] == ["deactivated", "deactivated"], results
    assert "not tried" not in results.values()
