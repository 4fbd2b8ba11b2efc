"""The rules, as a table, and what holding an inventory against them gives. Pure.

Sources: DataRobot, "Back up long running services": one LRS document and one LRS for each custom application, under its
id; without the document it is "temporarily unavailable".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from kubectl_lrs.consistency.index import Index
from kubectl_lrs.consistency.inventory import Application, Inventory, LostFile, LrsObject, Occurrence, Unchecked, known
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.plan import Severity

SERVING = frozenset(("lrs", "longrunningservices"))
"""The stores whose images are pulled when an application starts."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that breaks a rule. `object`: `kind/name`. `severity` where it is not the rule's own."""

    object: str
    message: str
    application: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What must be so. `title`: what is found where it is not. `needs`: the parts of the inventory that it is told from.

    `may_be_less`: some of its hits are less than its `severity`.
    """

    code: str
    severity: Severity
    title: str
    needs: tuple[str, ...]
    find: Callable[[Index], Iterator[Hit]]
    why: str
    do: str
    may_be_less: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A finding. `application` and `application_name` are empty where it is of none."""

    rule: Rule
    severity: Severity
    object: str
    message: str
    application: str = ""
    application_name: str = ""


@dataclass(frozen=True)
class Gap:
    """A part that is not known, and what was therefore not looked for."""

    part: str
    why: str
    flag: str
    failed: bool
    titles: tuple[str, ...]


@dataclass(kw_only=True)
class Examination:
    """What came out; it owns the exit code."""

    findings: list[Found] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def counts(self) -> Counter[Severity]:
        """How many findings of each severity."""
        return Counter(each.severity for each in self.findings)

    def of(self, applications: Collection[str]) -> Examination:
        """The findings of these applications alone."""
        return Examination(findings=[each for each in self.findings if each.application in applications], gaps=self.gaps)

    def exit_code(self) -> ExitCode:
        """An error among the findings comes first; then what was asked for and could not be looked at."""
        if self.counts()[Severity.ERROR]:
            return ExitCode.DIFFERENCE
        return ExitCode.UNREACHABLE if any(gap.failed for gap in self.gaps) else ExitCode.DONE


def examine(inventory: Inventory) -> Examination:
    """Hold the inventory against every rule whose parts are known; the findings of an application stand together."""
    index = Index(inventory)
    found: list[Found] = []
    for rule in RULES:
        if not any(isinstance(getattr(inventory, part), Unchecked) for part in rule.needs):
            found += [_found(rule, hit, index) for hit in rule.find(index)]
    return Examination(findings=_grouped(found), gaps=[*_gaps(inventory), *_unanswered(inventory)])


def _found(rule: Rule, hit: Hit, index: Index) -> Found:
    application = index.applications.get(hit.application)
    name = application.name if application else ""
    return Found(rule, hit.severity or rule.severity, hit.object, hit.message, hit.application, name)


RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def _grouped(found: list[Found]) -> list[Found]:
    """By application, the one with the worst finding first, what is of none last; in each the worst first."""
    worst: dict[str, int] = defaultdict(lambda: len(RANK))
    for each in found:
        worst[each.application] = min(worst[each.application], RANK[each.severity])
    return sorted(
        found,
        key=lambda each: (not each.application, worst[each.application], each.application, RANK[each.severity], each.object),
    )


def _gaps(inventory: Inventory) -> Iterator[Gap]:
    for part, what in PARTS.items():
        whole, partly = getattr(inventory, part), inventory.partly.get(part)
        titles = tuple(rule.title for rule in RULES if part in rule.needs)
        if isinstance(whole, Unchecked):
            yield Gap(what, whole.why, whole.flag, whole.failed, titles)
        elif partly:
            yield Gap(f"all {what}", partly.why, partly.flag, partly.failed, titles)


