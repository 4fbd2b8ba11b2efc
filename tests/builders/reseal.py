"""Backups that no run of the product would make, sealed as if one had."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.catalog import Catalog, parse
from kubectl_lrs.model.manifest import sanitise
from kubectl_lrs.model.names import manifest_path

Lrs = dict[str, Any]


def rewrite(folder: Path, edit: Callable[[list[Lrs]], list[Lrs]], catalog: Callable[[Catalog], Catalog] = lambda c: c) -> None:
    """Edit the objects of a backup, and seal it anew, as if it had been taken so."""
    raw = folder / "lrs.raw.jsonl.gz"
    objects = edit([json.loads(line) for line in gzip.decompress(raw.read_bytes()).decode().splitlines()])
    shutil.rmtree(folder / "lrs", ignore_errors=True)
    raw.write_bytes(gzip.compress("".join(f"{json.dumps(each)}\n" for each in objects).encode()))
    for each in objects:
        file = folder / manifest_path(each["metadata"]["namespace"], each["metadata"]["name"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dump(sanitise(each)))
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("SHA256SUMS", "backup.json")]
    files.sort(key=lambda path: str(path.relative_to(folder)).encode())
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    old = parse((folder / "backup.json").read_bytes(), where="")
    new = replace(catalog(old), sums_sha256=hashlib.sha256(sums.encode()).hexdigest())
    (folder / "backup.json").write_bytes(new.serialise())
