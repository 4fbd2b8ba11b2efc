"""What a page of a LIST says, however it is written; and why a request was refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.client import _causes, _page
from kubectl_lrs.model.errors import UnreachableError

LRS = {"metadata": {"name": "a", "namespace": "n"}}


def _read(**answer: Any) -> Any:
    return _page(json.dumps({"metadata": {"resourceVersion": "7"}, **answer}).encode())


@pytest.mark.parametrize("answer", [{"items": None}, {}, {"items": []}, {"items": None, "metadata": None}, {"metadata": {}}])
def test_nothing_is_an_empty_list(answer: dict[str, Any]) -> None:
    page = _read(**answer)
    assert (page.items, page.next) == ([], "")


def test_null_is_no_resource_version_and_no_token() -> None:
    page = _read(items=[LRS], metadata={"resourceVersion": None, "continue": None})
    assert (page.resource_version, page.next, page.items[0][1]) == ("", "", LRS)


@pytest.mark.parametrize(
    "answer",
    [
        {"items": {}},
        {"items": "x"},
        {"items": [None]},
        {"items": ["x"]},
        {"items": [{}]},
        {"items": [{"metadata": None}]},
        {"metadata": 1},
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(answer: dict[str, Any]) -> None:
    with pytest.raises(UnreachableError):
        _read(**answer)


@pytest.mark.parametrize("data", [b"", b"[]", b"<html>", b'{"items": []}', b"\xff"])
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(UnreachableError):
        _page(data)


@pytest.mark.parametrize(
    ("status", "causes"),
    [
        ({"details": {"causes": [{"reason": "NamespaceTerminating"}, {"message": "x"}, None]}}, ["NamespaceTerminating"]),
        ({"details": {"causes": None}}, []),
        ({"details": None}, []),
        ({}, []),
    ],
)
def test_causes(status: dict[str, Any], causes: list[str]) -> None:
    assert _causes(status) == causes
