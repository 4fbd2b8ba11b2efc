"""Commands to copy: what was typed, without what must not be in them."""

from __future__ import annotations

import pytest

from kubectl_lrs import cli
from kubectl_lrs.commands import again
from kubectl_lrs.commands.flags import Given


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `this` and `other` make of each call, in place of doing anything."""
    said: list[str] = []

    def run(given: Given) -> None:
        said.append(again.this(given, without=again.TRIAL))
        said.append(again.other(given, "show", "my backup"))

    monkeypatch.setattr("kubectl_lrs.commands.command.run_of", lambda _name: run)
    return said


@pytest.mark.parametrize(
    ("call", "this", "other"),
    [
        (["restore", "monday", "--dry-run"], "restore monday", "show 'my backup'"),
        (["restore", "monday", "--dry-run=server", "-o", "json"], "restore monday", "show 'my backup'"),
        (["restore", "--dry-run", "client", "monday", "-ojson"], "restore monday", "show 'my backup'"),
        (["restore", "--dry-run", "monday"], "restore monday", "show 'my backup'"),
        (["--context", "prod", "restore", "x"], "--context prod restore x", "show 'my backup' --context prod"),
        (["restore", "x", "--backup-dir=/b c"], "restore x '--backup-dir=/b c'", "show 'my backup' '--backup-dir=/b c'"),
        (["restore", "x", "--token", "s3cret", "--password=s3cret"], "restore x", "show 'my backup'"),
        (["restore", "-n", "a", "x", "--existing=update"], "restore -n a x --existing=update", "show 'my backup'"),
        (["restore", "--", "-x"], "restore -- -x", "show 'my backup'"),
    ],
)
def test_commands(told: list[str], call: list[str], this: str, other: str) -> None:
    assert cli.run(call) == 0
    assert told == [f"kubectl lrs {this}", f"kubectl lrs {other}"]


def test_they_parse_again(told: list[str]) -> None:
    assert cli.run(["restore", "-A", "--type", "a,b", "monday", "--dry-run", "--yes=true"]) == 0
    assert cli.run(told[0].split()[2:]) == 0
    assert told[2] == told[0]
