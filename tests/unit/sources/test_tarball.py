"""A packed tar in one pass: what is good is given, in its order; the rest is in `hostile/test_others_hostile.py`."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.sources.tarball import members
from tests.builders import velero

LONG = f"resources/{'x' * 300}/é.json"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_members_in_their_order_with_long_names(form: int) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as tar:
        directory = tarfile.TarInfo("resources")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        for path in ("./b", LONG, "a"):
            info = tarfile.TarInfo(path)
            info.size = len(path)
            tar.addfile(info, io.BytesIO(path.encode()[: info.size]))
    found = [(each.path, each.content()) for each in members(io.BytesIO(gzip.compress(held.getvalue())), "it")]
    assert [path for path, _ in found] == ["b", LONG, "a"]
    assert found[0][1] == b"./b"


def test_contents_that_are_not_asked_for_are_passed_over() -> None:
    data = velero.tarball([("a", bytes(1 << 20)), ("b", b"x")])
    assert [each.path for each in members(io.BytesIO(data), "it")] == ["metadata/version", "a", "b"]


def test_one_without_anything() -> None:
    with pytest.raises(DamageError, match="it: damaged"):
        list(members(io.BytesIO(gzip.compress(b"")), "it"))