def _unanswered(inventory: Inventory) -> Iterator[Gap]:
    """Images of which their registry told nothing, one line for each reason."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for image in known(inventory.images):
        if image.problem:
            reasons[image.problem].append(image.reference)
    for why, references in reasons.items():
        shown = references[0] if len(references) == 1 else f"{len(references)} images, such as {references[0]}"
        yield Gap(shown, why, "", failed=True, titles=("image that the registry does not have",))


PARTS = {
    "objects": "LRS",
    "applications": "applications",
    "documents": "LRS documents",
    "deployments": "deployments",
    "sessions": "Spark sessions",
    "images": "images",
    "files": "files",
    "keys": "encryption keys",
}
"""The parts of an inventory, in words."""


# ---- what is looked for


def _application_without_document(index: Index) -> Iterator[Hit]:
    for each in index.applications.values():
        if each.id not in index.documented and each.in_database is not False:
            yield Hit(f"applications/{each.id}", f"no document of longrunningservices has its id{_shown_as(each)}", each.id)


def _application_not_in_database(index: Index) -> Iterator[Hit]:
    for each in index.applications.values():
        if each.in_database is False:
            yield Hit(f"applications/{each.id}", "the API lists it, and custom_applications does not hold it", each.id)


LISTED = 5
"""Namespaces that are named."""


def _none_there(index: Index) -> Iterator[Hit]:
    """One finding in place of one for each application: most likely it was looked in the wrong place."""
    none = index.inventory.none_there
    if none is None:
        return
    running = sum(each.is_running for each in index.applications.values())
    active = sum(each.is_custom and each.status == "active" for each in index.deployments.values())
    if not (running or active or none.elsewhere):
        return
    context = "" if none.is_named else " (the context's; -n names another)"
    most = sorted(none.elsewhere.items(), key=lambda each: (-each[1], each[0]))[:LISTED]
    there = f"there are LRS in: {', '.join(f'{name} ({count})' for name, count in most)}" if most else "none was found elsewhere"
    yield Hit(
        f"scope/{index.inventory.scope}",
        f"no LRS in {index.inventory.scope}{context}; {there}; {running} applications are shown as running, "
        f"{active} deployments as active",
        severity=Severity.ERROR if running or active else Severity.WARNING,
    )


def _running_without_object(index: Index) -> Iterator[Hit]:
    if index.inventory.none_there:
        return
    for each in index.applications.values():
        there = index.of_application(each)
        if each.is_running and all(lrs.is_going for lrs in there):
            going = f"; {there[0].key} is being deleted" if there else ""
            yield Hit(f"applications/{each.id}", f"no LRS in {index.inventory.scope} has its id{_shown_as(each)}{going}", each.id)


def _object_not_ready(index: Index) -> Iterator[Hit]:
    for each in index.applications.values():
        there = [lrs for lrs in index.of_application(each) if not lrs.is_going]
        if each.is_running and there and all(_is_unready(lrs) for lrs in there):
            yield Hit(f"lrs/{there[0].key}", f"it says {there[0].state}{_shown_as(each)}", each.id)


def _is_unready(lrs: LrsObject) -> bool:
    return lrs.state.startswith(("Ready=", "Available="))


def _shown_as(application: Application) -> str:
    return f"; the application is shown as {application.status}" if application.status else ""


def _document_without_application(index: Index) -> Iterator[Hit]:
    for each in index.documents:
        if not index.has_owner(each):
            yield Hit(f"longrunningservices/{each.id}", "no application has its id")


def _object_without_document(index: Index) -> Iterator[Hit]:
    for each in index.of_no_published_type():
        if each.ids and not each.ids & index.covered:
            owners = index.owners(each.ids)
            yield Hit(
                f"lrs/{each.key}",
                f"no document of longrunningservices has an id that stands in it (type {each.type})",
                owners[0] if owners else "",
            )


def _object_without_id(index: Index) -> Iterator[Hit]:
    """One for each type: short-lived ones can be many."""
    nameless: dict[str, list[LrsObject]] = defaultdict(list)
    for each in index.of_no_published_type():
        if not each.ids:
            nameless[each.type].append(each)
    for kind, objects in sorted(nameless.items()):
        more = f", like {len(objects) - 1} more" if len(objects) > 1 else ""
        yield Hit(f"lrs/{objects[0].key}", f"of type {kind}; no id stands in it{more}")


def _image_missing(index: Index) -> Iterator[Hit]:
    for image in known(index.inventory.images):
        if not image.is_missing:
            continue
        for owner, places in _by_owner(image.places, index).items():
            is_serving = any(place.store in SERVING for place in places)
            named = f"named by {places[0]}{f' and {len(places) - 1} more' if len(places) > 1 else ''}" if places else "asked for"
            yield Hit(
                f"images/{image.reference}",
                f"its registry does not have it; {named}",
                owner,
                None if is_serving or not places else Severity.WARNING,
            )


def _by_owner(places: Iterable[Occurrence], index: Index) -> dict[str, list[Occurrence]]:
    """The places of each application; of nobody, under an empty id, only where none of them is an application's."""
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for place in places:
        for owner in index.owners(place.ids) or [""]:
            found[owner].append(place)
    owned = {owner: found[owner] for owner in sorted(found) if owner}
    return owned or {"": found[""]}


