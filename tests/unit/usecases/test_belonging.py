"""Which application a word means in a backup, and what of it belongs to that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import bson
import pytest

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.image_names.mapping import RegistryMap, registry_map
from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.common.mentions import LRS, Document
from kubectl_lrs.stores.files.match import Found
from kubectl_lrs.stores.files.saved import Index, SavedFile
from kubectl_lrs.stores.mongo.levels import MINIMUM
from kubectl_lrs.usecases import belonging
from kubectl_lrs.usecases.belonging import (
    Targets,
    application_in,
    belongings_in,
    has_application,
    lrs_shared_by_now,
    shared_by_now,
)

A, B, TWIN, BARE = "65f00001c0ffee0000000001", "65f00002c0ffee0000000002", "65f00003c0ffee0000000003", "65f00004c0ffee0000000004"
ITEM = "65f10001c0ffee0000000001"
MINE, BOTH = "registry.example.com/custom-apps/managed-image:mine", "registry.example.com/custom-apps/managed-image:both"


def lrs(name: str, kind: str = "custom_application", **spec: Any) -> Document:
    return Document(LRS, f"ns/{name}", {"metadata": {"labels": {"datarobot-lrs-type": kind}, "annotations": {}}, "spec": spec})


def document(store: str, identifier: str, **fields: Any) -> Document:
    return Document(store, identifier, {"_id": bson.ObjectId(identifier), **fields})


LRS_OF = [lrs(f"app-{A}", image=MINE), lrs(f"app-{BARE}"), lrs("model", "deployment", image=BOTH)]
DOCUMENTS = [
    document("custom_applications", A, name="sales", image=BOTH),
    document("custom_applications", B, name="churn"),
    document("custom_applications", TWIN, name="churn"),
    document("workspace_items", ITEM, applicationId=bson.ObjectId(A), filePath="w/a.py"),
]


def files(*paths: str) -> Index:
    entries = [SavedFile(path=path, size=1, etag="", found=Found("path")) for path in paths]
    return Index(url="s3://bucket/prefix", level="copy", entries=entries, folders={})


@pytest.fixture
def backup(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A backup of these documents; `level`: the collections that its catalog tells."""

    def made(
        documents: Sequence[Document] = DOCUMENTS,
        collections: Sequence[str] | None = belonging.COMPLETE,
        saved: Index | None = None,
    ) -> Any:
        there = documents if collections is not None else ()
        mongo = {} if collections is None else {"mongo": {"collections": [{"name": each} for each in collections]}}
        tiers = {"resources": {}, "images": {}, **mongo, **({"files": {}} if saved else {})}
        entries = [{"name": each.id.partition("/")[2], "namespace": "ns", "type": _type(each)} for each in LRS_OF]
        monkeypatch.setattr(belonging, "index", lambda _backup: entries)
        monkeypatch.setattr(belonging, "collections", lambda _backup, wanted: [each for each in there if wanted(each.store)])
        monkeypatch.setattr(belonging, "_read", lambda _backup: [*LRS_OF, *there])
        listed = SimpleNamespace(entries=[SimpleNamespace(reference=parse(each)) for each in (MINE, BOTH)])
        monkeypatch.setattr(belonging, "saved_images", lambda _backup: listed)
        monkeypatch.setattr(belonging, "saved_files", lambda _backup: saved)
        return SimpleNamespace(name="b", catalog=SimpleNamespace(tiers=tiers, has_lrs=True))

    return made


def _type(each: Document) -> str:
    return str(each.content["metadata"]["labels"]["datarobot-lrs-type"])


@pytest.mark.parametrize(
    ("word", "meant"), [("sales", (A, "sales")), (A, (A, "sales")), (A.upper(), (A, "sales")), (BARE, (BARE, ""))]
)
def test_a_word(backup: Callable[..., Any], word: str, meant: tuple[str, str]) -> None:
    assert application_in(backup(), word) == meant
    assert has_application(backup(), word)


def test_two_of_one_name_and_none_of_another(backup: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=f"2 applications are called 'churn': {B}, {TWIN}"):
        application_in(backup(), "churn")
    assert has_application(backup(), "churn"), "whoever takes it says that there are two"
    with pytest.raises(UsageError, match="knows no application 'salez'") as raised:
        application_in(backup(), "salez")
    assert raised.value.hint == "did you mean sales?"
    assert not has_application(backup(), "salez")


