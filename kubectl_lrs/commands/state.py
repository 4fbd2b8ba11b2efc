"""The folder of the state for a call that writes journals: made, or it is said why there is none."""

from __future__ import annotations

from pathlib import Path

from kubectl_lrs import render
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.runtime import state


def state_folder(whom: str, *, make: bool) -> Path | None:
    """That of a cluster or an application. `make`: it is to be written."""
    if not make:
        return state.folder_of(whom)
    folder, why = state.made_or_why(whom)
    if why:
        render.remark(Remark(f"{why}: journals lie beside the backups alone", Note.STATE_NOT_KEPT))
    return folder


def application(endpoint: str) -> str:
    """What tells an application: deactivate and activate speak to no cluster."""
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint)
    return parts.netloc.rpartition("@")[2] + parts.path.removesuffix("/api/v2")