def _file_missing(index: Index) -> Iterator[Hit]:
    for file in known(index.inventory.files):
        if not file.problem:
            yield _of_file(index, file, "the storage does not have it")


def _file_not_taken(index: Index) -> Iterator[Hit]:
    for file in known(index.inventory.files):
        if file.problem:
            yield _of_file(index, file, file.problem)


def _of_file(index: Index, file: LostFile, what: str) -> Hit:
    owners = index.owners(file.place.ids)
    named = f"; named by {file.place}" if str(file.place) else ""
    return Hit(f"files/{file.path}", f"{what}{named}", owners[0] if owners else "")


def _keys_changed(index: Index) -> Iterator[Hit]:
    for keys in known(index.inventory.keys):
        if keys.changed:
            yield Hit(f"secrets/{keys.secret}", f"{keys.changed} (held against backup {keys.backup})")


def _stale_spark(index: Index) -> Iterator[Hit]:
    for each in known(index.inventory.sessions):
        yield Hit(
            f"lrs/{each.namespace}/{each.name}", f"a Spark session {each.age} old; {index.inventory.stale_after} is the limit"
        )


def _deployment_without_lrs(index: Index) -> Iterator[Hit]:
    if index.inventory.none_there:
        return
    for each in index.deployments.values():
        there = index.of_deployment(each)
        if each.is_custom and each.status == "active" and all(lrs.is_going for lrs in there):
            going = f"; {there[0].key} is being deleted" if there else ""
            yield Hit(
                f"deployments/{each.id}", f"{each.label!r} is active, and no LRS in {index.inventory.scope} has its id{going}"
            )


def _lrs_of_inactive_deployment(index: Index) -> Iterator[Hit]:
    for lrs in index.serving():
        owners = [index.deployments[each] for each in sorted(lrs.ids) if each in index.deployments]
        if owners and all(each.status == "inactive" for each in owners):
            yield Hit(f"lrs/{lrs.key}", f"its deployment {owners[0].label!r} ({owners[0].id}) is inactive")


def _lrs_of_unknown_deployment(index: Index) -> Iterator[Hit]:
    for lrs in index.serving():
        if not lrs.ids & index.deployments.keys():
            yield Hit(f"lrs/{lrs.key}", "no deployment that the tokens see has an id that stands in it")


