"""What stands beside the content of a file: what of it can be set where it goes, and how what is there differs. Pure.

Every kind of storage has its own vocabulary. What only another kind keeps is left out; what nobody knows is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CHUNKED = "aws-chunked"
"""How a body came over the wire. Some servers keep it with the object, where it means nothing."""


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _is_metadata(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_header, (*value, *value.values())))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


@dataclass(frozen=True)
class _Attribute:
    """`is_valid`: whether a backup's word for it is one. `decides`: whether a file that has another one is another file."""

    label: str
    is_valid: Callable[[Any], bool]
    decides: bool = True


_KNOWN: Mapping[str, _Attribute] = {
    "mode": _Attribute("mode", _is_number),
    "uid": _Attribute("owner", _is_number, decides=False),
    "gid": _Attribute("group", _is_number, decides=False),
    "permission": _Attribute("permission", lambda value: _is_text(value) and value.isdigit()),
    "owner": _Attribute("owner", _is_text, decides=False),
    "group": _Attribute("group", _is_text, decides=False),
    "ContentType": _Attribute("Content-Type", _is_header),
    "ContentEncoding": _Attribute("Content-Encoding", _is_header),
    "ContentDisposition": _Attribute("Content-Disposition", _is_header),
    "ContentLanguage": _Attribute("Content-Language", _is_header),
    "CacheControl": _Attribute("Cache-Control", _is_header),
    "Metadata": _Attribute("metadata", _is_metadata),
}
_MAY_APPEAR = ("ContentType",)
"""What a server may choose where it was sent none."""

_MODES = 0o777
_ALONE = ("ContentEncoding",)
"""What says how the content is to be read, also of a file that came from another kind of storage."""


def settable(keeps: Collection[str], saved: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What of the saved attributes a storage that keeps these can be given; and what of them is none."""
    given: dict[str, Any] = {}
    refused: list[str] = []
    for name, value in saved.items():
        known = _KNOWN.get(name)
        if known is None or (name in keeps and not known.is_valid(value)):
            refused.append(str(name))
        elif name in keeps:
            given[name] = value
    if name := _without_chunked(given.pop("ContentEncoding", "")):
        given["ContentEncoding"] = name
    return given, tuple(sorted(refused))


def _without_chunked(encoding: str) -> str:
    return ",".join(part for part in encoding.split(",") if part.strip().lower() != CHUNKED).strip()


def differences(keeps: Collection[str], wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    """How what stands beside a file differs from what is wanted (`settable`), in words: those that make it another file."""
    return (_said(name, wanted, there) for name in _differing(keeps, wanted, there) if _KNOWN[name].decides)


def altered(
    keeps: Collection[str], sent: Mapping[str, Any], there: Mapping[str, Any], unset: Collection[str] = ()
) -> Iterator[str]:
    """How what a storage holds differs from what it was sent, in words; `unset`: what it said it would not set."""
    refused = {each.partition(" ")[0] for each in unset}
    refused |= {"group"} if "owner" in refused else set()
    return (_said(name, sent, there) for name in _differing(keeps, sent, there) if _KNOWN[name].label not in refused)


def _differing(keeps: Collection[str], wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name in _KNOWN if name in keeps]
    if not wanted:
        names = [name for name in names if name in _ALONE]
    for name in names:
        if name not in wanted and (name in _MAY_APPEAR or _KNOWN[name].is_valid in (_is_number, _is_text)):
            continue
        if _plain(name, wanted.get(name)) != _plain(name, there.get(name)):
            yield name


def _plain(name: str, value: Any) -> Any:
    """A value as it is compared: names of metadata come in any case."""
    if name == "Metadata":
        return {str(key).lower(): text for key, text in (value or {}).items()}
    if name == "mode" and isinstance(value, int):
        return value & _MODES
    if name == "permission" and isinstance(value, str):
        return value[-3:].lstrip("0")
    return value or ("" if isinstance(value, str) or value is None else value)


def _said(name: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """`mode 600, not 644`; of metadata the names alone."""
    if name == "Metadata":
        mine, theirs = (_plain(name, each.get(name)) for each in (wanted, there))
        return (
            f"metadata {', '.join(sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)))} of another value"
        )
    has, should = (_shown(name, each.get(name)) for each in (there, wanted))
    return f"{_KNOWN[name].label} {has}, not {should}"


def _shown(name: str, value: Any) -> str:
    if value in (None, "", {}):
        return "none"
    return f"{value & _MODES:o}" if name == "mode" else repr(value) if isinstance(value, str) else str(value)
