"""From the document of an installation file to values: each of its kind, nothing unknown, no secret."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Flag, Source
from kubectl_lrs.model.settings import ABOUT_CLUSTER, is_path, kind_of, schema, values_of

TABLE = {
    **ABOUT_CLUSTER,
    "mongo.uri": Flag(names=("--mongo-uri",), default="", key="mongo.uri"),
    "mongo.uriFile": Flag(names=("--mongo-uri-file",), default="", key="mongo.uriFile", source=Source.FILE),
    "mongo.service": Flag(names=("--mongo-service",), default="pcs", key="mongo.service"),
    "files.url": Flag(names=("--files-url",), default="", key="files.url"),
    "files.all": Flag(names=("--files-all",), default=False, key="files.all"),
    "api.deployments": Flag(names=("--deployments",), default=None, off="--no-deployments", key="api.deployments"),
    "images.exclude": Flag(names=("--exclude-image",), default=(), key="images.exclude"),
    "images.mapRegistry": Flag(names=("--map-registry",), default=(), metavar="OLD=NEW", key="images.mapRegistry"),
    "images.parallel": Flag(names=("--images-parallel",), default=6, least=1, most=32, key="images.parallel"),
    "restore.existing": Flag(names=("--existing",), default=Existing.SKIP, choices=tuple(Existing), key="restore.existing"),
}


def _values(document: Any) -> dict[str, Any]:
    return values_of(document, TABLE, acts={"dryRun": "--dry-run", "yes": "--yes"}, where="prod.yaml")


def test_values_are_as_the_command_line_gives_them() -> None:
    found = _values(
        {
            "namespace": "datarobot",
            "cluster": {"uid": "u", "context": "prod"},
            "files": {"all": True},
            "api": {"deployments": False},
            "images": {"exclude": ["docker.io/*"], "mapRegistry": {"a": "b/c"}, "parallel": 4},
            "restore": {"existing": "fail"},
        }
    )
    assert found == {
        "namespace": "datarobot",
        "cluster.uid": "u",
        "cluster.context": "prod",
        "files.all": True,
        "api.deployments": False,
        "images.exclude": ("docker.io/*",),
        "images.mapRegistry": ("a=b/c",),
        "images.parallel": 4,
        "restore.existing": "fail",
    }
    assert _values({"images": {"mapRegistry": ["a=b"]}}) == {"images.mapRegistry": ("a=b",)}
    assert _values({}) == {}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "not a mapping of settings"),
        ("text", "not a mapping of settings"),
        ({"mongo": None}, "mongo is a section"),
        ({"mongo": "x"}, "mongo is a section"),
        ({"files": {"all": "yes"}}, "files.all: neither true nor false"),
        ({"files": {"all": 1}}, "files.all: neither true nor false"),
        ({"images": {"parallel": "4"}}, "images.parallel: not a number that it takes: 1 to 32"),
        ({"images": {"parallel": 0}}, "1 to 32"),
        ({"images": {"parallel": 33}}, "1 to 32"),
        ({"images": {"parallel": True}}, "1 to 32"),
        ({"images": {"exclude": "docker.io/*"}}, "images.exclude: not a list"),
        ({"images": {"exclude": [1]}}, "images.exclude: not text"),
        ({"images": {"mapRegistry": "a=b"}}, "images.mapRegistry: not a mapping"),
        ({"images": {"mapRegistry": {"a": None}}}, "images.mapRegistry: not text"),
        ({"restore": {"existing": "perhaps"}}, "restore.existing: it is one of: "),
        ({"namespace": ""}, "namespace: an empty value names nothing"),
        ({"namespace": " "}, "namespace: an empty value names nothing"),
        ({"cluster": {"uid": 7}}, "cluster.uid: not text"),
        ({"namespace": "a\0b"}, "namespace: it holds a NUL"),
        ({"mongo": {"uri": "mongodb://h/", "uriFile": "f"}}, "mongo.uri and mongo.uriFile say two things"),
        ({"mongo": {"uriFile": "f", "service": "s"}}, "mongo.uriFile and mongo.service say two things"),
    ],
)
def test_what_is_not_taken_is_named(document: Any, said: str) -> None:
    with pytest.raises(UsageError) as error:
        _values(document)
    assert str(error.value).startswith("prod.yaml: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("document", "near"),
    [
        ({"namespac": "x"}, "namespace"),
        ({"mongo": {"urifile": "x"}}, "mongo.uriFile"),
        ({"uriFile": "x"}, "mongo.uriFile"),
        ({"image": {"exclude": []}}, "images"),
        ({"files": {"mapRegistry": {}}}, "images.mapRegistry"),
        ({"zzzzzz": 1}, "config schema prints"),
    ],
)
def test_an_unknown_key_is_an_error_with_near_ones(document: Any, near: str) -> None:
    with pytest.raises(UsageError, match="unknown setting") as error:
        _values(document)
    assert near in error.value.hint


@pytest.mark.parametrize("document", [{"yes": True}, {"restore": {"yes": True}}, {"dryRun": "client"}])
def test_an_act_is_no_setting(document: Any) -> None:
    with pytest.raises(UsageError, match="counts for one call alone"):
        _values(document)


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "document",
    [
        {"mongo": {"password": SECRET}},
        {"api": {"token": SECRET}},
        {"files": {"secretAccessKey": SECRET}},
        {"mongo": {"uri": f"mongodb://user:{SECRET}@host/db"}},
        {"mongo": {"uri": f"mongodb://user@host/db?tlsCertificateKeyFilePassword={SECRET}"}},
        {"mongo": {"uri": f"mongodb://user@host/db?authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}"}},
        {"files": {"url": f"s3://key:{SECRET}@bucket/x"}},
        {"mongo": {"uri": f"mongodb://user:{SECRET}/x@host/db"}},
        {"files": {"url": f"https://h/x?sig={SECRET}"}},
        {"files": {"url": f"https://h/x?X-Amz-Signature={SECRET}"}},
        {"namespace": f"eyJhbGciOiJIUzI1NiJ9.{SECRET}"},
        {"images": {"exclude": ["AKIAIOSFODNN7EXAMPLE"]}},
        {"images": {"mapRegistry": {"a": "-----BEGIN PRIVATE KEY-----"}}},
        {"cluster": {"context": "NjVmMGMwZmZlZTAxMjM0NTY3ODlhYmNkOkhlbGxv"}},
    ],
)
def test_a_secret_is_refused_and_shown_to_nobody(document: Any) -> None:
    with pytest.raises(UsageError) as error:
        _values(document)
    assert "secret" in f"{error.value}{error.value.hint}"
    assert SECRET not in f"{error.value}{error.value.hint}"
    assert "mongo.uriFile" in error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://user@host:27017/MMApp?replicaSet=rs",
        "mongodb://one:27017,two:27017/MMApp?appName=a@b",
        "webhdfs://host:9870/backups@home",
        "https://[::1]:9000/a@b",
        "s3://a-very-long-bucket-name-that-goes-on-and-on/prefix-1/and/more",
        "prod",
    ],
)
def test_what_is_no_secret_is_taken(text: str) -> None:
    assert _values({"mongo": {"uri": text}}) == {"mongo.uri": text}


def test_which_values_are_paths() -> None:
    assert is_path(TABLE["mongo.uriFile"], "secrets/uri")
    assert is_path(TABLE["files.url"], "storage")
    assert not is_path(TABLE["files.url"], "s3://bucket")
    assert not is_path(TABLE["mongo.service"], "a/b")


def test_the_schema_has_every_setting_in_its_kind() -> None:
    made = schema(TABLE)
    assert made["additionalProperties"] is False
    images = made["properties"]["images"]
    assert images["additionalProperties"] is False
    assert images["properties"]["parallel"] | {"description": ""} == {
        "type": "integer",
        "minimum": 1,
        "maximum": 32,
        "description": "",
    }
    assert images["properties"]["exclude"]["items"] == {"type": "string", "minLength": 1}
    assert made["properties"]["restore"]["properties"]["existing"]["enum"] == [each.value for each in Existing]
    assert {kind_of(flag) for flag in TABLE.values()} == {"text", "yes", "number", "list", "map"}
