"""What is acknowledged is not printed any more, and nothing else is kept back with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from kubectl_lrs.consistency import RULES, Found, Rule
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.render import output, restore
from kubectl_lrs.render.check import is_known
from kubectl_lrs.render.notes import known_notes, require_notes
from kubectl_lrs.render.progress import progress
from kubectl_lrs.render.restore import finding_data, finding_lines
from kubectl_lrs.render.schemas.parts import FINDING

BY_CODE = {rule.code: rule for rule in RULES}


def _found(code: str, severity: Severity) -> Found:
    return Found(rule=BY_CODE[code], severity=severity, object="kind/name", message="so it is")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    output.forget()
    yield
    output.forget()


def test_no_rule_has_the_id_of_a_note() -> None:
    assert not {note.value for note in Note} & {rule.code for rule in RULES}
    assert {note.value for note in Note} < known_notes().keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rules_that_are_always_errors_cannot_be_acknowledged(rule: Rule) -> None:
    if rule.severity is not Severity.ERROR or rule.may_be_less:
        require_notes([rule.code], where="file")
        return
    with pytest.raises(UsageError, match=f"file: {rule.code} is an error, which cannot be acknowledged"):
        require_notes([rule.code], where="file")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("spark-left-ou", "did you mean spark-left-out?"), ("", "schema notes lists"), ("zzz", "schema notes lists")],
)
def test_an_id_that_is_none(wrong: str, hint: str) -> None:
    with pytest.raises(UsageError, match=r"lrs\.yaml: no note has the id") as caught:
        require_notes(["no-locks", wrong], where="lrs.yaml")
    assert hint in caught.value.hint


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("note", [None, Note.OPERATOR_SEEN, Note.NO_LOCKS])
def test_a_finding_is_kept_back_only_where_it_is_the_one_and_no_error(severity: Severity, note: Note | None) -> None:
    output.acknowledge([Note.NO_LOCKS.value, "stale-spark"])
    lines = list(finding_lines([Finding(severity, "so it is", details=("more",), note=note)]))
    assert bool(lines) is (severity is Severity.ERROR or note is not Note.NO_LOCKS)


@pytest.mark.parametrize("note", [None, Note.OPERATOR_SEEN, Note.NO_LOCKS])
def test_what_is_said_in_between(note: Note | None, capsys: pytest.CaptureFixture[str]) -> None:
    output.acknowledge([Note.NO_LOCKS.value])
    output.remark(Remark("by a remark", note))
    progress(quiet=False).note("by a progress", note)
    progress(quiet=True).note("by a quiet one", note)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (0 if note is Note.NO_LOCKS else 3)
    assert list(output.unknown_yet([Remark("x", note)])) == ([] if note is Note.NO_LOCKS else [Remark("x", note)])


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("code", ["image-missing", "stale-spark"])
def test_a_finding_of_check(severity: Severity, code: str) -> None:
    output.acknowledge([code])
    assert is_known(_found(code, severity)) is (severity is not Severity.ERROR)
    assert not is_known(_found("object-without-id", severity))


@pytest.mark.parametrize("note", [None, Note.OPERATOR_SEEN])
def test_a_finding_is_alike_in_every_document(note: Note | None) -> None:
    """There is one that makes it for programs, and its schema takes it."""
    finding = Finding(Severity.NOTE, "so it is", "do that", details=("one",), note=note)
    assert list(Draft202012Validator(FINDING).iter_errors(finding_data(finding))) == []
    folder = Path(restore.__file__).parent
    texts = {path.name: path.read_text() for path in folder.glob("*.py")}
    assert [name for name, text in texts.items() if '"hint":' in text and '"severity":' in text] == ["restore.py"]