def test_a_backup_without_documents_knows_ids_alone(backup: Callable[..., Any]) -> None:
    made = backup(collections=None)
    assert application_in(made, A) == (A, "")
    with pytest.raises(UsageError, match="by its name: it holds none of their documents"):
        application_in(made, "sales")
    found = belongings_in(made, (A, ""), Silent())
    assert [(each.tier, each.name, each.others) for each in found.things] == [
        ("resources", f"ns/app-{A}", ()),
        ("images", MINE, ()),
    ]
    assert found.untold[0].startswith("it holds nothing of MongoDB")


def test_one_that_cannot_be_read_may_know_it(backup: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made = backup()

    def damaged(_backup: Any) -> Any:
        raise DamageError("cut")

    monkeypatch.setattr(belonging, "index", damaged)
    assert has_application(made, "sales")


def test_what_belongs_to_it(backup: Callable[..., Any]) -> None:
    index = files("w/a.py", f"kv/{A}/x", f"kv/{B}/x", "other")
    found = {each.name: each for each in belongings_in(backup(saved=index), (A, "sales"), Silent()).things}
    assert list(found) == [
        f"ns/app-{A}", f"custom_applications/{A}", f"workspace_items/{ITEM}", BOTH, MINE, "w/a.py", f"kv/{A}/x"
    ]  # fmt: skip
    assert found[BOTH].others == ("LRS ns/model",)
    assert found["w/a.py"].why == f"filePath of workspace_items/{ITEM}, by path"
    assert [each.name for each in found.values() if each.others] == [BOTH]


def test_a_file_that_another_names_is_shared(backup: Callable[..., Any]) -> None:
    other = document("workspace_items", "65f10002c0ffee0000000002", applicationId=bson.ObjectId(B), filePath="w/a.py")
    found = belongings_in(backup([*DOCUMENTS, other], saved=files("w/a.py")), (A, "sales"), Silent())
    assert found.shared("files") == {"w/a.py": f"shared with churn ({B})"}


def test_a_smaller_backup_says_what_it_lacks(backup: Callable[..., Any]) -> None:
    made = backup(collections=MINIMUM)
    said = belongings_in(made, (A, "sales"), Silent()).untold
    assert "it does not hold custom_application_images" in said[0]
    assert said[-1] == "it holds no files"


def test_those_who_share_it_by_now(backup: Callable[..., Any]) -> None:
    """The application's own document is gone, and another's names its item, its image and its file."""
    index = files("w/a.py", f"kv/{A}/x")
    found = belongings_in(backup(saved=index), (A, "sales"), Silent())
    news = document("custom_applications", B, name="new", item=bson.ObjectId(ITEM), pulls=MINE.replace("example.com", "new.test"))
    live = [*LRS_OF, news, document("workspace_items", ITEM, filePath="w/a.py"), document("workspace_items", A, path="w/a.py")]
    now = shared_by_now(
        found,
        lambda: live,
        index,
        Targets(images=registry_map(["registry.example.com=registry.new.test"]), namespaces={}),
        Silent(),
    )
    assert now.shared("mongo") == {f"workspace_items/{ITEM}": f"shared with new ({B})"}
    assert now.shared("images") == {BOTH: "shared with LRS ns/model", MINE: f"shared with new ({B})"}
    assert now.shared("files") == {"w/a.py": f"shared with new ({B})"}
    same = shared_by_now(found, lambda: [*LRS_OF, *DOCUMENTS], index, Targets(images=RegistryMap(), namespaces={}), Silent())
    assert same == found


def test_whose_the_lrs_are_by_now(backup: Callable[..., Any]) -> None:
    """By the name that it goes to; one of nobody stays the application's while its backup is all that tells."""
    found = belongings_in(backup(), (A, "sales"), Silent())
    (name,) = found.of("resources")
    moved = Targets(images=RegistryMap(), namespaces={"ns": "new"})

    def live(**spec: Any) -> list[Document]:
        labels = {"labels": {}, "annotations": {}}
        return [Document("lrs", f"new/app-{A}", {"metadata": labels, "spec": spec}), *DOCUMENTS]

    def shared(documents: list[Document]) -> dict[str, str]:
        return shared_by_now(found, lambda: documents, None, moved, Silent()).shared("resources")

    assert shared(live()) == {}
    other = Targets(images=RegistryMap(), namespaces={})
    assert shared_by_now(found, lambda: live(x=B), None, other, Silent()).shared("resources") == {}, "it is not there"
    assert lrs_shared_by_now(found, lambda: live()[:1], [A, B], moved, Silent()).shared("resources") == {}
    assert name == f"ns/app-{A}"
