"""Whose files may steer an act. What lies in a folder that others may write steers only if nobody else can have made it.

Must not open anything; `safe_files` does.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.model.errors import UsageError

_WHAT_TO_DO = (
    "look at it; if it is right, make it yours alone (chown, chmod go-w, no link), else move it away; "
    "--accept-owner USER takes another user's"
)


class RefusedError(UsageError):
    """Something would steer an act, and may have been put there by others. `why` says so without the path."""

    def __init__(self, path: Path | str, why: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {why}", hint=hint or _WHAT_TO_DO)
        self.why = why


@dataclass(frozen=True)
class Trust:
    """Whose files may steer an act, beside our own and root's. `anyone`: the user has named the very file.

    `shared`: files may have several names, as those that sealed backups share.
    """

    owners: frozenset[int] = frozenset()
    anyone: bool = False
    shared: bool = False

    def doubt(self, found: os.stat_result, folder: os.stat_result | None = None) -> str:
        """Why something may not steer, empty where it may; `folder` is what it lies in, itself for a folder."""
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            return f"it is {kind_of(found)}, not a plain file"
        if self.anyone:
            return ""
        if found.st_uid not in {os.geteuid(), 0, *self.owners}:
            return f"it belongs to {user_name(found.st_uid)}"
        if _others_may_write(found, folder or found):
            return f"others may write it (mode {stat.S_IMODE(found.st_mode):04o})"
        if stat.S_ISREG(found.st_mode) and found.st_nlink != 1 and not self.shared:
            return f"it has {found.st_nlink} names (hard links)"
        return ""


OWN = Trust()
NAMED = Trust(anyone=True)
SEALED = Trust(shared=True)
"""For what lies in sealed backups of ours."""


def _others_may_write(found: os.stat_result, folder: os.stat_result) -> bool:
    """A group that is ours may, in a folder that hands it on: that is how Kubernetes makes a volume a pod's (fsGroup)."""
    if found.st_mode & stat.S_IWOTH:
        return True
    if not found.st_mode & stat.S_IWGRP:
        return False
    is_shared_with_us = found.st_gid in {os.getegid(), *os.getgroups()} and folder.st_mode & stat.S_ISGID
    return not is_shared_with_us


def kind_of(found: os.stat_result) -> str:
    """What something is, for a person."""
    kinds: tuple[tuple[Callable[[int], bool], str], ...] = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISREG, "a file"),
    )
    return next((name for is_this, name in kinds if is_this(found.st_mode)), "a device")


def is_mine(found: os.stat_result) -> bool:
    """A plain file that nobody but this user can have made, has under another name, or may write."""
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_uid == os.geteuid()
        and found.st_nlink == 1
        and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def is_read_only(found: os.stat_result) -> bool:
    """A plain file of this user that nobody may write, whatever its names are."""
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o222


def user_name(uid: int) -> str:
    """A user for a person."""
    with suppress(KeyError):
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    return f"uid {uid}"


def user_id(text: str) -> int:
    """The user that a name or a number means."""
    if text.isdigit():
        return int(text)
    try:
        return pwd.getpwnam(text).pw_uid
    except KeyError as error:
        raise UsageError(f"there is no user {text!r}", hint="name the user, or give the number") from error
