"""What an attacker does to a backup: change anything, and make every sum right again."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.manifest import sanitise
from kubectl_lrs.model.names import manifest_path

SEALS = ("SHA256SUMS", "backup.json")
DEEP = 100_000

Object = dict[str, Any]
Tamper = Callable[[Path], None]


def reseal(folder: Path, catalog: Callable[[Object], None] = lambda _document: None) -> None:
    """Make the sums and the catalog agree with what is in the folder now; `catalog` changes the document first."""
    files = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name not in SEALS
    )
    seal(folder, "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in files), catalog)


def seal(folder: Path, sums: str, catalog: Callable[[Object], None] = lambda _document: None) -> None:
    """Write these sums, and a catalog that agrees with them."""
    (folder / "SHA256SUMS").write_text(sums)
    document = json.loads((folder / "backup.json").read_text())
    document["sums"]["sha256"] = hashlib.sha256(sums.encode()).hexdigest()
    catalog(document)
    write_catalog(folder, document)


def write_catalog(folder: Path, document: Object) -> None:
    """The catalog with its own sum."""
    body = {key: value for key, value in document.items() if key != "sha256"}
    own = hashlib.sha256(_text(body)).hexdigest()
    (folder / "backup.json").write_bytes(_text({**body, "sha256": own}))


def _text(document: Object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def read_raw(folder: Path) -> list[Object]:
    with gzip.open(folder / "lrs.raw.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def write_raw(folder: Path, text: str | bytes) -> None:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    (folder / "lrs.raw.jsonl.gz").write_bytes(gzip.compress(data, 1))


def objects(change: Callable[[list[Object]], object]) -> Tamper:
    """Change the objects, in the raw copy and in the YAML files alike."""

    def tamper(folder: Path) -> None:
        found = read_raw(folder)
        change(found)
        write_raw(folder, "".join(json.dumps(each) + "\n" for each in found))
        shutil.rmtree(folder / "lrs")
        for each in found:
            if isinstance(each, dict) and isinstance(each.get("metadata"), dict):
                path = folder / manifest_path(str(each["metadata"].get("namespace")), str(each["metadata"].get("name")))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dump(sanitise(each)))
        reseal(folder)

    return tamper


def first(**fields: Any) -> Tamper:
    """Set fields of the first object; `metadata__name` is metadata.name."""

    def change(found: list[Object]) -> None:
        for path, value in fields.items():
            *above, last = path.split("__")
            target = found[0]
            for part in above:
                target = target[part]
            target[last] = value

    return objects(change)


def yaml_text(change: Callable[[str], str]) -> Tamper:
    """Change the text of one YAML file, not the raw object."""

    def tamper(folder: Path) -> None:
        path = sorted(folder.glob("lrs/*/*.yaml"))[0]
        path.write_text(change(path.read_text()))
        reseal(folder)

    return tamper


def raw_text(change: Callable[[str], str | bytes]) -> Tamper:
    def tamper(folder: Path) -> None:
        with gzip.open(folder / "lrs.raw.jsonl.gz", "rt") as file:
            text = file.read()
        write_raw(folder, change(text))
        reseal(folder)

    return tamper


def sums_text(change: Callable[[str], str]) -> Tamper:
    return lambda folder: seal(folder, change((folder / "SHA256SUMS").read_text()))


def catalog(change: Callable[[Object], object]) -> Tamper:
    return lambda folder: reseal(folder, lambda document: change(document) and None)


def setting(path: str, value: Any) -> Tamper:
    """Set one field of the catalog, as `tiers.resources.kind`."""

    def change(document: Object) -> None:
        *above, last = path.split(".")
        for part in above:
            document = document[part]
        document[last] = value

    return catalog(change)


def without(path: str) -> Tamper:
    def change(document: Object) -> None:
        *above, last = path.split(".")
        for part in above:
            document = document[part]
        del document[last]

    return catalog(change)


def crd_text(change: Callable[[str], str]) -> Tamper:
    def tamper(folder: Path) -> None:
        (folder / "crd.yaml").write_text(change((folder / "crd.yaml").read_text()))
        reseal(folder)

    return tamper


def replace_by_link(relative: str) -> Tamper:
    def tamper(folder: Path) -> None:
        path = next(folder.glob(relative))
        moved = folder.parent / "elsewhere"
        path.rename(moved)
        path.symlink_to(moved)

    return tamper


def replace_by_fifo(relative: str) -> Tamper:
    def tamper(folder: Path) -> None:
        path = next(folder.glob(relative))
        path.unlink()
        os.mkfifo(path)

    return tamper


def deep_folders(folder: Path) -> None:
    folder.joinpath(*["d"] * 300).mkdir(parents=True)


def deep_catalog(folder: Path) -> None:
    text = (folder / "backup.json").read_text()
    (folder / "backup.json").write_text(text.replace('"missing": []', f'"missing": {"[" * 800}{"]" * 800}'))


def not_packed(folder: Path) -> None:
    (folder / "lrs.raw.jsonl.gz").write_bytes(b"x")
    reseal(folder)


def surplus_fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def twice_in_raw(found: list[Object]) -> None:
    found.append(found[0])


def bomb(line: bytes) -> Tamper:
    """A small file that unpacks to 4 GB of one line."""

    def tamper(folder: Path) -> None:
        block = gzip.compress(line * (1 << 20), 9)
        with (folder / "lrs.raw.jsonl.gz").open("wb") as file:
            for _ in range(4096 // len(line)):
                file.write(block)
        reseal(folder)

    return tamper


def huge_file(relative: str) -> Tamper:
    """A file of 1 GB that takes no room on the disk."""

    def tamper(folder: Path) -> None:
        with next(folder.glob(relative)).open("r+b") as file:
            file.truncate(1 << 30)

    return tamper
