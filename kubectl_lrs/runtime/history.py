"""What was done, by whom, when: lines in the state of this user, appended when an act begins and when it ends.

It is told by `history` and steers nothing. An act never waits for it and never fails by it. It holds no secret: names, places
and counts, and of the call what is no secret.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.safe_files import Directory, unguessable
from kubectl_lrs.runtime.state import folders, made
from kubectl_lrs.runtime.trust import OWN, user_name

FILE = "history.jsonl"

LONGEST = 400
"""Characters of one text in it: a line is written in one piece."""

READ = 16 << 20
"""Bytes of its end that are read."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act. `cluster`: the folder of the state; `target`: where it acts; `what`: on what; `by`: who it was by the word of the
    API server, empty where it was not asked or did not say; `command`: the call, without what is secret in it.

    `ended` is empty where nobody knows.
    """

    id: str
    began: str
    user: str
    verb: str
    cluster: str
    target: str
    what: str
    ended: str = ""
    status: int | None = None
    result: str = ""
    by: str = ""
    command: str = ""


class Writer:
    """Notes one act. `trouble`: why it could not be noted, empty where it was."""

    def __init__(self, whom: str, *, verb: str, target: str, what: str, by: str = "", command: str = "") -> None:
        self.id = unguessable()
        self.trouble = ""
        self._whom = whom
        told = {"by": by, "command": redact.text(command, limit=LONGEST)}
        known = {name: value for name, value in told.items() if value}
        self._append({"began": _now(), "user": _user(), "verb": verb, "target": target, "what": what, **known})

    def end(self, status: int, result: str) -> None:
        """It is over."""
        self._append({"ended": _now(), "status": status, "result": result})

    def _append(self, fields: dict[str, str | int]) -> None:
        said = {name: _short(value) if isinstance(value, str) else value for name, value in fields.items()}
        line = json.dumps({"id": self.id, **said}).encode() + b"\n"
        try:
            with Directory.named(made(self._whom), OWN) as folder:
                descriptor = _opened(folder)
                try:
                    os.write(descriptor, line)
                finally:
                    os.close(descriptor)
        except OSError as error:
            self.trouble = f"{error.filename or FILE}: {error.strerror}"
        except LrsError as error:
            self.trouble = str(error)


def _opened(folder: Directory) -> int:
    try:
        return folder.opened(FILE, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        with suppress(FileExistsError):  # another run was faster
            os.close(folder.create(FILE))
        return folder.opened(FILE, os.O_WRONLY | os.O_APPEND)


def _short(text: str) -> str:
    return redact.known(text)[:LONGEST]


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _user() -> str:
    name = user_name(os.getuid()).partition(" (")[0]
    behind = os.environ.get("SUDO_USER", "")
    return f"{f'{behind} as {name}' if behind and behind != name else name}@{socket.gethostname()}"


# ---- reading


def read() -> tuple[list[Act], list[str]]:
    """(all acts of all clusters, oldest first; what could not be read and why)."""
    acts: list[Act] = []
    troubles: list[str] = []
    for path in folders():
        try:
            acts += _acts(path.name, _lines(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            troubles.append(f"{path / FILE}: {error.strerror or errno.errorcode.get(error.errno or 0, 'cannot be read')}")
        except LrsError as error:
            troubles.append(str(error))
    return sorted(acts, key=lambda act: act.began), troubles


def _lines(path: Path) -> list[bytes]:
    with Directory.named(path, OWN) as folder, folder.reading(FILE) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - READ))
        lines = file.read(READ).splitlines()
    return lines[1:] if size > READ else lines


def _acts(cluster: str, lines: Iterable[bytes]) -> Iterator[Act]:
    """Each act with its end. A line that is none (the disk was full, say) tells nothing of the others."""
    found: dict[str, dict[str, object]] = {}
    for line in lines:
        with suppress(ValueError, RecursionError):
            document = json.loads(line)
            if isinstance(document, dict):
                found.setdefault(str(document.get("id", "")), {}).update(document)
    for identifier, said in found.items():
        if "began" not in said:
            continue
        names = ("began", "user", "verb", "target", "what", "ended", "result", "by", "command")
        texts = {name: str(said.get(name, "")) for name in names}
        status = said.get("status")
        yield Act(id=identifier, cluster=cluster, status=status if isinstance(status, int) else None, **texts)
