"""The command for each kind of finding of `check`, with the names of what was found; nothing where no command of ours helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kubectl_lrs.commands import again
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.consistency import Found
from kubectl_lrs.usecases.check import CheckReport

MOST = 10
"""Things that one command names; of more, the first ones."""

Words = Callable[[str, Sequence[str]], Sequence[str]]
"""(backup, names of what was found) → the words of a command."""


def _collection(name: str) -> Words:
    return lambda backup, _names: ("restore", backup, "--tier", "mongo", "--mongo-collection", name)


DO: Mapping[str, Words] = {
    "no-lrs-at-all": lambda backup, _names: ("restore", backup, "--dry-run"),
    "application-without-document": _collection("longrunningservices"),
    "application-not-in-database": _collection("custom_applications"),
    "document-without-application": _collection("custom_applications"),
    "object-without-document": _collection("longrunningservices"),
    "running-without-object": lambda backup, names: ("restore", *names, "--from", backup),
    "image-missing": lambda backup, _names: ("restore", backup, "--tier", "images"),
    "file-missing": lambda backup, _names: ("restore", backup, "--tier", "files"),
    "stale-spark": lambda _backup, _names: ("clean-spark", "--older-than", "24h"),
}
"""By the code of the rule."""


def commands(given: Given, report: CheckReport) -> dict[str, str]:
    """Code of a rule that was broken → the command that puts it right."""
    names: dict[str, list[str]] = {}
    for each in report.examination.findings:
        names.setdefault(each.rule.code, []).append(_name(each))
    backup = report.backup or "latest"
    return {
        code: again.other(given, *DO[code](backup, list(dict.fromkeys(found))[:MOST]))
        for code, found in names.items()
        if code in DO
    }


def _name(found: Found) -> str:
    """The id of the application, or what an object is called without its kind."""
    return found.application or found.object.partition("/")[2]
