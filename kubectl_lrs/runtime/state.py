"""Where this user's own state lies: journals and the history, one folder for each cluster or application.

It is not where the backups are, so it is there whichever folder of backups a call names. Must not read what lies in it.
"""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.paths import home, is_url
from kubectl_lrs.runtime.safe_files import make_folder

VARIABLE = "LRS_STATE_DIR"
_NAME = "kubectl-lrs"


def token(text: str) -> str:
    """The part of a name of a file that tells which cluster or application it is about."""
    return "".join(char if char.isalnum() or char == "-" else "_" for char in text)[:80]


def root() -> Path:
    """The folder of all state; nothing is made."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    found = Path(os.environ.get("XDG_STATE_HOME", ""))
    # The specification of XDG has a relative path ignored.
    return (found if found.is_absolute() else home() / ".local" / "state") / _NAME


def folder_of(whom: str) -> Path:
    """The folder of a cluster (its uid) or an application (its host); nothing is made."""
    return root() / (token(whom) or "unknown")


def folders() -> list[Path]:
    """All folders that there are."""
    try:
        return sorted(path for path in root().iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def made(whom: str) -> Path:
    """The folder, 0700. OSError where it cannot be made; UsageError where the place that was named is not there."""
    folder = folder_of(whom)
    if named := os.environ.get(VARIABLE):
        if is_url(named):
            raise UsageError(f"{VARIABLE} {named!r}: not a path of this machine", hint="name a folder that can be written")
        make_folder(folder.parent)  # where it is a share that is not mounted, nothing is made in its place
    else:
        home().stat()
        for above in reversed(folder.parents[:4]):  # from ~/.local down
            above.mkdir(mode=0o700, exist_ok=True)
    make_folder(folder)
    return folder


def made_or_why(whom: str) -> tuple[Path | None, str]:
    """The folder, or why there is none. UsageError: the user has named a place where none can be."""
    try:
        return made(whom), ""
    except OSError as error:
        why = f"{error.filename or root()}: {error.strerror}"
        if os.environ.get(VARIABLE):
            raise UsageError(f"{VARIABLE}: {why}", hint="name a folder that can be written") from error
        return None, why


# ---- in a pod


def require_lasting(folder: Path) -> None:
    """UsageError in a pod where neither this folder nor the state outlives it: who would know then what was active?

    A pod is told by what Kubernetes sets in one, and that there is no kubeconfig. What lies on its own root is gone with it;
    a file system of its own is a volume.
    """
    if not _is_pod() or os.environ.get(VARIABLE) or _device(folder) != _device(Path("/")):
        return
    raise UsageError(
        f"{folder.absolute()}: is gone when this pod is, and the journal with it",
        hint=f"name a folder on a volume with --backup-dir, or with {VARIABLE}",
    )


def _is_pod() -> bool:
    if not os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("KUBECONFIG"):
        return False
    return not (home() / ".kube" / "config").exists()


def _device(path: Path) -> int:
    """That of the path, or of what is to hold it."""
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there.stat().st_dev