RULES: tuple[Rule, ...] = (
    Rule(
        code="no-lrs-at-all",
        severity=Severity.ERROR,
        title="no LRS at all where they were looked for",
        needs=("objects",),
        find=_none_there,
        why="Either it is the wrong namespace, and nothing is said of the right one; or all LRS are gone, and nothing runs.",
        do="Name the namespace of the LRS with -n (-A: all). If it is the right one, restore a backup of it.",
        may_be_less=True,
    ),
    Rule(
        code="application-without-document",
        severity=Severity.ERROR,
        title="application without LRS document",
        needs=("applications", "documents"),
        find=_application_without_document,
        why='The document holds how the application runs in Kubernetes. Without it its users read "The application is '
        'temporarily unavailable", whatever its status says.',
        do="Restore the application: restore --app NAME brings back all that it lacks. Where many lack it, restore the "
        "collection: restore BACKUP --tier mongo --mongo-collection longrunningservices; then their LRS.",
    ),
    Rule(
        code="application-not-in-database",
        severity=Severity.ERROR,
        title="application that the API lists and the database does not hold",
        needs=("applications", "documents"),
        find=_application_not_in_database,
        why="API and database are not of the same installation, or documents were lost: nothing else that is said of this "
        "database can be relied on.",
        do="Make sure that --mongo-uri-file (or --context) and the application's URL are of one installation, and that "
        "--mongo-db is its database; else restore custom_applications.",
    ),
    Rule(
        code="running-without-object",
        severity=Severity.ERROR,
        title="application shown as running without an LRS",
        needs=("applications", "objects"),
        find=_running_without_object,
        why="Nothing runs in the cluster for it: it is shown as running and is dead.",
        do="Restore its LRS: restore NAME from the newest backup that holds it; where LRS are in other namespaces too, look "
        "at all of them with -A first.",
    ),
    Rule(
        code="object-not-ready",
        severity=Severity.WARNING,
        title="application shown as running whose LRS is not ready",
        needs=("applications", "objects"),
        find=_object_not_ready,
        why="Its users wait, or read that it is unavailable, as long as its LRS does not become ready.",
        do="Look at the LRS, its pods and their events with kubectl describe; an image that cannot be pulled is the most common "
        "reason.",
    ),
    Rule(
        code="document-without-application",
        severity=Severity.WARNING,
        title="LRS document without application",
        needs=("applications", "documents"),
        find=_document_without_application,
        why="Nobody can open what it describes; it is left over from an application that was deleted, or the application's own "
        "document was lost.",
        do="If the application should be there, restore custom_applications from a backup that holds it; else it does no harm.",
    ),
    Rule(
        code="object-without-document",
        severity=Severity.WARNING,
        title="LRS without LRS document",
        needs=("objects", "documents"),
        find=_object_without_document,
        why="What runs is not known to the application and will not be looked after by it. Custom tasks leave such LRS for a "
        "while; one of an application means that its document was lost.",
        do="If an application should have it, restore longrunningservices; if it is old and nobody's, delete it.",
    ),
    Rule(
        code="object-without-id",
        severity=Severity.NOTE,
        title="LRS of which nothing tells whose it is",
        needs=("objects",),
        find=_object_without_id,
        why="Its type is not a published one and no id stands in it, so it can be held against nothing.",
        do="Nothing, if you know what it is.",
    ),
    Rule(
        code="image-missing",
        severity=Severity.ERROR,
        title="image that the registry does not have",
        needs=("images",),
        find=_image_missing,
        why="What runs now goes on, but cannot start again on another node, after an upgrade or a restore.",
        do="Restore the images from a backup that holds copies (restore BACKUP --tier images), or build the image again; an "
        "image that only older versions name is a warning.",
        may_be_less=True,
    ),
    Rule(
        code="file-missing",
        severity=Severity.ERROR,
        title="file that the storage does not have",
        needs=("files",),
        find=_file_missing,
        why="Sources that cannot be edited any more, or what users stored in the application, are lost here.",
        do="Restore the files from a backup that holds them: restore BACKUP --tier files.",
    ),
    Rule(
        code="file-not-in-backup",
        severity=Severity.ERROR,
        title="file that the backup does not hold",
        needs=("files",),
        find=_file_not_taken,
        why="The storage may have had it, but it could not be read, or not as of one moment: it cannot be restored from here.",
        do="See whether it can be read and stands still, and make another backup.",
    ),
    Rule(
        code="keys-changed",
        severity=Severity.ERROR,
        title="encryption keys changed since the backup",
        needs=("keys",),
        find=_keys_changed,
        why="What is encrypted in the backup's collections cannot be read with these keys, nor, it may be, what is in the "
        "database now.",
        do="Restore the Secret from where it is kept, before anything else. If the change was meant, take a new backup now.",
    ),
    Rule(
        code="stale-spark",
        severity=Severity.WARNING,
        title="stale Spark session",
        needs=("sessions",),
        find=_stale_spark,
        why="It holds memory and processors, and an application that was restored may connect to it.",
        do="Delete it while the operator runs: clean-spark --older-than 24h.",
    ),
    Rule(
        code="deployment-without-lrs",
        severity=Severity.ERROR,
        title="active deployment without LRS",
        needs=("deployments", "objects"),
        find=_deployment_without_lrs,
        why="It is shown as active, and nothing in the cluster serves its predictions.",
        do="Restore its LRS from a backup, or deactivate and activate it; never both.",
    ),
    Rule(
        code="lrs-of-inactive-deployment",
        severity=Severity.WARNING,
        title="LRS of an inactive deployment",
        needs=("deployments", "objects"),
        find=_lrs_of_inactive_deployment,
        why="When the deployment is activated, the LRS has two owners.",
        do="If the deployment is to serve, activate it and delete this LRS before; else delete it.",
    ),
    Rule(
        code="lrs-of-unknown-deployment",
        severity=Severity.WARNING,
        title="LRS of a deployment that is not known",
        needs=("deployments", "objects"),
        find=_lrs_of_unknown_deployment,
        why="Its deployment was deleted, or is of an organisation whose token was not given.",
        do="Give a token of every organisation with --org-token-file; if nobody knows the deployment, delete the LRS.",
    ),
)
"""Every rule. A rule whose parts are not all known is not asked; its title is then said to be unchecked."""
