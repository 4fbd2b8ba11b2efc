"""Where the stores beside the cluster are is said, and who says so."""

from __future__ import annotations

import pytest

from kubectl_lrs.commands.places import say_named, say_places
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.stores.files.flags import BackupOptions as Files
from kubectl_lrs.stores.images.flags import BackupOptions as Images
from kubectl_lrs.stores.mongo.flags import BackupOptions as Mongo


def test_what_the_environment_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LRS_MONGO_URI", "mongodb://user:secret@one,two/?replicaSet=rs")
    monkeypatch.setenv("LRS_FILES_URL", "s3://bucket/prefix")
    monkeypatch.setenv("LRS_FILES_ENDPOINT", "https://minio")
    say_named({"mongo": Mongo(), "images": Images(), "files": Files()})
    assert capsys.readouterr().err.splitlines() == [
        "mongo: mongodb://one,two/?replicaSet=rs (LRS_MONGO_URI)",
        "files: s3://bucket/prefix at https://minio (LRS_FILES_URL and LRS_FILES_ENDPOINT)",
    ]


def test_what_the_call_names_is_not_repeated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LRS_FILES_URL", "s3://bucket/prefix")
    say_named({"files": Files(url="/mnt/storage")})
    assert capsys.readouterr().err == ""


def test_places_of_a_restore(capsys: pytest.CaptureFixture[str]) -> None:
    say_places(
        {
            "mongo": RestoreTarget(target="mongodb://a", named_by=NamedBy.FLAG),
            "files": RestoreTarget(target="", named_by=NamedBy.FLAG),
        }
    )
    assert capsys.readouterr().err == "mongo: mongodb://a\n"
