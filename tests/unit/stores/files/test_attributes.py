"""What stands beside the content, between kinds of storages that keep different things: pure."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.stores.files.attributes import altered, differences, settable

PATH = frozenset(("mode", "uid", "gid"))
S3 = frozenset(("ContentType", "ContentEncoding", "ContentDisposition", "ContentLanguage", "CacheControl", "Metadata"))
HDFS = frozenset(("permission", "owner", "group"))


@pytest.mark.parametrize(
    ("keeps", "saved", "given", "refused"),
    [
        (PATH, {"mode": 0o640, "uid": 1, "gid": 2}, {"mode": 0o640, "uid": 1, "gid": 2}, ()),
        (S3, {"mode": 0o640, "uid": 1, "gid": 2}, {}, ()),
        (PATH, {"ContentType": "a/b", "Metadata": {"a": "b"}}, {}, ()),
        (HDFS, {"permission": "640", "owner": "me", "group": "us"}, {"permission": "640", "owner": "me", "group": "us"}, ()),
        (PATH, {"mode": "rwx", "uid": -1, "gid": 2**80, "x": {}}, {}, ("gid", "mode", "uid", "x")),
        (PATH, {"mode": True}, {}, ("mode",)),
        (S3, {"ContentType": "a\r\nb", "Metadata": {"a": "\u00fc"}}, {}, ("ContentType", "Metadata")),
        (S3, {"Metadata": ["a"], "CacheControl": 3}, {}, ("CacheControl", "Metadata")),
        (HDFS, {"permission": "rwx", "owner": "a\nb"}, {}, ("owner", "permission")),
        (S3, {"ContentEncoding": "aws-chunked"}, {}, ()),
        (S3, {"ContentEncoding": "gzip,aws-chunked"}, {"ContentEncoding": "gzip"}, ()),
        (S3, {"ContentEncoding": "aws-chunked, gzip"}, {"ContentEncoding": "gzip"}, ()),
        (S3, {"ContentEncoding": ["gzip"]}, {}, ("ContentEncoding",)),
    ],
)
def test_what_can_be_set(keeps: frozenset[str], saved: dict[str, Any], given: dict[str, Any], refused: tuple[str, ...]) -> None:
    assert settable(keeps, saved) == (given, refused)


@pytest.mark.parametrize(
    ("keeps", "wanted", "there", "said"),
    [
        (PATH, {"mode": 0o640}, {"mode": 0o640, "uid": 0, "gid": 0}, []),
        (PATH, {"mode": 0o640}, {"mode": 0o600}, ["mode 600, not 640"]),
        (PATH, {"mode": 0o104640}, {"mode": 0o640}, []),
        (PATH, {"mode": 0, "uid": 1, "gid": 1}, {"mode": 0, "uid": 2, "gid": 2}, []),
        (PATH, {}, {"mode": 0o600}, []),
        (S3, {}, {"ContentType": "binary/octet-stream", "Metadata": {"of": "another"}}, []),
        (S3, {}, {"ContentEncoding": "gzip"}, ["Content-Encoding 'gzip', not none"]),
        (S3, {"CacheControl": "x"}, {"CacheControl": "x", "ContentType": "binary/octet-stream"}, []),
        (S3, {"Metadata": {"Owner": "me"}}, {"Metadata": {"owner": "me"}}, []),
        (S3, {"Metadata": {"owner": "me"}}, {"Metadata": {"owner": "you"}}, ["metadata owner of another value"]),
        (S3, {"ContentType": "a/b"}, {}, ["Content-Type none, not 'a/b'"]),
        (HDFS, {"permission": "0640"}, {"permission": "640"}, []),
        (HDFS, {"permission": "640", "owner": "me"}, {"permission": "600", "owner": "you"}, ["permission '600', not '640'"]),
    ],
)
def test_what_makes_it_another_file(
    keeps: frozenset[str], wanted: dict[str, Any], there: dict[str, Any], said: list[str]
) -> None:
    assert list(differences(keeps, wanted, there)) == said


def test_an_owner_that_may_not_be_given_is_no_alteration_and_one_that_was_taken_is() -> None:
    sent, there = {"mode": 0o640, "uid": 1, "gid": 2}, {"mode": 0o640, "uid": 0, "gid": 0}
    assert list(altered(PATH, sent, there, ("owner 1:2",))) == []
    assert list(altered(PATH, sent, there)) == ["owner 0, not 1", "group 0, not 2"]
    assert list(altered(HDFS, {"owner": "a", "group": "b"}, {"owner": "c", "group": "d"}, ("owner a:b",))) == []
