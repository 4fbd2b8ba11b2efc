"""Files as a backup has them: every byte, the right sum, and never through what is no plain file."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.repository.plain.files import CHUNK, SMALL, Below, disk_error, file_sum, reading, sync_file_system, write_all
from kubectl_lrs.runtime.safe_files import Directory


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, CHUNK - 1, CHUNK, CHUNK + 1, SMALL + CHUNK, 3 * CHUNK])
def test_sums_of_any_size(folder: Path, size: int) -> None:
    data = os.urandom(size)
    (folder / "f").write_bytes(data)
    wanted = hashlib.sha256(data).hexdigest()
    with Directory.named(folder) as opened, Below(opened) as files:
        assert files.sum("f") == (wanted, size)
    with reading(str(folder / "f")) as file:
        assert file_sum(file) == wanted
    assert file_sum(io.BytesIO(data)) == wanted


def test_every_byte_however_many_calls_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def little(_descriptor: int, data: bytes) -> int:
        written.append(data[:3])
        return len(data[:3])

    monkeypatch.setattr(os, "write", little)
    write_all(7, b"0123456789")
    assert b"".join(written) == b"0123456789"


def test_what_is_no_plain_file_is_not_read(folder: Path) -> None:
    (folder / "f").write_text("x")
    (folder / "link").symlink_to(folder / "f")
    os.mkfifo(folder / "pipe")
    for name in ("link", "pipe", "none", "."):
        with pytest.raises((OSError, LrsError)):
            reading(str(folder / name)).close()


def test_what_was_written_is_on_the_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    sync_file_system(descriptor, folder)
    os.close(descriptor)
    with pytest.raises(OSError, match=str(folder)):
        sync_file_system(descriptor, folder)


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (OSError(errno.ENOSPC, "x"), "no space left", ExitCode.FAILED),
        (OSError(errno.EDQUOT, "x"), "no space left", ExitCode.FAILED),
        (PermissionError(errno.EACCES, "x"), "cannot be written", ExitCode.USAGE),
        (OSError(errno.EROFS, "x"), "cannot be written", ExitCode.USAGE),
        (NotADirectoryError(errno.ENOTDIR, "x"), "not a folder", ExitCode.USAGE),
        (OSError(errno.EIO, "Input/output error", "/other"), "/other: Input/output error; no backup was made", ExitCode.FAILED),
    ],
)
def test_a_write_that_failed(error: OSError, said: str, code: ExitCode) -> None:
    found = disk_error(error, Path("/backups"))
    assert said in str(found)
    assert found.exit_code is code
