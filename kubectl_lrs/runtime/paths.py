"""Looks at paths: what is not there is no failure, what may not be looked at is one (UsageError). Nothing is opened."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from kubectl_lrs.model.errors import UsageError

_URL = re.compile(r"[a-z][a-z0-9+.-]*:/|(?:file|s3|gs|az|abfss?|hdfs|webhdfs|https?|ftp):", re.IGNORECASE)


def is_url(where: str) -> bool:
    """Whether a name is that of a storage, or was meant to be: as a path of this machine it is written `./s3:x`."""
    return _URL.match(where) is not None


def expanded(text: str) -> Path:
    """A path with `~` as a shell has it; where there is no such home, one that is not there."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path("/nowhere") / text


def exists(path: Path) -> bool:
    """Whether anything is there, at the end of links."""
    return _mode(path) != 0


def is_folder(path: Path) -> bool:
    """Whether a folder is there."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: Path) -> bool:
    """Whether a plain file is there."""
    return stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    """What `stat` says; 0 where there is nothing."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def home() -> Path:
    """The user's folder; one that there is not for a user without a name and HOME, as in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nowhere")
