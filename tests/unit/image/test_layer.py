"""Layers: the same bytes for the same files, root's, and nothing that deletes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest

from kubectl_lrs.image.layer import EPOCH, Hashed, unpacked_digest, write
from kubectl_lrs.image.plugin import File
from kubectl_lrs.model.errors import DamageError

FILES = [File("usr/bin/it", True, b"#!"), File("usr/lib/it/a", False, b"a"), File("usr/lib/it/b", False, b"")]


def test_what_a_layer_holds() -> None:
    out = io.BytesIO()
    made = write(FILES, out, "type")
    packed, plain = out.getvalue(), gzip.decompress(out.getvalue())
    assert (made.size, made.digest) == (len(packed), f"sha256:{hashlib.sha256(packed).hexdigest()}")
    assert made.diff_id == unpacked_digest(packed) == f"sha256:{hashlib.sha256(plain).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        entries = tar.getmembers()
    assert [(each.name, each.mode, each.isdir()) for each in entries] == [
        ("usr", 0o755, True),
        ("usr/bin", 0o755, True),
        ("usr/bin/it", 0o755, False),
        ("usr/lib", 0o755, True),
        ("usr/lib/it", 0o755, True),
        ("usr/lib/it/a", 0o644, False),
        ("usr/lib/it/b", 0o644, False),
    ]
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in entries} == {(0, 0, "", "", EPOCH)}


def test_the_same_each_time() -> None:
    one, other = io.BytesIO(), io.BytesIO()
    assert write(FILES, one, "t") == write(iter(FILES), other, "t")
    assert one.getvalue() == other.getvalue()
    assert write([*FILES, File("z", False, b"")], io.BytesIO(), "t") != write(FILES, io.BytesIO(), "t")


@pytest.mark.parametrize("name", ["usr/.wh.lib", ".wh..wh..opq", "/etc/passwd", "../x"])
def test_what_has_no_place(name: str) -> None:
    with pytest.raises(DamageError, match="no place"):
        write([File(name, False, b"")], io.BytesIO(), "t")


def test_what_passes_is_summed() -> None:
    out = io.BytesIO()
    hashed = Hashed(out)
    assert hashed.write(b"ab") == 2
    assert (out.getvalue(), hashed.size, hashed.digest) == (b"ab", 2, f"sha256:{hashlib.sha256(b'ab').hexdigest()}")
