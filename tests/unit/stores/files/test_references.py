"""What a saved document says that may mean a file: its strings with their fields, and the ids of documents."""

from __future__ import annotations

import bson

from kubectl_lrs.stores.common.mentions import Document, of_lrs, strings
from kubectl_lrs.stores.files.match import FileMatcher, Found, Where
from kubectl_lrs.stores.files.references import add
from tests.builders.said import listed

ID = "65f0c0ffee0123456789abcd"


def _found(document: Document, path: str) -> Found | None:
    references = listed([path])
    add(references, document)
    known = listed([path])
    add(known, document, strings(document.content))
    found = FileMatcher(references).found(path)
    assert FileMatcher(known).found(path) == found, "whether its strings are known or not"
    return found


def test_strings_of_a_document_with_the_field_that_they_stand_in() -> None:
    document = Document("workspace_items", ID, {"_id": bson.ObjectId(ID), "files": [{"path": "apps/a.py"}]})
    assert _found(document, "apps/a.py") == Found("path", Where("workspace_items", ID, "files[].path"))
    assert _found(document, f"kv/{ID}/db") == Found("id", Where("workspace_items", ID, "_id"))
    assert _found(document, "apps/b.py") is None


def test_an_lrs_has_the_id_in_its_name() -> None:
    manifest = {"metadata": {"namespace": "n", "name": f"custom-app-{ID}"}, "spec": {"env": {"SOURCE": "apps/a.py"}}}
    document = of_lrs(manifest)
    assert _found(document, f"kv/{ID}.db") == Found("id", Where("lrs", f"n/custom-app-{ID}", "metadata.name"))
    assert _found(document, "apps/a.py") == Found("path", Where("lrs", f"n/custom-app-{ID}", "spec.env.SOURCE"))


def test_longer_digits_are_no_id() -> None:
    assert _found(Document("lrs", f"n/x{ID}", {}), f"kv/{ID}/db") is None
    assert _found(Document("lrs", f"n/{ID}0", {}), f"kv/{ID}/db") is None
