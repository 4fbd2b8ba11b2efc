"""`clean-spark` as a user who has exactly the Role that `docs/rights.md` gives it, and with each single right taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.bed.operator import deploy_operator
from tests.builders.sparked import are_going, counts, live, start
from tests.builders.time_is_up import TimeIsUp
from tests.conftest import Cli, Crd
from tests.rights.test_rights import ROLES, User, _without

HOLD = ["example.com/hold"]


@pytest.fixture
def user(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> Iterator[User]:
    """Somebody without any right, in a namespace with three sessions."""
    start(plane, crd, namespace, 3)
    made = User(plane, namespace, tmp_path)
    yield made
    made.revoke()


def test_with_exactly_its_role(plane: ControlPlane, crd: Crd, namespace: str, user: User) -> None:
    user.grant(ROLES["lrs-clean-spark"])
    everywhere = user.cli.run("clean-spark", "-A", "--yes")
    assert everywhere.returncode == 5
    assert 'cannot list resource "lrs"' in everywhere.stderr
    assert "name one namespace with -n" in everywhere.stderr
    assert len(live(plane, crd, namespace)) == 3, "never a silent fallback to one namespace"
    user.cli.ok("clean-spark", "-n", namespace, "--dry-run=server")
    assert counts(user.cli.ok("clean-spark", "-n", namespace, "--yes")) == {"deleted": 3}


def test_everywhere_with_exactly_its_role(plane: ControlPlane, crd: Crd, namespace: str, user: User) -> None:
    user.grant(ROLES["lrs-clean-spark-all"])
    assert counts(user.cli.ok("clean-spark", "-A", "--yes"))["deleted"] >= 3
    assert live(plane, crd, namespace) == {}


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_missing_right_is_named_and_nothing_is_deleted(
    plane: ControlPlane, crd: Crd, namespace: str, user: User, verb: str
) -> None:
    role = ROLES["lrs-clean-spark"]
    user.grant(_without(role, role["rules"][0], verb))
    for flags in (("--yes",), ("--yes", "--dry-run=server")):
        done = user.cli.run("clean-spark", "-n", namespace, *flags)
        assert done.returncode == 5, done.stdout
        assert verb in done.stderr
        assert "lrs" in done.stderr
    assert len(live(plane, crd, namespace)) == 3


def test_a_look_needs_list_alone_and_tells_what_the_rest_needs(namespace: str, user: User) -> None:
    user.grant(ROLES["lrs-backup"])
    done = user.cli.run("clean-spark", "-n", namespace, "--dry-run=client")
    assert done.returncode == 5
    assert f"error: you may not delete lrs.lrs.datarobot.com in namespace {namespace}" in done.stderr
    assert done.stdout.count("spark-") == 3


def test_cause_that_may_not_be_looked_up_is_said(
    plane: ControlPlane, crd: Crd, namespace: str, user: User, tmp_path: Path
) -> None:
    deploy_operator(plane, namespace, replicas=0)
    user.grant(ROLES["lrs-clean-spark"])
    user.cli.ok("clean-spark", "-n", namespace, "--yes")
    start(plane, crd, namespace, 1, finalizers=HOLD)
    done = TimeIsUp(tmp_path).run(
        user.cli, "clean-spark", "-n", namespace, "--yes", when=lambda: are_going(plane, crd, namespace, 1)
    )
    assert done.returncode == 3
    assert "held by example.com/hold" in done.stdout
    assert "could not be looked up" in done.stderr
    assert 'cannot list resource "deployments"' in done.stderr
