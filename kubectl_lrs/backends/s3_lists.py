"""The entries of S3's lists, read out of the text of an answer: the library that knows every request takes much longer.

It is left all else of the answer, and the entries too where one of them is not as S3 has them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

_LIST, _ENTRY = "ListBucketResult", "Contents"

Instant = Callable[[str], datetime]
"""What reads a time, as the library would."""


def reader(instant: Instant) -> Callable[..., None]:
    """What the library is to call before it reads the answer to ListObjectsV2."""

    def read(
        response_dict: MutableMapping[str, Any], customized_response_dict: MutableMapping[str, Any] | None = None, **_: Any
    ) -> None:
        if customized_response_dict is None or response_dict["status_code"] != 200:
            return
        if (found := entries(response_dict["body"], instant)) is not None:
            customized_response_dict["Contents"], response_dict["body"] = found

    return read


def entries(body: bytes, instant: Instant) -> tuple[list[Mapping[str, Any]], bytes] | None:
    """Those of a list, and the list without them; None where it has none, or is for the library to read."""
    try:
        parser = ElementTree.XMLParser(encoding="utf-8")  # noqa: S314  the library's own parser, and as it uses it
        parser.feed(body)
        root, names = parser.close(), _Names()
        if names[root.tag] != _LIST:
            return None
        found, others = [], []
        for node in root:
            if names[node.tag] == _ENTRY:
                found.append(_entry({names[each.tag]: each.text or "" for each in node}, len(node), instant))
            else:
                others.append(node)
        root[:] = others
        return (found, ElementTree.tostring(root, "utf-8")) if found else None
    except (ElementTree.ParseError, ValueError, KeyError, OverflowError):
        return None


def _entry(said: Mapping[str, str], count: int, instant: Instant) -> Mapping[str, Any]:
    """As the library would have it: of `count` things that are said of it, those that somebody asks for.

    KeyError or ValueError where it is another one's to say what it means.
    """
    if len(said) != count:
        raise ValueError("something is said twice")
    found: dict[str, Any] = {"Key": said["Key"], "Size": int(said["Size"]), "LastModified": instant(said["LastModified"])}
    if "ETag" in said:
        found["ETag"] = said["ETag"]
    return found


class _Names(dict[str, str]):
    """Of elements, whichever namespace they have: there are few, and they come again and again."""

    def __missing__(self, tag: str) -> str:
        name = self[tag] = tag.rpartition("}")[2]
        return name
