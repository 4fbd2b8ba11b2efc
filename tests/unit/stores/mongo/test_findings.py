"""What is said of a restore before it begins."""

from __future__ import annotations

from typing import Any

from kubectl_lrs.stores.mongo import findings
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.server.info import CollectionInfo, Server
from kubectl_lrs.stores.mongo.temporary import Abandoned, Owner

SERVER = Server(version="7.0.1", set_name="rs0", is_mongos=False, is_primary=True, operation_time=(1000, 1), clock=1002.0)


class Nowhere:
    """A folder of which only the name counts."""

    name = "dump"


def dump(**more: Any) -> StoredDump:
    folder: Any = Nowhere()
    return StoredDump(folder=folder, database="d", collections=(), **more)


def test_what_is_said_of_a_dump() -> None:
    said = " ".join(each.message for each in findings.of_dump(dump(unknown=("x",), server="8.0.1"), [], "d", SERVER))
    assert "not restored from dump: x" in said
    assert "the dump is of MongoDB 8.0.1, and the server is 7.0.1" in said
    older = " ".join(each.message for each in findings.of_dump(dump(server="6.0.1"), [], "d", SERVER))
    assert "the dump is of" not in older
    assert findings.remains(dump()) == ()
    assert "oplog.bson" in findings.remains(dump(oplog="oplog.bson"))[0]


def test_what_is_said_of_other_runs() -> None:
    collections = (CollectionInfo(name="lrs_restore.x", kind="collection", options=b"", uuid=""),)
    for owner in Owner:
        run = Abandoned(collections=collections, owner=owner, age=3, who="process 1 on h")
        (finding,) = findings.of_runs([run], sweeps=True)
        assert "lrs_restore.x" in finding.message
    (dead,) = findings.of_runs([Abandoned(collections=collections, owner=Owner.DEAD)], sweeps=False)
    assert "the next restore that replaces collections removes it" in dead.message
