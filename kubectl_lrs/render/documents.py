"""What every document for programs has: `apiVersion`, `kind`, and `items` of one shape, whatever the document is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubectl_lrs.model.each import Each

API_VERSION = "kubectl-lrs/v1"
"""Within it fields are only ever added."""

LRS = "resources"
DEPLOYMENTS = "deployments"

Data = Mapping[str, Any]
Item = dict[str, str]


def document(kind: str, data: Data) -> dict[str, Any]:
    """The document of this kind. What the data itself calls its kind is that of a file, and not of the answer."""
    own = {name: value for name, value in data.items() if name not in ("apiVersion", "kind")}
    return {"apiVersion": API_VERSION, "kind": kind, **own, "items": Each(lambda: ITEMS[kind](data))}


def error(message: str, *, hint: str, reason: str, status: int) -> dict[str, Any]:
    """Why there is no other document."""
    return document("Error", {"message": message, "hint": hint, "reason": reason, "exitStatus": status})


def _item(name: Any, state: Any, message: Any = "", *, tier: str = "", namespace: str = "") -> Item:
    return {"tier": tier, "namespace": namespace, "name": str(name), "state": str(state), "message": str(message)}


def _none(_data: Data) -> Iterator[Item]:
    return iter(())


def _of_backup(data: Data) -> Iterator[Item]:
    for each in data.get("objects", ()):
        yield _item(each["name"], "saved", tier=LRS, namespace=each["namespace"])
    for each in data["missing"]:
        yield _item(each["name"] or each["kind"], "missing", each["reason"], tier=each["store"])


def _of_list(data: Data) -> Iterator[Item]:
    yield from (_item(each["name"], each["state"]) for each in data["backups"])
    yield from (_item(each["path"], "unsealed", each["why"]) for each in data["unsealed"])
    yield from (_item(each["path"], "open", each["message"]) for each in data["openJournals"])


def _of_check(data: Data) -> Iterator[Item]:
    for each in data["findings"]:
        yield _item(each["object"], each["severity"], f"{each['title']}: {each['message']}")


def _of_sessions(data: Data) -> Iterator[Item]:
    for each in data["sessions"]:
        state, message = each.get("result", each["state"]), each.get("message", "")
        yield _item(each["name"], state, message, tier=LRS, namespace=each["namespace"])


def _of_deployments(state: str, message: str) -> Callable[[Data], Iterator[Item]]:
    return lambda data: (_item(each["id"], each[state], each[message], tier=DEPLOYMENTS) for each in data["deployments"])


def _of_diff(data: Data) -> Iterator[Item]:
    for each in data["differences"]:
        fields = ", ".join(field["field"] for field in each["fields"])
        yield _item(each["name"], each["change"], fields, tier=LRS, namespace=each["namespace"])
    for store in data["stores"]:
        yield from (_item(each["name"], each["change"], tier=store["tier"]) for each in store["differences"])


def _of_doors(data: Data) -> Iterator[Item]:
    for each in data["doors"]:
        yield _item(each["door"], each["state"], each["message"])


def _of_steps(data: Data) -> Iterator[Item]:
    for each in data["steps"]:
        yield _item(each["step"], each["state"], each["message"])


def _of_settings(data: Data) -> Iterator[Item]:
    for each in data["settings"]:
        if each["origin"] != "default":
            yield _item(each["key"], each["origin"], each["by"])


def _of_acts(data: Data) -> Iterator[Item]:
    for each in data["acts"]:
        yield _item(each["id"], each["result"], f"{each['verb']} {each['what']}".strip())


def _of_image(data: Data) -> Iterator[Item]:
    yield from (_item(each["platform"], "made", each["digest"]) for each in data["platforms"])
    if pushed := data["pushed"]:
        yield _item(pushed["reference"], pushed["result"], data["digest"])


def _of_pruned(state: str, message: str) -> Callable[[Data], Iterator[Item]]:
    return lambda data: (_item(each["name"], each[state], _joined(each[message])) for each in data["backups"])


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else ", ".join(text)


def _of_restore(key: str, state: str, message: str) -> Callable[[Data], Iterator[Item]]:
    return lambda data: (
        _item(each["name"], each[state], each[message], tier=each["tier"], namespace=each["namespace"]) for each in data[key]
    )


def _of_rehearsal(data: Data) -> Iterator[Item]:
    for part in data["tiers"]:
        for each in part["things"]:
            yield _item(each["name"], each["verdict"], each["message"], tier=part["tier"], namespace=each["namespace"])


def _of_rehearsal_plan(data: Data) -> Iterator[Item]:
    for part in data["tiers"]:
        yield _item(part["target"], "planned", part["how"], tier=part["tier"])


def _of_repository(data: Data) -> Iterator[Item]:
    yield from (_item(each["backup"], "damaged", each["what"]) for each in data["damages"])


def _of_verification(data: Data) -> Iterator[Item]:
    yield from (_item(each["path"], "damaged", each["what"]) for each in data["damages"])
    for each in data.get("objects", ()):
        yield _item(each["name"], each["answer"], each["why"], tier=LRS, namespace=each["namespace"])


def _of_application(data: Data) -> Iterator[Item]:
    for each in data["things"]:
        namespace, _, name = each["name"].partition("/") if each["tier"] == LRS else ("", "", each["name"])
        state = "shared" if each["sharedWith"] else "own"
        yield _item(name, state, each["because"], tier=each["tier"], namespace=namespace)


def _of_manifests(data: Data) -> Iterator[Item]:
    for each in data["objects"]:
        metadata = each["metadata"]
        yield _item(f"{each['kind']}/{metadata['name']}", "wanted", namespace=metadata.get("namespace", ""))


def _of_schedule(data: Data) -> Iterator[Item]:
    for each in data["objects"]:
        yield _item(f"{each['kind']}/{each['name']}", each["result"], each["message"], namespace=each["namespace"])


def _of_status(data: Data) -> Iterator[Item]:
    for each in data["parts"]:
        run = each["run"] or {"state": "never run", "message": ""}
        yield _item(each["cronJob"], run["state"], run["message"], namespace=data["namespace"])
    yield from (_item(each["part"], "wrong", each["message"], namespace=data["namespace"]) for each in data["wrong"])


def _of_run(data: Data) -> Iterator[Item]:
    yield _item(data["job"], data["state"], data["message"])


ITEMS: Mapping[str, Callable[[Data], Iterator[Item]]] = {
    "Application": _of_application,
    "Backup": _of_backup,
    "BackupList": _of_list,
    "CheckReport": _of_check,
    "CleanPlan": _of_sessions,
    "CleanReport": _of_sessions,
    "ConfigCheck": _of_doors,
    "CopyReport": _of_pruned("result", "why"),
    "DeploymentJournal": _of_deployments("state", "message"),
    "DeploymentPlan": _of_deployments("action", "reason"),
    "DeploymentReport": _of_deployments("result", "message"),
    "Diff": _of_diff,
    "Error": _none,
    "History": _of_acts,
    "NightlyReport": _of_steps,
    "Image": _of_image,
    "PrunePlan": _of_pruned("action", "reasons"),
    "PruneReport": _of_pruned("result", "message"),
    "Rehearsal": _of_rehearsal,
    "RehearsalPlan": _of_rehearsal_plan,
    "Repository": _none,
    "RepositoryCheck": _of_repository,
    "RestorePlan": _of_restore("steps", "action", "reason"),
    "RestoreReport": _of_restore("outcomes", "result", "message"),
    "Schedule": _of_manifests,
    "ScheduleReport": _of_schedule,
    "ScheduleStatus": _of_status,
    "ScheduledRun": _of_run,
    "Settings": _of_settings,
    "Verification": _of_verification,
    "Version": _none,
}
"""Kind → its items."""
