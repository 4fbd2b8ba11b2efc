"""What puts findings right, as commands: each rule that is in the table, with the names of what was found."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.commands import check_do
from kubectl_lrs.commands.check_do import DO, MOST, commands
from kubectl_lrs.consistency import RULES


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_do.again, "other", lambda _given, *words: shlex.join(words))


def _report(*found: tuple[str, str, str], backup: str = "") -> Any:
    rules = {rule.code: rule for rule in RULES}
    made = [SimpleNamespace(rule=rules[code], object=thing, application=application) for code, thing, application in found]
    return SimpleNamespace(backup=backup, examination=SimpleNamespace(findings=made))


def test_every_rule_of_the_table_is_one() -> None:
    assert set(DO) <= {rule.code for rule in RULES}


def test_the_names_of_what_was_found() -> None:
    found = [("running-without-object", f"applications/{number}", str(number)) for number in (1, 2, 2)]
    said = commands(None, _report(*found, ("image-missing", "images/x", ""), ("keys-changed", "secrets/a/b", "")))  # type: ignore[arg-type]
    assert said == {
        "running-without-object": "restore 1 2 --from latest",
        "image-missing": "restore latest --tier images",
    }
    one = [("image-missing", "images/x", "1"), ("image-missing", "images/y", "1"), ("stale-spark", "lrs/a/b", "1")]
    assert commands(None, _report(*one)) == {  # type: ignore[arg-type]
        "image-missing": "restore --app 1",
        "stale-spark": "clean-spark --older-than 24h",
    }
    assert commands(None, _report(one[0], backup="b")) == {"image-missing": "restore b --app 1"}  # type: ignore[arg-type]
    many = [("running-without-object", f"applications/{number}", str(number)) for number in range(50)]
    assert len(commands(None, _report(*many, backup="b"))["running-without-object"].split()) == 3 + MOST  # type: ignore[arg-type]
