"""The catalog: what was missing comes back exactly, and what version 0.1.0 wrote stays readable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from kubectl_lrs.model.catalog import Catalog, Cluster, Missing, parse
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.render.backups import said
from tests.builders.sealing import RESOURCES

INSTANT = datetime(2026, 11, 23, 8, 16, 10, 123456, tzinfo=timezone.utc)
CATALOG = Catalog(
    name="saved",
    instant=INSTANT,
    finished=INSTANT,
    tool="kubectl-lrs 0.1.0",
    cluster=Cluster(server="https://127.0.0.1"),
    selection=Selection().as_dict(),
    profile="complete",
    levels={"files": "copy"},
    tiers={"files": {"files": 1}, "resources": RESOURCES},
)

ODD = (
    "reports: q3/app.py",
    ": ",
    "files: file a: b",
    "a" * 1000,
    "nul-free\nline\ttab \u202e and \x1b[2J",
    "bytes \udcff that are no text",
    "ü/日本/\U0001f600",
    "",
)


def _file(name: str, reason: str = "not in s3://b", where: str = "c 1 f") -> Missing:
    return Missing(store="files", kind="file", name=name, reason=reason, where=where)


@pytest.mark.parametrize("name", ODD)
def test_names_come_back_exactly(name: str) -> None:
    missing = (_file(name), replace(_file("other", reason=name), is_absent=True), _file("third", where=name))
    again = parse(replace(CATALOG, missing=missing).serialise(), where="")
    assert again.missing == missing
    assert again.state == "partial"


def test_two_reasons_for_one_name_come_back() -> None:
    image = Missing(store="images", kind="image", name="r:5000/a:1", reason="MANIFEST_UNKNOWN: gone", where="lrs a/b spec.image")
    missing = (image, replace(image, reason="blob sha256:00: not there"))
    assert parse(replace(CATALOG, missing=missing).serialise(), where="").missing == missing


def _of_0_1_0(missing: list[Any], **more: Any) -> bytes:
    """As that version wrote it: sentences, and the sum over them."""
    body = {key: value for key, value in json.loads(CATALOG.serialise()).items() if key != "sha256"} | {
        "missing": missing,
        **more,
    }
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    return (
        json.dumps({**body, "sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=2, ensure_ascii=False) + "\n"
    ).encode()


def test_sentences_of_0_1_0_are_no_names() -> None:
    sentence = "file reports: q3/app.py: not in file:///mnt, referred to by items 1 path"
    catalog = parse(_of_0_1_0([f"files: {sentence}", "something else: entirely"]), where="")
    assert catalog.missing == (Missing(store="files", reason=sentence), Missing(store="", reason="something else: entirely"))
    assert [said(each) for each in catalog.missing] == [f"files: {sentence}", "something else: entirely"]
    assert catalog.state == "partial"


@pytest.mark.parametrize(
    "entry",
    [
        {"store": "files"},
        {"store": "files", "kind": "file", "name": 1, "reason": "", "where": ""},
        {"store": None, "kind": "", "name": "", "reason": "", "where": ""},
        ["files", "file", "a", "b", "c"],
        7,
        None,
    ],
)
def test_entry_that_is_none_is_damage(entry: object) -> None:
    with pytest.raises(DamageError, match="not a valid catalog"):
        parse(_of_0_1_0([entry]), where="")


def test_fields_that_are_not_known_are_passed_over() -> None:
    entry: Mapping[str, Any] = {**_file("a").to_dict(), "since": "2027"}
    assert parse(_of_0_1_0([entry]), where="").missing == (_file("a"),)


@pytest.mark.parametrize("absent", [None, "yes", 1])
def test_only_what_says_so_is_absent(absent: object) -> None:
    """An entry of an earlier version says nothing, and what is not known is never taken for yes."""
    entry = {**_file("a").to_dict(), "absent": absent}
    assert parse(_of_0_1_0([entry]), where="").missing == (_file("a"),)
    del entry["absent"]
    assert parse(_of_0_1_0([entry]), where="").missing == (_file("a"),)
    assert parse(_of_0_1_0([{**entry, "absent": True}]), where="").missing[0].is_absent


def test_sentences_for_people() -> None:
    assert said(_file("a: b")) == "files: file a: b: not in s3://b, referred to by c 1 f"
    assert said(Missing(store="images", kind="image", name="r/a:1", reason="gone")) == "images: image r/a:1: gone"


SEALED = CATALOG.serialise()


@pytest.mark.parametrize(
    "altered",
    [
        SEALED.replace(b'"profile"', b'"profile" ', 1),
        SEALED.replace(b"\n", b"\r\n"),
        SEALED[:-1],
        SEALED + b"\n",
        SEALED + b" ",
        SEALED.replace(b'"sha256": "', b'"SHA256": "'),
        SEALED[:-68] + SEALED[-68:].upper(),
        SEALED[:-68] + b'"' + b"0" * 64 + b'"\n}\n',
        json.dumps(json.loads(SEALED)).encode(),
        json.dumps(json.loads(SEALED), indent=2, sort_keys=True).encode() + b"\n",
        SEALED.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + SEALED,
        b'{"formatVersion": 1}',
        b'{"formatVersion": 1, "sha256": ""}',
    ],
)
def test_whatever_is_not_the_very_bytes_is_altered(altered: bytes) -> None:
    assert altered != SEALED
    with pytest.raises(DamageError):
        parse(altered, where="")


def test_each_byte_counts() -> None:
    """Of the number of the format too, though it may then seem to be one of a newer program."""
    for place in range(0, len(SEALED), 7):
        altered = bytearray(SEALED)
        altered[place] ^= 1
        with pytest.raises((DamageError, UsageError)):  # of a format to come: a reader may not know its sum either
            parse(bytes(altered), where="")


def test_the_sum_is_that_of_the_document_without_it() -> None:
    """As the documents tell people to check it."""
    document = json.loads(SEALED)
    own = document.pop("sha256")
    assert hashlib.sha256((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()).hexdigest() == own


@pytest.mark.parametrize(
    "instant",
    ["2026-11-23T08:16:10Z", "2026-11-23T08:16:10.000000Z", "2026-11-23T08:16:10.123456Z"],
)
def test_instants_are_read_as_they_were_written(instant: str) -> None:
    assert f"{parse(_of_0_1_0([], instant=instant), where='').instant:%S.%f}" == f"10.{instant[20:-1] or '000000'}"


@pytest.mark.parametrize(
    "instant",
    [
        "2026-11-23T08:16:10", "2026-11-23 08:16:10Z", "2026-11-23T08:16:10+01:00", "2026-11-23T08:16:10+01:00Z", "2026-11-23",
        "2026-W48-1T08:16:10Z", "20261123T081610Z", "2026-11-23T08:16:10,123456Z", "2026-13-01T00:00:00Z", "1999-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z", "2026-11-23T08:16:10ZZ", "", None, 7,
    ],
)  # fmt: skip
def test_an_instant_that_is_written_otherwise_is_damage(instant: object) -> None:
    with pytest.raises(DamageError, match="not a valid catalog"):
        parse(_of_0_1_0([], instant=instant), where="")
