"""What mongodump wrote, and what lies beside it: read without trust, and named where it does not go back."""

from __future__ import annotations

import gzip
from pathlib import Path

import bson
import pytest

from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from kubectl_lrs.stores.mongo.plain_dump import dumped, is_mongodump

NAME = "custom_applications"


def write(folder: Path, name: str = NAME, *, metadata: str | None = "{}", data: bytes | None = bson.encode({"_id": 1})) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if data is not None:
        (folder / f"{name}.bson").write_bytes(data)
    if metadata is not None:
        (folder / f"{name}.metadata.json").write_text(metadata)


def test_one_database_of_several(tmp_path: Path) -> None:
    write(tmp_path / "App")
    write(tmp_path / "App", "others")
    write(tmp_path / "admin", "system.users")
    (tmp_path / "oplog.bson").write_bytes(b"")
    (tmp_path / "prelude.json").write_text('{"ServerVersion":"7.0.16"}')
    (tmp_path / "App" / "notes.txt").write_text("")
    dump = dumped(tmp_path)
    assert is_mongodump(tmp_path)
    assert (dump.database, [each.name for each in dump.collections]) == ("App", [NAME])
    assert dump.left_out == ("others",)
    assert dump.unknown == ("App/notes.txt", "admin/")
    assert (dump.oplog, dump.server) == ("oplog.bson", "7.0.16")


def test_a_folder_of_one_database(tmp_path: Path) -> None:
    write(tmp_path / "App")
    (tmp_path / "App" / "prelude.json.gz").write_bytes(gzip.compress(b'{"ServerVersion":"8.0.1"}'))
    dump = dumped(tmp_path / "App")
    assert (dump.database, dump.server, dump.unknown) == ("App", "8.0.1", ())


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"ServerVersion":7}', "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_a_prelude_that_says_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path / "App")
    (tmp_path / "prelude.json").write_text(text)
    assert dumped(tmp_path).server == ""


def test_which_files_a_collection_lacks(tmp_path: Path) -> None:
    write(tmp_path / "App", metadata=None)
    write(tmp_path / "App", "longrunningservices", data=None)
    found = {each.name: (bool(each.data), each.has_metadata) for each in dumped(tmp_path).collections}
    assert found == {NAME: (True, False), "longrunningservices": (False, True)}


def test_each_name_must_be_there(tmp_path: Path) -> None:
    write(tmp_path / "App")
    with pytest.raises(LrsError, match="holds no collection workspace_items"):
        dumped(tmp_path, only=(NAME, "workspace_items"))
    with pytest.raises(UsageError):
        dumped(tmp_path, only=("nothing",))


def test_the_same_collection_twice(tmp_path: Path) -> None:
    write(tmp_path / "App")
    (tmp_path / "App" / f"{NAME}.bson.gz").write_bytes(b"")
    with pytest.raises(DamageError, match="there twice"):
        dumped(tmp_path)


def test_documents_are_measured_before_anything_else(tmp_path: Path) -> None:
    stamped = bson.encode({"_id": 1, "at": bson.Timestamp(0, 0)})
    write(tmp_path / "App", data=stamped + bson.encode({"_id": 2}))
    dump = dumped(tmp_path)
    measured = dump.measured(dump.collections[0])
    assert (measured.documents, measured.empty_timestamps) == (2, 1)
    write(tmp_path / "App", data=stamped[:-1])
    with pytest.raises(DamageError, match=f"{NAME}.bson: truncated or altered"):
        dump.measured(dump.collections[0])


@pytest.mark.parametrize("content", ["", "\n"])
def test_metadata_that_was_cut_to_nothing_is_not_known(tmp_path: Path, content: str) -> None:
    write(tmp_path / "App", metadata=content)
    assert [each.has_metadata for each in dumped(tmp_path).collections] == [False]


@pytest.mark.parametrize("other", [f"App/{NAME}.metadata.json.gz", f"App/{NAME.replace('_', '%5F')}.bson"])
def test_what_is_there_under_two_names_is_not_chosen_by_their_order(tmp_path: Path, other: str) -> None:
    write(tmp_path / "App")
    (tmp_path / other).write_bytes(gzip.compress(b'{"options": {"capped": true}}') if other.endswith(".gz") else b"")
    with pytest.raises(DamageError, match="there twice"):
        dumped(tmp_path)


def test_a_database_beside_a_folder_of_its_name(tmp_path: Path) -> None:
    write(tmp_path / "App")
    write(tmp_path / "App" / "App", data=bson.encode({"_id": 2}))
    with pytest.raises(UsageError, match="holds database App twice"):
        dumped(tmp_path / "App")


def test_names_that_no_utf_8_is(tmp_path: Path) -> None:
    write(tmp_path / "App")
    odd = tmp_path / "a\udcff"
    odd.mkdir()
    (odd / f"{NAME}.bson").write_bytes(b"")
    assert dumped(tmp_path).database == "App"
    (tmp_path / "App" / "a\udcff.bson").write_bytes(b"")
    with pytest.raises(DamageError, match="its name is not UTF-8"):
        dumped(tmp_path)
