"""The executable that kubectl asks what can follow the plugin's name: `kubectl_complete-NAME` beside `kubectl-NAME`.

Source: kubernetes/kubectl, `pkg/cmd/plugin/plugin_completion.go`. Krew links a plugin's own executable only, so this
one is written on request.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.runtime.safe_files import write_atomically

PREFIX = "kubectl-"
DEFAULT_FILE = "kubectl-lrs"


@dataclass(frozen=True)
class Installed:
    """The shim, whether it had to be written, and whether its folder is on PATH."""

    path: Path
    is_new: bool
    is_on_path: bool


def executable(argv0: str) -> str:
    """The file name that the plugin was started by, `kubectl-lrs` where it was not started as one."""
    name = Path(argv0).name.removesuffix(".exe")
    return name if name.startswith(PREFIX) else DEFAULT_FILE


def install(argv0: str, directory: str, search_path: str) -> Installed:
    """Write the shim into `directory`, else beside the plugin's executable; `search_path` is PATH."""
    file = executable(argv0)
    folder = Path(directory) if directory else _own_folder(argv0, file, search_path)
    path = folder / file.replace(PREFIX, "kubectl_complete-", 1)
    text = f'#!/bin/sh\nexec {file} __complete "$@"\n'
    is_new = _write(path, text)
    on_path = {os.path.abspath(each) for each in search_path.split(os.pathsep) if each}  # noqa: PTH100  links count as they are
    return Installed(path, is_new, os.path.abspath(folder) in on_path)  # noqa: PTH100


def _own_folder(argv0: str, file: str, search_path: str) -> Path:
    """Where the plugin's executable, or the link to it, was found."""
    if Path(argv0).name.startswith(PREFIX) and os.sep in argv0:
        return Path(argv0).parent
    found = shutil.which(file, path=search_path)
    if not found:
        raise UsageError(f"{file} is not on PATH, so there is no folder of its own", hint="choose one on PATH with --dir")
    return Path(found).parent


def _write(path: Path, text: str) -> bool:
    """Whether it was written; LrsError where something else is there, or it cannot be written."""
    try:
        if path.is_file() and path.read_text() == text and os.access(path, os.X_OK):
            return False
        if os.path.lexists(path) and (not path.is_file() or "__complete" not in path.read_text(errors="replace")):
            raise LrsError(f"{path}: something else is there, and is left alone", hint="remove it, or choose a folder with --dir")
        write_atomically(path, text)
        path.chmod(0o755)
    except OSError as error:
        raise LrsError(
            f"{path}: cannot be written: {error.strerror}", hint="choose a folder on PATH that is yours with --dir"
        ) from error
    return True
