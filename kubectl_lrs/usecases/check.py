"""Check: do applications, LRS, documents, images, files and deployments agree, in a cluster or in a backup?

Every store is looked at as far as it can be had; what cannot be is said to be unchecked. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from typing import TypeVar

from kubectl_lrs.consistency import (
    Application,
    Deployed,
    Examination,
    ImageAt,
    Inventory,
    Part,
    Unchecked,
    examine,
    known,
)
from kubectl_lrs.model.errors import ExitCode, LrsError, UnreachableError, UsageError
from kubectl_lrs.model.notes import Remark
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.deployments.inventory import Deployment
from kubectl_lrs.stores.images.find import Found
from kubectl_lrs.usecases.scan import Scan

T = TypeVar("T")

APPLICATION_FLAG = "--mongo, or the application's URL and token"
MONGO_FLAG = "--mongo, --mongo-uri-file FILE or LRS_MONGO_URI"
API_FLAG = "--url URL and --org-token-file FILE, or LRS_DATAROBOT_URL and LRS_DATAROBOT_API_TOKEN"
IMAGES_FLAG = "--images"
FILES_FLAG = "--files-url URL, or LRS_FILES_URL"


@dataclass(kw_only=True)
class CheckReport:
    """What was looked at, and what was found. `backup`: its name, empty for the cluster. It owns the exit code."""

    target: str
    scope: str
    backup: str = ""
    instant: datetime
    examination: Examination
    counts: dict[str, int | None]
    applications: Sequence[Application] = ()
    notes: list[Remark] = field(default_factory=list)
    context: str = ""

    @property
    def title(self) -> str:
        """The backup, or the cluster by context and URL."""
        cluster = f"{self.context} ({self.target})" if self.context else self.target
        return f"backup {self.backup}" if self.backup else cluster

    def exit_code(self) -> ExitCode:
        """4 where there is an error among the findings."""
        return self.examination.exit_code()


def report_of(
    inventory: Inventory,
    *,
    target: str,
    context: str = "",
    backup: str,
    instant: datetime,
    only: Collection[str],
    notes: Iterable[Remark],
) -> CheckReport:
    """Hold the inventory against the rules; `only`: ids or names of applications, all where it is empty."""
    selected = selected_applications(inventory.applications, only)
    examination = examine(inventory)
    return CheckReport(
        target=target,
        context=context,
        scope=inventory.scope,
        backup=backup,
        instant=instant,
        examination=examination.of([each.id for each in selected]) if only else examination,
        counts=_counts(inventory),
        applications=selected,
        notes=list(notes),
    )


def selected_applications(part: Part[Application], only: Collection[str]) -> Sequence[Application]:
    """The applications that are meant. UsageError where one of them is not known; UnreachableError where what was asked for
    them cannot be had."""
    if not only:
        return known(part)
    if isinstance(part, Unchecked):
        why = f"nothing tells which applications there are: {part.why}"
        raise UnreachableError(why) if part.failed else UsageError(why, hint=f"give {part.flag}")
    selected: dict[str, Application] = {}
    for word in only:
        found = [each for each in part if word.lower() == each.id] or [each for each in part if word == each.name]
        if len(found) > 1:
            ids = ", ".join(sorted(each.id for each in found))
            raise UsageError(f"{len(found)} applications are called {word!r}: {ids}", hint="give the id of the one")
        if not found:
            names = [name for each in part for name in (each.name, each.id) if name]
            near = get_close_matches(word, names, n=3, cutoff=0.5)
            raise UsageError(
                f"application {word!r} is not known", hint=f"did you mean {', '.join(near)}?" if near else "give its id or name"
            )
        selected |= {each.id: each for each in found}
    return list(selected.values())


def _counts(inventory: Inventory) -> dict[str, int | None]:
    """How many of each were looked at, None where they were not."""
    parts = ("applications", "documents", "objects", "deployments", "images", "files", "keys")
    found: dict[str, int | None] = {}
    for part in parts:
        value = getattr(inventory, part)
        found[part] = None if isinstance(value, Unchecked) else inventory.counts.get(part, len(value))
    return found


# ---- what live and saved have in common


def attempt(what: Callable[[], T], flag: str) -> T | Unchecked:
    """What a store gives, or why it gives nothing."""
    try:
        return what()
    except LrsError as error:
        return unavailable(error, flag)


def unavailable(error: LrsError, flag: str) -> Unchecked:
    """A store that was asked for and cannot be had."""
    return Unchecked(f"{error}{f' ({error.hint})' if error.hint else ''}", flag, failed=True)


def deployed(found: Iterable[Deployment]) -> list[Deployed]:
    """What matters here of deployments."""
    return [Deployed(id=each.id, label=each.label, status=each.status, is_custom=each.is_custom) for each in found]


def merged(saved: Part[Application], shown: Part[Application]) -> Part[Application]:
    """The applications of the database with what the API shows of them; those that only the API lists besides."""
    if isinstance(saved, Unchecked):
        if isinstance(shown, Unchecked):
            return Unchecked(f"{saved.why}; {shown.why}", APPLICATION_FLAG, saved.failed or shown.failed)
        return shown
    found = {each.id: each for each in saved}
    for each in known(shown):
        known_as = found.get(each.id)
        found[each.id] = replace(each, in_database=known_as is not None, name=each.name or (known_as.name if known_as else ""))
    return list(found.values())


def image_at(scan: Scan, found: Found, reference: Reference, *, is_missing: bool, problem: str = "") -> ImageAt:
    """An image with every LRS and document that names it: any of them may be the one that tells whose it is."""
    image = found.images.get(reference)
    places = tuple(scan.place(each.store, each.id, each.field) for each in image.owners.values()) if image else ()
    return ImageAt(reference=str(reference), is_missing=is_missing, problem=problem, places=places)


def scope_of(namespace: str | None) -> str:
    """Where LRS were looked for."""
    return f"namespace {namespace}" if namespace is not None else "all namespaces"
