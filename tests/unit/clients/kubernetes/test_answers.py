"""What a page of a LIST says, however it is written; and why a request was refused."""

from __future__ import annotations

import json
from http.client import HTTPMessage
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.answers import (
    UnansweredError,
    _causes,
    not_read,
    object_named,
    object_of,
    page_of,
    refused,
    unanswered,
    written,
)
from kubectl_lrs.clients.kubernetes.transport import Response, TransportError
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    ExistsError,
    ExpiredError,
    InvalidError,
    LrsError,
    MissingRightError,
    NoDryRunError,
    NotFoundError,
    NotServedError,
    UnreachableError,
)

LRS = {"metadata": {"name": "a", "namespace": "n"}}


def _read(**answer: Any) -> Any:
    return page_of(json.dumps({"metadata": {"resourceVersion": "7"}, **answer}).encode())


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
        page_of(data)


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


@pytest.mark.parametrize("data", [b"", b"[]", b"<html>", b"null", b"\xff"])
def test_a_write_whose_answer_cannot_be_read_may_have_been_done(data: bytes) -> None:
    with pytest.raises(UnreachableError, match="not a Kubernetes API server"):
        object_of(data, "https://k")
    with pytest.raises(UnansweredError):
        written(data, "https://k")
    assert written(b'{"kind": "LRS"}', "https://k") == {"kind": "LRS"}


@pytest.mark.parametrize("document", [{}, {"ok": True}, {"metadata": None}, {"metadata": {}}, {"metadata": {"name": "b"}}, []])
def test_another_object_is_no_answer(document: Any) -> None:
    data = json.dumps(document).encode()
    with pytest.raises(UnreachableError, match="not a Kubernetes API server"):
        object_named(data, "https://k", "a")
    with pytest.raises(UnansweredError):
        written(data, "https://k", "a")
    assert object_named(b'{"metadata": {"name": "a"}}', "https://k", "a") == {"metadata": {"name": "a"}}


def _refused(status: int, **said: Any) -> LrsError:
    return refused(
        Response(status, "Odd", HTTPMessage(), json.dumps(said).encode() if said else b"<html>"), "GET", "/x", "https://k"
    )


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, {}, CredentialsError),
        (403, {"message": "no"}, MissingRightError),
        (409, {"message": "no"}, ConflictError),
        (410, {"message": "no"}, ExpiredError),
        (400, {"message": "x does not support dry run", "reason": "BadRequest"}, NoDryRunError),
        (400, {"message": "x does not support dry run", "reason": "Invalid"}, ApiError),
        (500, {}, ApiError),
    ],
)
def test_a_status_is_an_error_of_ours(status: int, said: dict[str, str], kind: type[LrsError]) -> None:
    assert type(_refused(status, **said)) is kind


def _status(reason: str, message: str = "no", **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "message": message, "reason": reason, "details": details}


LB = b"<html>404 Not Found</html>"
PLAIN = b"404 page not found\n"
WEBHOOK = 'admission webhook "w" denied the request: x'
FIELD = {"reason": "FieldValueRequired", "field": "spec.image"}


