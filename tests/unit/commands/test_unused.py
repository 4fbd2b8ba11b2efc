"""The table of flags that say nothing beside others; each is tried as a command in `tests/commands/test_every_input.py`."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.commands.unused import RULES, refuse, require_effects, without_cluster
from kubectl_lrs.model.errors import UsageError

VALUES: dict[str, Any] = {"--clean-spark": False, "--deployments": None, "--yes": True}


def _value(**other: Any) -> Any:
    values = VALUES | {f"--{name.replace('_', '-')}": value for name, value in other.items()}
    return values.__getitem__


def test_a_flag_that_says_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="--yes says nothing without --clean-spark"):
        require_effects("backup", ["--yes"], _value())
    require_effects("backup", ["--yes"], _value(clean_spark=True))
    require_effects("backup", [], _value())


def test_several_are_named_at_once() -> None:
    with pytest.raises(UsageError, match="--url, --auth-scheme say nothing with --no-deployments"):
        require_effects("backup", ["--url", "--auth-scheme"], _value(deployments=False))
    refuse([], "at all")


def test_a_verb_without_rules_takes_what_it_has() -> None:
    assert "list" not in RULES
    require_effects("list", ["--output"], _value())


@pytest.mark.parametrize(
    ("word", "named"),
    [("place", "s3://b/x"), ("backup", "s3://velero/backups/x"), ("--from", "s3://v/x"), ("source", ("s3://v/x",))],
)
def test_how_a_storage_is_reached_is_about_what_the_call_names(word: str, named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRS_BACKUP_DIR", raising=False)
    for said in (named, "latest", ("latest",), None):
        values = {"--backup-dir": "", "--backup-endpoint": "https://h", word: said}
        call = (["--backup-endpoint", word], values.__getitem__)
        if said == named:
            require_effects("show", *call)
        else:
            with pytest.raises(UsageError, match="--backup-endpoint says nothing with backups on a path"):
                require_effects("show", *call)


def test_verbs_without_a_cluster() -> None:
    assert without_cluster("backup", _value()) is None
    assert without_cluster("version", _value()) is None
    assert without_cluster("list", _value()) is not None
    assert without_cluster("verify", _value(against_cluster=True)) is None
    assert without_cluster("verify", _value(against_cluster=False)) is not None
