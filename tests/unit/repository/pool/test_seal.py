"""The seal: what is written is read back, anything else is damage, and never more is believed than it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model import own_sum
from kubectl_lrs.model.catalog import Catalog, Cluster, Missing
from kubectl_lrs.model.catalog import parse as parse_catalog
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.repository.pool import seal as seals
from kubectl_lrs.repository.pool.layout import BackupId
from kubectl_lrs.repository.pool.seal import Seal, Stored
from tests.builders.sealing import RESOURCES

BACKUP = BackupId("night", "0123456789abcdef" * 2)
IDENTITY = hashlib.sha256(b"sums").hexdigest()
INSTANT = datetime(2026, 11, 27, 3, 0, 0, 123456, timezone.utc)
CHECKED = datetime(2026, 11, 27, 4, 0, 0, 500000, timezone.utc).timestamp()


def catalog(**more: Any) -> Catalog:
    made = Catalog(
        **{
            "name": "night",
            "instant": INSTANT,
            "finished": INSTANT,
            "tool": "kubectl-lrs 1",
            "cluster": Cluster(server="https://127.0.0.1", uid="u"),
            "selection": Selection().as_dict(),
            "profile": "complete",
            "levels": {"files": "copy"},
            "tiers": {
                "resources": {**RESOURCES, "objects": 3, "bytes": 30, "types": {"app": 3}, "skipped": []},
                "mongo": {"collections": [{"name": "a"}, {"name": "b"}], "bytes": 5, "notes": ["x"]},
                "files": {"files": 2, "bytes": 7, "url": "s3://b"},
            },
            "sums_sha256": IDENTITY,
            **more,
        }
    )
    return parse_catalog(made.serialise(), where="test")


def sealed(**more: Any) -> Seal:
    return Seal(
        backup=BACKUP,
        repository="id",
        checked_at=CHECKED,
        head=seals.head_of(catalog(**more), IDENTITY),
        objects={file: Stored.of(file.encode()) for file in ("catalog.json", "index-0.gz", "blocks.json", "refs.gz")},
        stored={"newObjects": 1},
        is_copy=True,
    )


def parsed(data: bytes) -> Seal:
    return seals.parse(data, backup=BACKUP, repository="id", where="x")


def test_what_is_written_is_read_back() -> None:
    made = sealed()
    found = parsed(made.serialise())
    assert found == made
    assert found.serialise() == made.serialise()
    assert found.identity == IDENTITY


@pytest.mark.parametrize("missing", [(), (Missing(store="files", reason="gone"),) * 3])
def test_its_catalog_is_the_real_one_as_far_as_lists_go(missing: tuple[Missing, ...]) -> None:
    real, found = catalog(missing=missing), parsed(sealed(missing=missing).serialise()).catalog
    for same in ("name", "instant", "cluster", "selection", "profile", "levels", "state", "objects", "size", "sha256"):
        assert getattr(found, same) == getattr(real, same), same
    assert found.is_empty == real.is_empty
    assert found.tiers["mongo"]["collections"] == 2
    assert found.tiers["files"]["url"] == "s3://b"
    assert found.tiers["resources"]["types"] == {"app": 3}


@given(st.data())
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    content = bytearray(sealed().serialise())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((DamageError, UsageError)):
        parsed(bytes(content))


def _altered(change: Callable[[dict[str, Any]], object]) -> bytes:
    """With a right sum."""
    document = json.loads(sealed().serialise())
    del document["sha256"]
    change(document)
    return own_sum.serialise(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(session="f" * 32),
        lambda d: d.update(name="other"),
        lambda d: d.update(repository="other"),
        lambda d: d.update(kind="other"),
        lambda d: d.update(formatVersion=1),
        lambda d: d.update(formatVersion="2"),
        lambda d: d.update(checkedAt="2026"),
        lambda d: d.update(checkedAt=1),
        lambda d: d.update(head=[]),
        lambda d: d.update(objects=[]),
        lambda d: d["objects"].pop("refs.gz"),
        lambda d: d["objects"].update({"../x": {"size": 1, "sha256": IDENTITY}}),
        lambda d: d["objects"].update({"index-1.gz": {"size": -1, "sha256": IDENTITY}}),
        lambda d: d["objects"].update({"index-1.gz": {"size": 1, "sha256": "x"}}),
        lambda d: d["head"].update(missing=-1),
        lambda d: d["head"].update(missing=True),
        lambda d: d["head"].update(identity=""),
        lambda d: d["head"].update(sha256=None),
        lambda d: d["head"].pop("cluster"),
        lambda d: d["head"].update(instant="0001-01-01T00:00:00.000000Z"),
        lambda d: d["head"]["tiers"].pop("resources"),
        lambda d: d["head"]["tiers"]["resources"].update(objects="3"),
    ],
)
def test_what_no_seal_says(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(DamageError, match=r"^x: "):
        parsed(_altered(change))


def test_a_newer_one_is_named_as_such() -> None:
    with pytest.raises(UsageError, match="format 3 is newer"):
        parsed(_altered(lambda d: d.update(formatVersion=3)))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff", b'{"formatVersion": 2}'])
def test_no_seal(data: bytes) -> None:
    with pytest.raises(DamageError):
        parsed(data)


@pytest.mark.parametrize(
    ("stored", "late"),
    [
        (None, True),
        (CHECKED, False),
        (CHECKED + 50, False),
        (CHECKED + 50.1, True),
        (CHECKED - 50, False),
        (CHECKED - 50.1, True),
    ],
)
def test_late_is_after_half_of_the_grace_or_as_long_before_the_look(stored: float | None, late: bool) -> None:
    assert sealed().is_late(stored, 100) is late