@pytest.mark.parametrize(
    ("path", "said", "kind"),
    [
        ("/apis/g/v1/namespaces/n/lrs/a", _status("NotFound", name="a", kind="lrs"), NotFoundError),
        ("/apis/g/v1/namespaces/n/lrs", _status("NotFound", name="n", kind="namespaces"), NotFoundError),
        ("/apis/rbac/v1/clusterroles/system%3Aa", _status("NotFound", name="system:a"), NotFoundError),
        ("/apis/g/v1/namespaces/n/lrs/a", _status("NotFound", name="b", kind="lrs"), NotServedError),
        ("/apis/g/v1/namespaces/n/lrs/a", _status("NotFound", name=""), NotServedError),
        ("/apis/g/v1/namespaces/n/lrs/a", _status("", name="a"), NotServedError),
        ("/apis/g/v1/namespaces/n/lrs/a", {"kind": "Status", "message": "no", "details": None}, NotServedError),
        ("/apis/g/v1/namespaces/n/lrs/a", PLAIN, NotServedError),
        ("/openapi/v3/apis/g/v1", b"", NotServedError),
        ("/apis/g/v1/namespaces/n/lrs/a", _status("NotFound", WEBHOOK, name="a"), ApiError),
        ("/apis/g/v1/namespaces/n/lrs/a", b"", UnreachableError),
        ("/apis/g/v1/namespaces/n/lrs/a", LB, UnreachableError),
        ("/apis/g/v1/namespaces/n/lrs/a", {"message": "no Route matched"}, UnreachableError),
        ("/apis/g", {"message": "no Route matched"}, UnreachableError),
    ],
)
def test_only_the_api_servers_word_on_the_very_object_says_that_it_is_not_there(
    path: str, said: Any, kind: type[LrsError]
) -> None:
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    answer = Response(404, "Not Found", HTTPMessage(), data)
    assert type(refused(answer, "GET", path, "https://k")) is kind
    written = UnansweredError if kind is UnreachableError else kind
    assert type(refused(answer, "DELETE", path, "https://k")) is written


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (409, _status("AlreadyExists", name="a"), ExistsError),
        (409, _status("AlreadyExists"), ConflictError),
        (409, _status("Conflict", name="a"), ConflictError),
        (409, _status("AlreadyExists", WEBHOOK, name="a"), ConflictError),
        (422, _status("Invalid", name="a", causes=[FIELD]), InvalidError),
        (422, _status("Invalid", WEBHOOK, name="a", causes=[FIELD]), ApiError),
        (422, _status("Invalid", name="a", causes=[{"message": "a policy denied it"}]), ApiError),
        (422, _status("Invalid", causes=[None, "x"]), ApiError),
        (400, _status("BadRequest", 'LRS in version "v1" cannot be handled as a LRS: strict decoding error: x'), InvalidError),
        (400, _status("BadRequest", WEBHOOK), ApiError),
        (400, _status("", "cannot be handled as a LRS"), ApiError),
    ],
)
def test_what_a_refusal_says_of_the_object(status: int, said: dict[str, Any], kind: type[LrsError]) -> None:
    assert type(_refused(status, **said)) is kind


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [("GET", 500, 5), ("GET", 502, 5), ("GET", 504, 5), ("GET", 404, 5), ("POST", 500, 1), ("DELETE", 503, 1)],
)
def test_what_cannot_be_read_is_out_of_reach(method: str, status: int, code: int) -> None:
    """A write that is refused says something of itself; a read was tried again before."""
    assert refused(Response(status, "Odd", HTTPMessage(), b"{}"), method, "/x", "https://k").exit_code == code


def test_what_is_no_status_is_told_by_its_number() -> None:
    assert str(_refused(502)) == "https://k: HTTP 502 Odd to GET /x"


@pytest.mark.parametrize(
    ("method", "sent", "kind"),
    [("GET", True, UnreachableError), ("POST", False, UnreachableError), ("POST", True, UnansweredError)],
)
def test_no_answer_to_a_write_is_not_the_same_as_nobody_there(method: str, sent: bool, kind: type[LrsError]) -> None:
    assert type(unanswered(TransportError("reset", sent=sent), method, "/x", "https://k")) is kind


def _nested(depth: int) -> str:
    return f'{{"apiVersion":"v1","metadata":{{"name":"d","namespace":"n","uid":"u"}},"spec":{"[" * depth}{"]" * depth}}}'


@pytest.mark.parametrize("depth", [199, 200, 990, 20_000])
def test_what_is_nested_too_deeply_is_told_apart_from_the_others(depth: int) -> None:
    """An object itself is a level."""
    text = f'{{"metadata":{{"resourceVersion":"7"}},"items":[{json.dumps(LRS)},{_nested(depth)}]}}'
    page = page_of(text.encode())
    read = depth < 200
    assert [manifest["metadata"]["name"] for _, manifest in page.items] == ["a", *(["d"] if read else [])]
    assert page.too_deep == ([] if read else [{"metadata": {"name": "d", "namespace": "n", "uid": "u"}}])
    if not read:
        assert "LRS n/d: nested more than 200 levels deep" in str(not_read("LRS", page.too_deep[0]))
        with pytest.raises(LrsError, match="nested more than"):
            object_of(_nested(depth).encode(), "server")
        with pytest.raises(UnansweredError):  # it may have been done
            written(_nested(depth).encode(), "server")
