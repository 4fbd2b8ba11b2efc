"""An answer that is what was sent: seen by its text, and never where the text says anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_lrs.clients.kubernetes.echo import Sent

SENT: dict[str, Any] = {
    "apiVersion": "lrs.datarobot.com/v1",
    "kind": "LRS",
    "metadata": {"name": "one", "namespace": "datarobot"},
    "spec": {
        "command": "a && b > c < d",
        "text": 'é "quoted" \\ \n',
        "ratio": 0.1,
        "replicas": 1,
        "none": None,
        "list": [[], {}],
    },
}
MADE = {"name": "one", "namespace": "datarobot", "uid": "u", "resourceVersion": "7", "managedFields": [{"f:spec": {}}]}


def _as_go_writes(document: Any) -> bytes:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{text}\n".encode()


def test_what_is_sent_says_what_the_object_is() -> None:
    assert json.loads(Sent.of(SENT).body) == SENT
    assert json.loads(Sent.of({"metadata": {}}).body) == {"metadata": {}}
    assert json.loads(Sent.of({"spec": {}, "metadata": {}, "kind": "LRS"}).body) == {"kind": "LRS", "metadata": {}, "spec": {}}


def test_of_an_object_that_comes_back_the_metadata_are_new() -> None:
    assert Sent.of(SENT).echoed(_as_go_writes({**SENT, "metadata": MADE})) == {**SENT, "metadata": MADE}


def test_one_without_anything_but_metadata() -> None:
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "one"}}
    assert Sent.of(bare).echoed(_as_go_writes({**bare, "metadata": MADE})) == {**bare, "metadata": MADE}


DEEP = json.loads("[" * 300 + "]" * 300)
OTHERS = {
    "a field changed": {**SENT, "metadata": MADE, "spec": {**SENT["spec"], "replicas": 2}},
    "a number of another type": {**SENT, "metadata": MADE, "spec": {**SENT["spec"], "replicas": 1.0}},
    "a field added": {**SENT, "metadata": MADE, "spec": {**SENT["spec"], "more": 1}},
    "a field taken": {**SENT, "metadata": MADE, "spec": {"replicas": 1}},
    "a status": {**SENT, "metadata": MADE, "status": {}},
    "another kind": {**SENT, "kind": "Lrs", "metadata": MADE},
    "another version": {**SENT, "apiVersion": "lrs.datarobot.com/v2", "metadata": MADE},
    "metadata that are none": {**SENT, "metadata": "name"},
    "metadata nested without end": {**SENT, "metadata": {**MADE, "more": DEEP}},
    "nothing of an object": {},
    "a status of its own": {"kind": "Status", "metadata": {}, "status": "Success"},
    "the object within another": {"apiVersion": SENT["apiVersion"], "kind": "LRS", "metadata": {"spec": SENT}},
}


@pytest.mark.parametrize("document", OTHERS.values(), ids=OTHERS.keys())
def test_any_other_is_to_be_read_whole(document: dict[str, Any]) -> None:
    assert Sent.of(SENT).echoed(_as_go_writes(document)) is None


@pytest.mark.parametrize("cut", [0, 1, 40, 60, 120, -2, -3])
def test_one_that_is_cut_is_not_taken_for_whole(cut: int) -> None:
    assert Sent.of(SENT).echoed(_as_go_writes({**SENT, "metadata": MADE})[:cut]) is None


@pytest.mark.parametrize("more", [b"\xff", b"{}", b"}", b" x"])
def test_nor_is_one_with_something_behind_it(more: bytes) -> None:
    assert Sent.of(SENT).echoed(_as_go_writes({**SENT, "metadata": MADE}) + more) is None
