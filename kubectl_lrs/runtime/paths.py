"""Looks at paths: what is not there is no failure, what may not be looked at is one (UsageError). Nothing is opened."""

from __future__ import annotations

import stat
from pathlib import Path

from kubectl_lrs.model.errors import UsageError


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
