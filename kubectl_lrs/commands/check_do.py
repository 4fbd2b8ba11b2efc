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

OF_AN_APPLICATION = frozenset(
    ("application-without-document", "application-not-in-database", "running-without-object", "image-missing", "file-missing")
)
"""What all of one application brings back, where it is one that lacks it."""


def commands(given: Given, report: CheckReport) -> dict[str, str]:
    """Code of a rule that was broken → the command that puts it right."""
    found: dict[str, list[Found]] = {}
    for each in report.examination.findings:
        found.setdefault(each.rule.code, []).append(each)
    return {code: again.other(given, *_words(code, of_rule, report.backup)) for code, of_rule in found.items() if code in DO}


def _words(code: str, found: Sequence[Found], backup: str) -> Sequence[str]:
    owners = {each.application for each in found}
    if code in OF_AN_APPLICATION and len(owners) == 1 and (owner := next(iter(owners))):
        return ("restore", *([backup] if backup else []), "--app", owner)
    return DO[code](backup or "latest", list(dict.fromkeys(map(_name, found)))[:MOST])


def _name(found: Found) -> str:
    """The id of the application, or what an object is called without its kind."""
    return found.application or found.object.partition("/")[2]
