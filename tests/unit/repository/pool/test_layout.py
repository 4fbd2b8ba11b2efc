"""Keys of a pooled repository: what is made is read back, in the order that refs are in; anything else is no key of ours."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.repository.pool import layout
from kubectl_lrs.repository.pool.layout import BackupId

SESSION = "0123456789abcdef" * 2
DIGEST = hashlib.sha256(b"1").hexdigest()

KEYS = st.builds(
    lambda data, session, kind: (
        layout.pack_key(hashlib.sha256(data).hexdigest(), session.hex())
        if kind == "pack"
        else layout.blob_key(hashlib.sha256(data).hexdigest(), session.hex(), packed=kind == "gzip")
    ),
    st.binary(max_size=2),
    st.binary(min_size=16, max_size=16),
    st.sampled_from(["pack", "gzip", "blob"]),
)


@given(st.lists(KEYS, unique=True))
def test_tokens_are_in_the_order_of_the_keys(keys: list[str]) -> None:
    found = [layout.pool_key(key) for key in sorted(keys)]
    tokens = [each.token for each in found if each]
    assert len(tokens) == len(keys)
    assert tokens == sorted(tokens)
    assert all(len(token) == layout.TOKEN for token in tokens)


@given(KEYS)
def test_a_key_says_what_it_was_made_of(key: str) -> None:
    found = layout.pool_key(key)
    assert found is not None
    assert f"/{found.digest[:2]}/{found.digest}.{found.session}" in key
    assert key.startswith(layout.described(found.token).rstrip("…"))


@pytest.mark.parametrize(
    "key",
    [
        "blobs/aa",
        f"blobs/00/{DIGEST}.{SESSION}",  # not its first two digits
        f"blobs/{DIGEST[:2]}/{DIGEST}.{SESSION}.zip",
        f"blobs/{DIGEST[:2]}/{DIGEST}.{SESSION}.gz.gz",
        f"blobs/{DIGEST[:2]}/{DIGEST}.{SESSION[:-1]}",
        f"blobs/{DIGEST[:2]}/{DIGEST.upper()}.{SESSION}",
        f"packs/{DIGEST[:2]}/{DIGEST}.{SESSION}",
        f"packs/{DIGEST[:2]}/{DIGEST}.{SESSION}.zip\n",
        f"x/blobs/{DIGEST[:2]}/{DIGEST}.{SESSION}",
    ],
)
def test_no_key_of_the_pool(key: str) -> None:
    assert layout.pool_key(key) is None


@pytest.mark.parametrize("name", ["lrs_backup_2026_11_27_16_00_00", "a.b.c", f"x.{SESSION}", "A-_."])
def test_backups_are_told_by_name_and_session(name: str) -> None:
    backup = BackupId(name, SESSION)
    assert layout.backup_of(backup.seal) == (backup, "backup.json")
    assert layout.backup_of(backup.key(layout.index_file(7))) == (backup, "index-7.gz")
    assert layout.forgotten_of(backup.forgotten) == backup
    assert backup.seal == f"backups/{name}.{SESSION}/backup.json"


@pytest.mark.parametrize("key", [f"backups/.{SESSION}/x", f"backups/a.{SESSION}/b/c", "backups/a/backup.json", "backups/../x"])
def test_no_key_of_a_backup(key: str) -> None:
    assert layout.backup_of(key) is None


@pytest.mark.parametrize("file", ["backup.json", "index-.gz", "index-1.gz.x", "../refs.gz", "other"])
def test_no_file_that_a_seal_names(file: str) -> None:
    assert not layout.is_of_backup(file)


@given(st.floats(min_value=1e9, max_value=4e9))
def test_condemned_lists_say_when_and_by_whom(at: float) -> None:
    found = layout.condemned_of(layout.condemned_key(at, SESSION))
    assert found is not None
    assert abs(found[0] - at) < 2e-6
    assert found[1] == SESSION
    assert layout.condemned_key(at, SESSION) < layout.condemned_key(at + 1, "0" * 32)
    assert abs(layout.seconds_of(layout.stamped(at)) - at) < 2e-6


def test_what_helps_others() -> None:
    assert layout.session_log_of(layout.session_log(SESSION, 12)) == (SESSION, 12)
    assert layout.hold_of(layout.hold_key(DIGEST[:32], SESSION)) == DIGEST[:32]
    assert layout.reader_of(layout.reader_key(SESSION)) == SESSION
    assert layout.hold_of(layout.reader_key(SESSION)) is None
    for key in ("condemned/20261399T000000000000Z-" + SESSION + ".gz", "condemned/x", f"sessions/{SESSION}.gz", "holds/x"):
        found = layout.condemned_of(key), layout.session_log_of(key), layout.hold_of(key), layout.reader_of(key)
        assert found == (None,) * 4
    assert layout.new_session() != layout.new_session()
    assert layout.session_log_of(layout.session_log(layout.new_session(), 0))


def test_lists_of_segments_and_their_marks() -> None:
    assert layout.segment_of(layout.segment_list(SESSION, 3)) == (SESSION, 3)
    assert layout.session_log_of(layout.segment_list(SESSION, 3)) is None
    assert layout.segment_of(layout.session_log(SESSION, 3)) is None
