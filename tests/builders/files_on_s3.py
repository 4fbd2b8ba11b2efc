"""Files of an application on a real gateway of S3, with something between it and us: saved, and restored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.backends.base import Backend
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, ApplyOptions
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files import saved
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.restore import FilesRestorer
from kubectl_lrs.stores.files.storage import Storage
from tests.bed.s3_between import Between
from tests.builders.said import nothing
from tests.builders.sealing import sealed

FILES = {"a/small": b"small" * 10, "b/empty": b"", "c/large": os.urandom(1 << 20) * 9}
BESIDE = {"ContentType": "text/x-python", "CacheControl": "no-store", "Metadata": {"owner": "me", "note": "x"}}


def opened_through(between: Between, bucket: str, **options: Any) -> Backend:
    """The storage of an application. `options`: of its library."""
    config = {"config_kwargs": {"retries": {"max_attempts": 1, "mode": "standard"}}}
    return open_backend(StorageLocation(url=f"s3://{bucket}/p", endpoint=between.endpoint, options={**config, **options}))


def saved_files(
    backend: Backend, tmp_path: Path, files: dict[str, bytes] | None = None, beside: Mapping[str, Any] = BESIDE
) -> SealedFolder:
    """A backup of these files, which are then gone."""
    for key, data in (files or FILES).items():
        upload = backend.upload(key, len(data), iter([data] if data else []), beside, replace=True)
        upload.commit()
    tier = FilesCollector(Storage(backend), nothing, take_all=True)

    def work(writer: FolderWriter) -> None:
        assert tier.collect(writer, Silent())["missing"] == []

    folder = sealed(tmp_path, work, "backup", others={"files": {}})
    for key in files or FILES:
        backend.delete(key)
    return folder


def restorer_of(folder: SealedFolder, backend: Backend, existing: Existing = Existing.SKIP) -> FilesRestorer:
    """What restores the files of a backup."""
    index = saved.read(folder)
    assert index is not None
    return FilesRestorer(folder, index, Storage(backend), existing=existing, workers=2, stop=Cancel())


def restored(folder: SealedFolder, backend: Backend, existing: Existing = Existing.SKIP) -> dict[str, tuple[Result, str]]:
    """Restore them: the result of each, and what is said of it."""
    restorer = restorer_of(folder, backend, existing)
    plan = restorer.plan(Silent())
    assert [each for each in plan.findings if each.severity.value == "error"] == []
    report = Report(source="", target="")
    restorer.apply(plan, ApplyOptions(workers=2, timeout=10), report, Silent())
    return {each.name: (each.result, each.message) for each in report.outcomes}


def actions_of(folder: SealedFolder, backend: Backend) -> dict[str, tuple[Action, str]]:
    """What the plan would do with each, and why."""
    return {step.name: (step.action, step.reason) for step in restorer_of(folder, backend).plan(Silent()).steps}
