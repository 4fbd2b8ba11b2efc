"""The LRS of a Velero backup: its tarball, or its folder in Velero's object store; nothing else in it is looked at.

Source: vmware-tanzu/velero, `site/content/docs/main/output-file-format.md` (format 1.1.0), `pkg/archive/filesystem.go`
(paths of items), `pkg/backup/item_backupper.go` (which of them are written), `pkg/persistence/object_store_layout.go`
(`backups/NAME/velero-backup.json` and `NAME.tar.gz`). An item lies in `resources/PLURAL.GROUP/`, then, since format 1.1.0,
once more in `VERSION-preferredversion/`, then `namespaces/NAMESPACE/NAME.json` or `cluster/NAME.json`; other versions of it
in `VERSION/`. `metadata/version` holds the format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from kubectl_lrs.formats.yaml_reader import load_all
from kubectl_lrs.model.catalog import Missing, Origin, can_be
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.manifest import Manifest, loads, sanitise
from kubectl_lrs.model.stores import RESOURCES
from kubectl_lrs.model.units import printable
from kubectl_lrs.model.workloads import CRD_NAME
from kubectl_lrs.repository.place import Reach
from kubectl_lrs.runtime.paths import is_file, is_folder
from kubectl_lrs.sources.files import Files, LocalFiles, StoredFiles
from kubectl_lrs.sources.others import Identity, OthersBackup, of_time
from kubectl_lrs.sources.tarball import Member, members
from kubectl_lrs.stores.lrs.loose import Key, LooseLrs
from kubectl_lrs.stores.lrs.others import OthersLrs

PROGRAM = "Velero backup"
ENDINGS = (".tar.gz", ".tgz")
ABOUT = "velero-backup.json"
FORMAT = "metadata/version"
MAX_ABOUT = 16 << 20

COMPLETED = "Completed"
PARTLY = ("PartiallyFailed", "FinalizingPartiallyFailed", "WaitingForPluginOperationsPartiallyFailed")
UNDER_WAY = ("Finalizing", "WaitingForPluginOperations")
"""Phases in which all objects are in the tarball and work on volumes goes on."""

_LRS = f"resources/{CRD_NAME}/"
_CRD = re.compile(
    rf"resources/customresourcedefinitions\.apiextensions\.k8s\.io/(?:v1-preferredversion/)?cluster/{CRD_NAME}\.json"
)
_ITEM = re.compile(
    r"(?:(?P<version>v[0-9][a-z0-9]*)(?P<preferred>-preferredversion)?/)?namespaces/(?P<namespace>[^/]+)/(?P<name>[^/]+)\.json"
)


def is_velero(path: Path) -> bool:
    """Whether it is named as its tarball, or a folder of Velero's object store."""
    if path.name.endswith(ENDINGS):
        return is_file(path)
    return is_folder(path) and (is_file(path / ABOUT) or is_file(path / f"{path.resolve().name}.tar.gz"))


def opened(path: Path) -> OthersBackup:
    """The tarball with what lies beside it, or the folder."""
    if is_folder(path):
        return read(LocalFiles(path), path.resolve().name, uid=path.stat().st_uid)
    stem = next(path.name.removesuffix(ending) for ending in ENDINGS if path.name.endswith(ending))
    return read(LocalFiles(path.parent), stem.removesuffix("-data"), tarball=path.name, uid=path.stat().st_uid)


def opened_at(url: str, reach: Reach) -> OthersBackup:
    """The folder of a backup, or its tarball, on a storage."""
    from kubectl_lrs.repository.place import open_storage

    above, _, last = url.rstrip("/").rpartition("/")
    stem = next((last.removesuffix(ending) for ending in ENDINGS if last.endswith(ending)), "")
    if stem:
        return read(StoredFiles(open_storage(above, reach)), stem.removesuffix("-data"), tarball=last)
    return read(StoredFiles(open_storage(url.rstrip("/"), reach)), last)


def read(files: Files, name: str, *, tarball: str = "", uid: int = -1) -> OthersBackup:
    """The backup `name`. `tarball`: its file, where that was named itself; it may then be alone.

    DamageError for a tarball that is not as Velero writes it, UsageError for a format or a state that is not restored.
    """
    about = _about(files, name, must_be=not tarball)
    file = files.opened(tarball or f"{name}.tar.gz")
    where = f"{files.location}/{tarball or f'{name}.tar.gz'}"
    if file is None:
        raise DamageError(f"{where}: there is none, only its {ABOUT}")
    with file:
        found = _Found(LooseLrs(printable(name)), where)
        found.take_in(file)
    missing = [*_state(about, f"{files.location}/{ABOUT}"), *found.missing()]
    started = _started(about)
    identity = Identity(
        name=name,
        location=where if tarball else files.location,
        origin=Origin(
            program=PROGRAM,
            location=where if tarball else files.location,
            dated=f"by its {ABOUT}" if started else "by the times in it",
        ),
        instant=started or of_time(found.newest),
        uid=uid,
    )
    note = found.crd_note or "there is none in it"
    return OthersBackup(identity, [OthersLrs(found.lrs, missing=missing, crd=found.crd, crd_note=note)])


