"""What the operating system refuses, as errors of ours; attributes are held once for all files that have them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from kubectl_lrs.backends.base import KeyExistsError, KeyNotFoundError, NoSpaceError
from kubectl_lrs.backends.local_tree import Tree, attributes_of
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, KeyNotFoundError),
        (errno.ELOOP, KeyExistsError),
        (errno.EISDIR, KeyExistsError),
        (errno.EACCES, DeniedError),
        (errno.EROFS, DeniedError),
        (errno.ENOSPC, NoSpaceError),
        (errno.EDQUOT, NoSpaceError),
        (errno.ESTALE, UnreachableError),
        (errno.EIO, UnreachableError),
        (errno.ENOTCONN, UnreachableError),
        (errno.ENAMETOOLONG, LrsError),
        (errno.EEXIST, LrsError),
    ],
)
def test_each(number: int, kind: type[LrsError]) -> None:
    with pytest.raises(LrsError) as caught:
        Tree("/nowhere", "file:///nowhere").refuse(OSError(number, os.strerror(number)), "a/b")
    assert type(caught.value) is kind
    assert str(caught.value).startswith("file:///nowhere: a/b")


def test_the_same_attributes_are_one_object(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / name).write_text("1")
    first, second = (attributes_of((folder / name).stat()) for name in ("a", "b"))
    assert first is second
    (folder / "b").chmod(0o600)
    assert attributes_of((folder / "b").stat())["mode"] == 0o600
    assert first["mode"] == (folder / "a").stat().st_mode & 0o777


@pytest.mark.parametrize("key", ["..", "a/..", "a/../..", ".", "a//b", "/"])
def test_no_way_leads_out(folder: Path, key: str) -> None:
    (folder / "root" / "a").mkdir(parents=True)
    with pytest.raises(KeyNotFoundError), Tree(str(folder / "root"), "file://root").directory(key):
        pass
