"""What `check` looks at: what was asked for; what is wrong on the command line ends it, what cannot be had does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.consistency import Unchecked
from kubectl_lrs.model.errors import DeniedError, UnreachableError, UsageError
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.stores.files import connect as files
from kubectl_lrs.stores.files.flags import CheckOptions as FilesOptions
from kubectl_lrs.stores.files.storage import Storage
from kubectl_lrs.stores.images.flags import CheckOptions as ImagesOptions
from kubectl_lrs.stores.lrs.connect import Target
from kubectl_lrs.stores.mongo import connect as mongo
from kubectl_lrs.stores.mongo.flags import CheckOptions as MongoOptions
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.usecases.check_live import ImageSource, Sources
from kubectl_lrs.usecases.check_sources import SourceOptions, named_for_every_call, sources
from tests.builders.fake_kube import LRS, FakeKube


class Kube(FakeKube):
    """With the context's namespace."""

    connection = SimpleNamespace(server="https://127.0.0.1", context="", namespace="of-context")


def _sources(*wanted: str, namespace: str | None = None, asked: bool = True, **options: Any) -> Sources:
    made = {"mongo": MongoOptions(), "images": ImagesOptions(), "files": FilesOptions(), **options}
    return sources(
        Target(Kube(), LRS),  # type: ignore[arg-type]
        namespace,
        SourceOptions(**made),
        wanted=wanted,
        asked=wanted if asked else (),
        accounts=Unchecked("no"),
        backups=PlainRepository(Path()),
        stale_after=timedelta(hours=1),
    )


def test_nothing_is_looked_at_that_was_not_asked_for() -> None:
    found = _sources()
    parts = {"mongo": found.mongo, "images": found.images, "files": found.storage}
    for part in parts.values():
        assert isinstance(part, Unchecked)
        assert part.flag
        assert not part.failed


@pytest.mark.parametrize(("namespace", "where"), [("mine", "mine"), (None, "of-context")])
def test_where_the_application_runs(namespace: str | None, where: str) -> None:
    found = _sources(namespace=namespace)
    assert (found.namespace, found.application_namespace) == (namespace, where)


def test_each_that_was_asked_for(folder: Path) -> None:
    given = {"files": FilesOptions(url=str(folder)), "mongo": MongoOptions(uri="mongodb://127.0.0.1:1/app", database="app")}
    found = _sources("mongo", "images", "files", **given)
    assert isinstance(found.mongo, Mongo)
    assert (found.mongo.access.describe(), found.database) == ("mongodb://127.0.0.1:1", "app")
    assert isinstance(found.images, ImageSource)
    assert isinstance(found.storage, Storage)
    assert str(folder) in found.storage.url


@pytest.mark.parametrize("error", [UnreachableError("away"), DeniedError("no", hint="log in")])
def test_a_store_that_cannot_be_had_is_unchecked_though_asked_for(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(mongo, "access", fail)
    monkeypatch.setattr(files, "storage", fail)
    found = _sources("mongo", "files")
    for part in (found.mongo, found.storage):
        assert isinstance(part, Unchecked)
        assert part.failed
        assert str(error) in part.why


@pytest.mark.parametrize(
    "options",
    [
        {"mongo": MongoOptions(uri="http://no-mongo")},
        {"mongo": MongoOptions(uri="mongodb://me:pw@host")},
        {"files": FilesOptions(url="nonsense://x")},
    ],
)
def test_what_is_asked_for_and_wrong_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        _sources(*options, **options)
    found = _sources(*options, asked=False, **options)
    (part,) = (each for name, each in {"mongo": found.mongo, "files": found.storage}.items() if name in options)
    assert isinstance(part, Unchecked), "of the environment alone it is said"
    assert str(caught.value) in part.why


def test_two_ways_to_mongo_are_refused_even_where_it_is_not_looked_at() -> None:
    both = SourceOptions(
        mongo=MongoOptions(uri="mongodb://h", uri_file="f"),
        images=ImagesOptions(),
        files=FilesOptions(),
    )
    with pytest.raises(UsageError, match="both given"):
        both.refuse_contradictions()
    SourceOptions.of(lambda kind: kind()).refuse_contradictions()


_OPTIONS = SourceOptions(mongo=MongoOptions(), images=ImagesOptions(), files=FilesOptions())


def test_what_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_for_every_call(_OPTIONS) == []
    monkeypatch.setenv("LRS_MONGO_URI", "mongodb://h")
    monkeypatch.setenv("LRS_FILES_URL", "  ")
    assert named_for_every_call(_OPTIONS) == ["mongo"], "blanks name nothing"
    monkeypatch.setenv("LRS_FILES_URL", "/mnt")
    assert named_for_every_call(_OPTIONS) == ["mongo", "files"]


def test_what_the_installation_file_names() -> None:
    mongo, file = (
        MongoOptions(uri_file="u", configured=frozenset(("--mongo-uri-file",)), settings_file="f"),
        FilesOptions(url="/x"),
    )
    assert named_for_every_call(replace(_OPTIONS, mongo=mongo, files=file)) == ["mongo"], "a flag is a word for this call"
    files = FilesOptions(url="/x", configured=frozenset(("--files-url",)), settings_file="f")
    assert named_for_every_call(replace(_OPTIONS, files=files)) == ["files"]