@dataclass
class _Found:
    """What the tarball holds of the LRS."""

    lrs: LooseLrs
    where: str
    crd: Manifest | None = None
    crd_note: str = ""
    newest: float = 0.0
    format: str = ""
    other_versions: dict[Key, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)

    def take_in(self, file: BinaryIO) -> None:
        """All of it; what is none of ours is passed over."""
        for member in members(file, self.where):
            if member.path == FORMAT:
                self.format = member.content().decode("ascii", "replace").strip()
                self._check_format()
            elif member.path.startswith(_LRS):
                self._take_item(member)
            elif _CRD.fullmatch(member.path):
                self._take_crd(member)
        self._check_format()
        if not self.lrs.keys and not self.other_versions:
            raise UsageError(f"{self.where}: no LRS in it", hint=f"was {CRD_NAME} among the resources of the backup?")

    def _check_format(self) -> None:
        if not self.format:
            raise DamageError(f"{self.where}: not a Velero backup: it has no {FORMAT}")
        if self.format.partition(".")[0] != "1":
            raise UsageError(f"{self.where}: Velero's format {printable(self.format)[:20]} is not read; 1 and 1.1.0 are")

    def _take_item(self, member: Member) -> None:
        found = _ITEM.fullmatch(member.path.removeprefix(_LRS))
        if found is None:
            raise DamageError(f"{self.where}: {printable(member.path)}: not where Velero puts an LRS")
        key = (found["namespace"], found["name"])
        if found["version"] and not found["preferred"]:
            self.other_versions[key] = found["version"]
            return
        self.newest = max(self.newest, member.mtime)
        if not self.lrs.read(f"{self.where}: {printable(member.path)}", member.content(), meant=key):
            self.empty.append("/".join(key))

    def _take_crd(self, member: Member) -> None:
        documents = [each.value for each in load_all(member.content(), where=f"{self.where}: {printable(member.path)}")]
        document = documents[0] if len(documents) == 1 else None
        if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
            raise DamageError(f"{self.where}: {printable(member.path)}: not a CustomResourceDefinition")
        if document.get("apiVersion") == "apiextensions.k8s.io/v1":
            self.crd = sanitise(document)
        else:
            self.crd_note = f"the CRD in it is of {printable(str(document.get('apiVersion')))[:60]}"

    def missing(self) -> list[Missing]:
        """What should be in it and is not."""
        have = set(self.lrs.keys)
        lost = {key: version for key, version in self.other_versions.items() if key not in have}
        said = [("/".join(key), f"it is there in {version} alone, not in the preferred version") for key, version in lost.items()]
        said += [(name, "its file is empty") for name in self.empty]
        return [Missing(store=RESOURCES, kind="LRS", name=name, reason=why, where=self.where) for name, why in said]


# ---- what Velero says of it


def _about(files: Files, name: str, *, must_be: bool) -> dict[str, Any] | None:
    """The status in its `velero-backup.json`; None where there is none, or one of another backup, and the tarball was named."""
    file = files.opened(ABOUT)
    where = f"{files.location}/{ABOUT}"
    if file is None:
        if must_be:
            raise DamageError(
                f"{where}: there is none; Velero writes it with the tarball", hint="name the tarball to read it alone"
            )
        return None
    with file:
        data = file.read(MAX_ABOUT + 1)
    try:
        document: Any = loads(data.decode()) if len(data) <= MAX_ABOUT else {}
        is_one = document["kind"] == "Backup" and document["apiVersion"].startswith("velero.io/")
        called, status = document["metadata"]["name"], document.get("status") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamageError(f"{where}: not what Velero says of a backup") from error
    if not is_one or not isinstance(status, dict) or (called != name and must_be):
        raise DamageError(f"{where}: not what Velero says of backup {name}")
    return status if called == name else None


def _state(status: dict[str, Any] | None, where: str) -> list[Missing]:
    """What may be missing by the state in which Velero left it; UsageError for one that it has not made."""
    if status is None:
        return []
    phase = status.get("phase")
    if phase == COMPLETED or phase in UNDER_WAY:
        return []
    if phase not in PARTLY:
        raise UsageError(f"{where}: Velero has not made this backup: {printable(str(phase))[:40]}", hint="take another one")
    errors = status.get("errors")
    counted = f", {errors} errors" if type(errors) is int else ""
    return [
        Missing(
            store=RESOURCES,
            reason=f"Velero says {phase}{counted}; which objects it could not save stands in its log alone",
            where=where,
        )
    ]


def _started(status: dict[str, Any] | None) -> datetime | None:
    """When it began; None where that is not told, or cannot be."""
    try:
        started = datetime.strptime(str((status or {})["startTimestamp"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except (KeyError, ValueError):
        return None
    return started if can_be(started) else None
