"""What `-v` shows of commands to MongoDB: names and counts, never what a document or a query holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.clients import wirelog
from kubectl_lrs.stores.mongo.server.wire import Wire, came, described, listeners

SECRET = "s3cr3t-in-a-document"
COMMANDS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a find": ("find", {"find": "userapps", "filter": {"x": SECRET}}, "find MMApp.userapps"),
    "more of it": ("getMore", {"getMore": 7, "collection": "userapps"}, "getMore MMApp.userapps"),
    "an insert": ("insert", {"insert": "c", "documents": [{"x": SECRET}] * 3}, "insert MMApp.c, 3 documents"),
    "indexes": ("createIndexes", {"createIndexes": "c", "indexes": [{"x": SECRET}]}, "createIndexes MMApp.c, 1 indexes"),
    "of the whole": ("hello", {"hello": 1}, "hello MMApp"),
    "what the driver hides": ("saslStart", {}, "saslStart MMApp"),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_commands(what: str) -> None:
    name, command, wanted = COMMANDS[what]
    assert described(name, "MMApp", command) == wanted


REPLIES: list[tuple[dict[str, Any], str]] = [
    ({"ok": 1}, "ok"),
    ({"ok": 1, "n": 4}, "ok, n=4"),
    ({"cursor": {"firstBatch": [{"x": SECRET}], "id": 0}}, "ok, 1 came"),
    ({"cursor": {"nextBatch": [], "id": 0}}, "ok, 0 came"),
    ({"cursor": {"firstBatch": b"raw"}}, "ok"),
    ({"cursor": {"nextBatch": [b"an array, whole"]}}, "ok, 15 bytes came"),
    ({}, "ok"),
]


@pytest.mark.parametrize(("reply", "wanted"), REPLIES)
def test_replies(reply: dict[str, Any], wanted: str) -> None:
    assert came(reply) == wanted


def test_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert listeners() == [], "nothing is listened to where nothing is shown"
    wirelog.configure(6)
    try:
        (wire,) = listeners()
        assert isinstance(wire, Wire)
        command = {"insert": "c", "documents": [{"x": SECRET}]}
        wire.started(SimpleNamespace(request_id=1, command_name="insert", database_name="db", command=command))  # type: ignore[arg-type]
        failure = {"codeName": "DuplicateKey", "errmsg": f"dup key: {SECRET}"}
        wire.failed(SimpleNamespace(request_id=1, command_name="insert", failure=failure, duration_micros=2500))  # type: ignore[arg-type]
        wire.succeeded(SimpleNamespace(request_id=2, command_name="ping", reply={"ok": 1}, duration_micros=900))  # type: ignore[arg-type]
    finally:
        wirelog.configure(0)
    shown = capsys.readouterr().err
    assert "MongoDB insert db.c, 1 documents failed: DuplicateKey in 2 milliseconds" in shown
    assert "MongoDB ping ok in 1 milliseconds" in shown
    assert SECRET not in shown
