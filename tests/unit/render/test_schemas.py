"""Every kind has a schema, and every answer of a command a kind. contract/test_schemas.py shows that each is a schema."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kubectl_lrs
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.render import output
from kubectl_lrs.render.documents import API_VERSION, ITEMS, document, error
from kubectl_lrs.render.failed import show_error
from kubectl_lrs.render.schemas import KINDS, acts, backups, runs
from tests.builders import documents

PACKAGE = Path(kubectl_lrs.__file__).parent


def test_every_kind_has_items_and_a_schema() -> None:
    assert ITEMS.keys() == KINDS.keys()


def test_each_kind_is_described_once() -> None:
    assert sorted([*acts.KINDS, *backups.KINDS, *runs.KINDS]) == list(KINDS)


def test_every_answer_of_a_command_is_of_a_kind() -> None:
    """Whatever is put together for programs names its kind, which has a schema."""
    named = {"Error"}
    for path, text in ((path, path.read_text()) for path in PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(text)) if "View(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "View":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                data = given.get("data", node.args[0] if node.args else None)
                if isinstance(data, ast.Constant) or path.name == "failed.py":
                    continue
                assert "kind" in given, f"{path}: {node.lineno}"
                named.add(ast.literal_eval(given["kind"]))
    assert named <= KINDS.keys()
    assert len(named) > 10


def test_an_error_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    output.forget()
    output.say("error: it is not there")
    output.say("error: nor that")
    output.say("hint: look elsewhere")
    assert not output.is_answered()
    show_error(ExitCode.USAGE, "json")
    made = documents.check(capsys.readouterr().out)
    assert (made["message"], made["hint"]) == ("it is not there; nor that", "look elsewhere")
    assert (made["reason"], made["exitStatus"]) == ("Usage", 2)
    assert output.is_answered()
    output.forget()


def test_a_field_too_many_or_too_few_is_noticed() -> None:
    made = error("m", hint="", reason="Failed", status=1)
    for wrong in ({**made, "more": 1}, {name: value for name, value in made.items() if name != "hint"}):
        assert list(documents._strict("Error").iter_errors(wrong))


def test_a_version_of_what_is_printed() -> None:
    """A file that says what it is, such as a journal, is still an answer of this version."""
    data = {"kind": "lrs-deactivation", "apiVersion": "x", "deployments": []}
    assert document("DeploymentJournal", data) == {
        "apiVersion": API_VERSION,
        "kind": "DeploymentJournal",
        "deployments": [],
        "items": [],
    }
