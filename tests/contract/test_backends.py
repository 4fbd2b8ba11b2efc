"""What every back end of bytes does alike: one suite for memory, a path, S3 (a real gateway), HDFS (a real one) and Google's."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from kubectl_lrs.backends import s3_client
from kubectl_lrs.backends.base import Backend, KeyExistsError, KeyNotFoundError, Stat, get, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.backends.s3_upload import MIN_PART
from kubectl_lrs.model.errors import LrsError, UnreachableError
from tests.bed import azurite, hdfs
from tests.bed.s3 import S3

no_hdfs = pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")
no_azurite = pytest.mark.skipif(bool(azurite.missing()), reason=f"Azure is not tested: {azurite.missing()}")
KINDS = (
    "memory",
    "local",
    "s3",
    "s3 of ours",
    "s3 by botocore",
    pytest.param("gcs", marks=pytest.mark.campaign),
    pytest.param("azure", marks=[pytest.mark.campaign, no_azurite]),
    pytest.param("hdfs", marks=no_hdfs),
)
FLAT = ("memory", "s3", "s3 of ours", "s3 by botocore")
"""Those in which a key is any text."""


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Each kind in turn, empty."""
    return _opened(request, str(request.param), tmp_path, monkeypatch)


@pytest.fixture(params=FLAT)
def flat(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Each kind in which a key is any text."""
    return _opened(request, str(request.param), tmp_path, monkeypatch)


def _opened(request: pytest.FixtureRequest, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    name = f"c{abs(hash(request.node.name)) % 10**10}"
    if kind == "memory":
        return Memory()
    if kind == "local":
        (tmp_path / "root").mkdir()
        return open_backend(StorageLocation(url=f"file://{tmp_path}/root"))
    if kind == "hdfs":
        found = request.getfixturevalue("cluster")
        backend = open_backend(StorageLocation(url=f"{found.url}/{name}"))
        put(backend, "made", b"")
        backend.delete("made")
        return backend
    if kind == "gcs":
        google = request.getfixturevalue("gcs")
        google.make_bucket(name)
        return open_backend(
            StorageLocation(url=f"gs://{name}/some/prefix", endpoint=google.endpoint, options={"token": "anon"}, is_ours=True)
        )
    if kind == "azure":
        server = request.getfixturevalue("azurite")
        server.make_container(name)
        options = {"account_name": server.account, "account_key": server.key}
        return open_backend(StorageLocation(url=f"az://{name}/some/prefix", endpoint=server.base, options=options, is_ours=True))
    gateway = request.getfixturevalue("s3")
    for variable, value in gateway.environment.items():
        monkeypatch.setenv(variable, value)
    (gateway.buckets / name).mkdir()
    has_obstore = s3_client.is_here() and kind != "s3 by botocore"
    monkeypatch.setattr(s3_client, "is_here", lambda: has_obstore)
    place = StorageLocation(url=f"s3://{name}/some/prefix", endpoint=gateway.endpoint, is_ours=kind == "s3 of ours")
    assert (s3_client.opened(place).quick is not None) == has_obstore
    return open_backend(place)


def _upload(backend: Backend, key: str, data: bytes, *, replace: bool = False) -> None:
    pieces = iter([data[at : at + 3_000_000] for at in range(0, len(data), 3_000_000)])
    upload = backend.upload(key, len(data), pieces, {}, replace=replace)
    backend.sync()
    upload.commit()


# ---- one object


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff\r\n" * 1000], ids=["empty", "one", "binary"])
def test_what_is_put_is_what_is_got(backend: Backend, data: bytes) -> None:
    written = put(backend, "a/b", data)
    assert (written.stat.key, written.stat.size) == ("a/b", len(data))
    assert get(backend, "a/b") == data
    found = backend.stat("a/b")
    assert (found.key, found.size, found.etag) == (written.stat.key, written.stat.size, written.stat.etag)
    assert [(each.key, each.size) for each in backend.list()] == [("a/b", len(data))]


@pytest.mark.parametrize("size", [MIN_PART - 1, MIN_PART, MIN_PART + 1, 2 * MIN_PART + 7])
def test_sizes_around_a_part(backend: Backend, size: int) -> None:
    data = (os.urandom(1 << 20) * (size // (1 << 20) + 1))[:size]
    _upload(backend, "large", data)
    assert get(backend, "large") == data
    assert backend.stat("large").size == size


def test_ranges(backend: Backend) -> None:
    put(backend, "key", b"0123456789")
    assert backend.read_range("key", 0, 4) == b"0123"
    assert backend.read_range("key", 4, 100) == b"456789"
    assert backend.read_range("key", 9, 1) == b"9"
    assert backend.read_range("key", 10, 5) == b""
    with pytest.raises(KeyNotFoundError):
        backend.read_range("none", 0, 1)


def test_what_is_not_there(backend: Backend) -> None:
    for absent in ("none", "no/directory/none"):
        with pytest.raises(KeyNotFoundError):
            backend.stat(absent)
        with pytest.raises(KeyNotFoundError):
            backend.read(Stat(absent, 3), lambda _data: None)
        backend.delete(absent)
    assert list(backend.list()) == []


def test_removed(backend: Backend) -> None:
    put(backend, "a", b"1")
    backend.delete("a")
    assert list(backend.list()) == []
    put(backend, "a", b"2")
    assert get(backend, "a") == b"2"


def test_many_removed_at_once(backend: Backend) -> None:
    for key in ("a/1", "a/2", "b", "\u00fc &<x>"):
        put(backend, key, b"1")
    assert backend.delete_many(["a/1", "none", "\u00fc &<x>", "no/directory/none"]) == {}
    assert [each.key for each in backend.list()] == ["a/2", "b"]
    assert backend.delete_many([]) == {}


def test_more_than_a_page_removed_at_once(flat: Backend, s3: S3) -> None:
    keys = [f"{number:05}" for number in range(1003)]
    _fill(flat, s3, [*keys, "other"])
    assert flat.delete_many(keys) == {}
    assert [each.key for each in flat.list()] == ["other"]


# ---- the clock


def test_the_storages_clock_is_the_one_of_its_objects(backend: Backend) -> None:
    """To within two seconds: some tell it in whole ones, and give what they have told before for so long."""
    before = backend.now()
    put(backend, "a", b"1")
    told = {backend.stat("a").mtime, *(each.mtime for each in backend.list())}
    after = backend.now()
    assert all(mtime is not None and before - 2 < mtime < after + 2 for mtime in told)
    assert [each.key for each in backend.list()] == ["a"]


def test_a_clock_that_is_set() -> None:
    memory = Memory(clock=lambda: 1000.0)
    put(memory, "a", b"1")
    memory.clock = lambda: 2000.5
    put(memory, "b", b"1")
    assert [each.mtime for each in memory.list()] == [1000.0, 2000.5]
    assert (memory.now(), memory.stat("a").mtime) == (2000.5, 1000.0)


# ---- made once


@pytest.mark.parametrize("size", [1, MIN_PART + 1])
def test_one_that_is_asked_for_a_single_time(backend: Backend, size: int) -> None:
    upload = backend.upload("seal", size, iter([b"x" * size]), {}, replace=False)
    backend.sync()
    assert upload.commit(once=True).stat.size == size
    assert backend.stat("seal").size == size
    with pytest.raises(KeyExistsError):
        backend.upload("seal", 1, iter([b"y"]), {}, replace=False).commit(once=True)


def test_one_that_is_there_is_not_overwritten_unless_asked(backend: Backend) -> None:
    put(backend, "a/b", b"first")
    before = backend.stat("a/b")
    for data in (b"other", b"first"):
        with pytest.raises(KeyExistsError):
            put(backend, "a/b", data)
    assert get(backend, "a/b") == b"first"
    put(backend, "a/b", b"other", replace=True)
    assert get(backend, "a/b") == b"other"
    assert backend.stat("a/b").etag != before.etag


def test_of_many_who_make_one_object_one_does(backend: Backend) -> None:
    """The uploads are there before the first is committed, so that what decides is the last step.

    On S3 that is the server's word: a name that must be one's own has to be one that nobody else makes.
    """
    count = 6
    uploads = [backend.upload("race", 1, iter([b"%d" % n]), {}, replace=False) for n in range(count)]
    won: list[int] = []
    lost: list[int] = []
    gate = threading.Barrier(count)

    def run(number: int) -> None:
        gate.wait()
        try:
            uploads[number].commit()
        except KeyExistsError:
            lost.append(number)
        else:
            won.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) + len(lost) == count
    assert won
    if backend.url.startswith("s3:"):  # the gateway looks, and then writes: who comes between wins, too
        with suppress(LrsError):  # and one's sum may come to stand beside another's content, which is not believed then
            assert get(backend, "race") in {b"%d" % number for number in won}
    else:
        assert len(won) == 1
        assert get(backend, "race") == b"%d" % won[0]


def test_many_writers_of_many_objects(backend: Backend) -> None:
    failed: list[BaseException] = []

    def run(writer: int) -> None:
        try:
            for number in range(8):
                put(backend, f"d{number}/{writer}", b"%d-%d" % (writer, number))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    keys = sorted(f"d{number}/{writer}" for number in range(8) for writer in range(4))
    assert [each.key for each in backend.list()] == keys
    assert get(backend, "d7/3") == b"3-7"


@pytest.mark.parametrize("size", [10, 2 * MIN_PART])
@pytest.mark.parametrize("replace", [False, True])
def test_what_breaks_off_leaves_nothing(backend: Backend, size: int, replace: bool) -> None:
    if replace:
        put(backend, "a/b", b"before")

    def broken() -> Iterator[bytes]:
        yield b"x" * (size - 1)
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError, match="gone"):
        backend.upload("a/b", size, broken(), {}, replace=replace)
    assert [(each.key, each.size) for each in backend.list()] == ([("a/b", 6)] if replace else [])


@pytest.mark.parametrize("size", [10, 2 * MIN_PART])
def test_an_upload_that_is_given_up_leaves_nothing(backend: Backend, size: int) -> None:
    left: list[object] = []
    backend.upload("a/b", size, iter([b"x" * size]), {}, replace=False).abort()
    assert list(backend.list(skipped=lambda *what: left.append(what))) == []
    assert left == []


@pytest.mark.parametrize("large", [False, True])
def test_a_trial_leaves_nothing(backend: Backend, large: bool) -> None:
    left: list[object] = []
    backend.probe(large=large)
    assert list(backend.list(skipped=lambda *what: left.append(what))) == []
    assert left == []
    assert backend.is_alive()


# ---- lists

KEYS = ["Z", "a b", "a!", "a-b/x", "a.txt", "a/b", "a/b.c", "a/c/d", "aa", "ab/1", "b", "\u00fc/\u00e9", "\U0001f600"]


def test_a_list_is_in_the_order_of_the_keys_bytes(backend: Backend) -> None:
    for key in KEYS:
        put(backend, key, b"1")
    assert [each.key for each in backend.list()] == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("prefix", ["a", "a/", "a/b", "ab/", "none", "\u00fc"])
@pytest.mark.parametrize("after", ["", "a.txt", "a/b", "a/c", "b", "\U0001f600"])
def test_a_list_of_a_part(prefix: str, after: str, tmp_path: Path) -> None:
    """Of the two kinds that can be asked often; the others are asked some of it below."""
    memory, local = Memory(), Local(str(tmp_path))
    for key in KEYS:
        put(memory, key, b"1")
        put(local, key, b"1")
    wanted = [key for key in sorted(KEYS, key=str.encode) if key.startswith(prefix) and key.encode() > after.encode()]
    assert [each.key for each in memory.list(prefix, after=after)] == wanted
    assert [each.key for each in local.list(prefix, after=after)] == wanted


def test_a_list_of_a_part_everywhere(backend: Backend) -> None:
    for key in KEYS:
        put(backend, key, b"1")
    assert [each.key for each in backend.list("a/")] == ["a/b", "a/b.c", "a/c/d"]
    assert [each.key for each in backend.list("a", after="a/b")] == ["a/b.c", "a/c/d", "aa", "ab/1"]
    assert [each.key for each in backend.list(after="b")] == ["\u00fc/\u00e9", "\U0001f600"]


def test_a_list_of_more_than_a_page(flat: Backend, s3: S3) -> None:
    keys = [f"{number:05}" for number in range(1003)]
    _fill(flat, s3, keys)
    assert [each.key for each in flat.list()] == keys
    assert [each.key for each in flat.list(after="00500")] == keys[501:]


def _fill(flat: Backend, s3: S3, keys: Sequence[str]) -> None:
    """With empty objects, past the door where that is faster."""
    if isinstance(flat, Memory):
        for key in keys:
            put(flat, key, b"")
        return
    root = s3.buckets / flat.url.split("/")[2] / "some" / "prefix"
    root.mkdir(parents=True)
    for key in keys:
        (root / key).touch()


# ---- names

ODD = [
    "with blank",
    "100%",
    "q?a=b#c",
    "a\\b",
    "quo\"te'",
    "\u00fc\u0308",
    "\U0001f600/\u00e9",
    "tab\tx",
    "&<>",
    "x" * 255,
    "-",
    "~",
    "+",
]


@pytest.mark.parametrize("key", ODD)
def test_odd_keys(backend: Backend, key: str) -> None:
    if backend.url.startswith("az:") and {"\\", "\t"} & set(key):  # which it takes for a slash, or not at all
        assert backend.refuses(key)
        return
    assert backend.refuses(key) == ""
    put(backend, key, key.encode())
    assert [each.key for each in backend.list()] == [key]
    assert get(backend, key) == key.encode()
    backend.delete(key)
    assert list(backend.list()) == []


def test_a_key_of_a_thousand_bytes(backend: Backend) -> None:
    key = "/".join(["k" * 99] * 9 + ["\u00fc" * 45])
    assert len(key.encode()) == 990
    assert backend.refuses(key) == ""
    put(backend, key, b"1")
    assert [each.key for each in backend.list()] == [key]


@pytest.mark.parametrize("key", ["a//b", "a/", "/a"])
def test_keys_that_only_an_object_store_has(backend: Backend, key: str) -> None:
    """They are taken as they are, or refused before anything is asked."""
    if backend.refuses(key):
        assert not isinstance(backend, Memory)
        return
    if key.endswith("/"):
        put(backend, key, b"")  # this gateway keeps directories, and takes no content for one
    elif backend.url.startswith(("memory", "gs:")):
        put(backend, key, b"1")
    else:
        return  # the gateway keeps plain files, and makes one slash of two
    assert [each.key for each in backend.list()] == [key]


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "k" * 5000, "k/" * 3000])
def test_keys_that_nothing_has(backend: Backend, key: str) -> None:
    assert backend.refuses(key)


# ---- beside the content, and directories


def test_what_is_kept_beside_the_content(backend: Backend, tmp_path: Path) -> None:
    sent: dict[str, object] = {
        "mode": 0o640, "permission": "640", "ContentType": "text/x-python", "Metadata": {"owner": "me"}
    }  # fmt: skip
    sent = {name: value for name, value in sent.items() if name in backend.keeps}
    assert bool(sent) == bool(backend.keeps)
    if not sent:
        return
    found = put(backend, "a/b", b"1", sent).stat.attributes
    assert found is not None
    assert sent.items() <= found.items()
    reading = backend.read(backend.stat("a/b"), lambda _data: None)
    assert reading.stat.attributes == found


METADATA = (
    {"mtime": "1700000000.123456789"},
    {"s3cmd-attrs": "uid:0/gname:root/mode:33188"},
    {"Mixed-Case": "A  B"},
    {"content-type": "theirs", "cache-control": "theirs"},
    {"tagging": "a=b", "storage-class": "none"},
    {"a.b_c": 'q="1", x; y'},
)


@pytest.mark.parametrize("metadata", METADATA, ids=lambda each: next(iter(each)))
def test_metadata_of_other_programs(flat: Backend, metadata: dict[str, str]) -> None:
    """By whichever library: what rclone and s3cmd leave, and names that a library could take for something else."""
    sent = {"ContentType": "ours", "Metadata": metadata}
    found = put(flat, "a", b"1", sent).stat.attributes or {}
    assert found["ContentType"] == "ours"
    assert {name.lower(): value for name, value in found["Metadata"].items()} in (
        {name.lower(): value for name, value in metadata.items()},
        {name.lower(): " ".join(value.split()) for name, value in metadata.items()},  # a server may take blanks for one
    )


def test_a_directory_that_is_made_with_what_is_kept_of_it(backend: Backend) -> None:
    kept = {"mode": 0o2750, "permission": "750"}
    kept = {name: value for name, value in kept.items() if name in backend.keeps}
    assert backend.make_directory("in", kept) == ()
    put(backend, "in/a", b"1")
    found = backend.directory("in")
    assert kept.items() <= found.items()
    assert bool(kept) == bool(found)
    assert [each.key for each in backend.list()] == ["in/a"]


def test_equal_etags_are_equal_content_only_where_it_is_said(backend: Backend) -> None:
    first, second = (put(backend, key, b"alike").stat for key in ("a", "b"))
    if backend.tells_content(first.etag):
        assert first.etag == second.etag
    else:
        assert not put(backend, "c", b"alike").is_proven


def test_letters_that_look_alike_are_other_names(backend: Backend) -> None:
    """Macs write an accent as a letter of its own, and others do not: a name that is put in order on the way is another one."""
    keys = sorted(("e\u0301.txt", "\u00e9.txt", "a\u0308/u\u0308.txt", "\u00e4/\u00fc.txt", "\u2126"), key=str.encode)
    for key in keys:
        put(backend, key, ascii(key).encode())
    assert [each.key for each in backend.list()] == keys
    for key in keys:
        assert get(backend, key) == ascii(key).encode()
        assert backend.read_range(key, 1, 3) == ascii(key).encode()[1:4]
    backend.delete(keys[0])
    assert [each.key for each in backend.list()] == keys[1:]
