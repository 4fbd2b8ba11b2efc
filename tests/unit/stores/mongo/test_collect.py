"""What a dump says of itself: the instant, by the server's clock, and why it is of none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_lrs.stores.mongo import collect
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.server.info import Server

SERVER = Server(version="6.0.5", set_name="rs0", is_mongos=False, is_primary=True, operation_time=(60, 2), clock=61.5)


def test_moments_are_the_servers() -> None:
    assert collect._moment(SERVER) == {"t": 60, "i": 2, "time": "1970-01-01T00:01:00Z"}
    assert collect._moment(replace(SERVER, operation_time=None)) == {"time": "1970-01-01T00:01:01Z"}


@pytest.mark.parametrize(
    ("server", "consistent", "said"),
    [
        (SERVER, True, ""),
        (SERVER, False, "--mongo-consistency=none"),
        (replace(SERVER, version="4.4.1"), True, "version 4.4.1"),
        (replace(SERVER, set_name=""), True, "a standalone"),
    ],
)
def test_why_it_is_of_no_instant(server: Server, consistent: bool, said: str) -> None:
    mongo: Any = None
    notes = list(MongoCollector(mongo, DumpOptions(level="minimum", consistent=consistent))._not_of_one_instant(server))
    assert len(notes) == bool(said)
    assert said in "".join(notes)
