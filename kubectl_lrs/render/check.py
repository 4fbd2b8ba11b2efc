"""Whether all agrees, as people and programs read it: a table grouped by application, data, names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubectl_lrs.consistency import RULES, Found, Gap
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Severity
from kubectl_lrs.render.grouped import FEW, and_more, grouped
from kubectl_lrs.render.output import is_acknowledged
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.check import CheckReport

COLUMNS = ("APPLICATION", "SEVERITY", "OBJECT", "FINDING")
WIDE = ("WHY IT MATTERS", "WHAT TO DO")

VERDICTS: dict[ExitCode, str] = {
    ExitCode.DONE: "agrees",
    ExitCode.DIFFERENCE: "does NOT agree",
    ExitCode.UNREACHABLE: "cannot be told",
}

WORDS = {
    "applications": "application",
    "documents": "LRS document",
    "objects": "LRS",
    "deployments": "deployment",
    "images": "image",
    "files": "file",
}
"""The parts that are counted."""


def check_view(report: CheckReport, commands: Mapping[str, str] = MappingProxyType({})) -> View:
    """What was found, what it means, what was not looked at, the verdict. `commands`: code of a rule → what puts it right."""
    every = report.examination.findings
    found = [each for each in every if not is_known(each)]
    rows = [(*each, finding) for each, finding in zip(_grouped(every), every, strict=True)]
    return View(
        kind="CheckReport",
        data=_data(report),
        columns=COLUMNS,
        rows=list(_table(found)),
        wide_columns=(*COLUMNS, *WIDE),
        wide_rows=[(*row[:4], row[4].rule.why, row[4].rule.do) for row in rows],
        names=[each.object for each in every],
        after=(
            *(["", *meanings(found, commands)] if found else ()),
            *gap_lines(report.examination.gaps),
            *_known_line(len(every) - len(found)),
            verdict(report),
        ),
    )


def is_known(found: Found) -> bool:
    """Whether it is acknowledged; an error cannot be."""
    return found.severity is not Severity.ERROR and is_acknowledged(found.rule.code)


def _known_line(count: int) -> Iterator[str]:
    if count:
        yield f"acknowledged, and not shown: {count} finding{'' if count == 1 else 's'} (-o wide shows all)"


def _table(found: list[Found]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each; of many that say the same, the first few."""
    if len(found) <= FEW:
        yield from _grouped(found)
        return
    for each, more in grouped(found, lambda each: (each.severity, each.rule.code)):
        yield owner(each), each.severity.value, each.object, f"{each.rule.title}: {each.message}"
        if more:
            yield "", each.severity.value, and_more(more), f"{each.rule.title}"


def _grouped(found: list[Found]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each; the application stands in the first of its rows alone."""
    before: str | None = None
    for each in found:
        shown = owner(each) if each.application != before else ""
        before = each.application
        yield shown, each.severity.value, each.object, f"{each.rule.title}: {each.message}"


def owner(found: Found) -> str:
    """The application of a finding."""
    if not found.application:
        return "<none>"
    return f"{found.application_name} ({found.application})" if found.application_name else found.application


def meanings(found: list[Found], commands: Mapping[str, str]) -> Iterator[str]:
    """Why each kind of finding matters and what to do, once."""
    there = {each.rule.code for each in found}
    for rule in RULES:
        if rule.code in there:
            yield f"{rule.title}: {rule.why}"
            yield f"  do: {rule.do}"
            if command := commands.get(rule.code):
                yield f"    {command}"


def gap_lines(gaps: list[Gap]) -> Iterator[str]:
    """What was not looked at, and how it would be."""
    for gap in gaps:
        flag = f" [{gap.flag}]" if gap.flag else ""
        yield f"{'not checked, though asked for' if gap.failed else 'not checked'}: {gap.part}: {gap.why}{flag}"


def verdict(report: CheckReport) -> str:
    """One line at the end."""
    counts = report.examination.counts()
    said = ", ".join(f"{counts[each]} {each.value}{'' if counts[each] == 1 else 's'}" for each in Severity if counts[each])
    return f"check of {report.title}, {report.scope}: {in_short(report)}: {said or 'nothing found'}; {looked_at(report)}"


def in_short(report: CheckReport) -> str:
    """The verdict, and how far it goes."""
    code = report.exit_code()
    word = "has no errors" if code is ExitCode.DONE and report.examination.findings else VERDICTS[code]
    return f"{word}{' as far as it was looked at' if code is ExitCode.DONE and report.examination.gaps else ''}"


def looked_at(report: CheckReport) -> str:
    """How many of each were held against each other."""
    parts = [f"{report.counts[name]} {word}{_plural(word, report.counts[name])}" for name, word in WORDS.items()]
    return ", ".join(part for part, name in zip(parts, WORDS, strict=True) if report.counts[name] is not None)


def _plural(word: str, count: int | None) -> str:
    return "" if count == 1 or word == "LRS" else "s"


def _data(report: CheckReport) -> dict[str, Any]:
    counts = report.examination.counts()
    return {
        "target": report.target,
        "backup": report.backup or None,
        "scope": report.scope,
        "instant": f"{report.instant:%Y-%m-%dT%H:%M:%SZ}",
        "verdict": in_short(report),
        "counts": {each.value: counts[each] for each in Severity},
        "lookedAt": report.counts,
        "findings": [_finding(each) for each in report.examination.findings],
        "unchecked": [
            {"part": gap.part, "why": gap.why, "flag": gap.flag, "askedFor": gap.failed, "findings": list(gap.titles)}
            for gap in report.examination.gaps
        ],
        "notes": [each.message for each in report.notes],
    }


def _finding(found: Found) -> dict[str, Any]:
    return {
        "code": found.rule.code,
        "severity": found.severity.value,
        "application": found.application or None,
        "applicationName": found.application_name or None,
        "object": found.object,
        "title": found.rule.title,
        "message": found.message,
        "why": found.rule.why,
        "do": found.rule.do,
    }
