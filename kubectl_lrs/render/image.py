"""The image that was made or pushed, as people and programs read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.image.push import Pushed
from kubectl_lrs.model.units import size
from kubectl_lrs.render.view import View
from kubectl_lrs.usecases.image import Image


def image_view(image: Image, folder: Path | None, pushed: Pushed | None) -> View:
    """`image`."""
    digest = image.top.digest
    lines = [_pushed(pushed, digest)] if pushed else []
    lines += [f"{folder}: an OCI layout of {digest}"] if folder else []
    return View(
        kind="Image",
        data={
            "version": __version__,
            "digest": digest,
            "layout": str(folder or ""),
            "platforms": [{"platform": name, "digest": each, "bytes": total} for name, (each, total) in image.platforms.items()],
            "pushed": _data(pushed) if pushed else None,
        },
        columns=("PLATFORM", "SIZE", "DIGEST"),
        rows=[(name, size(total), each) for name, (each, total) in image.platforms.items()],
        names=[f"{pushed.reference}@{digest}" if pushed else digest],
        after=tuple(lines),
        done="; ".join(lines),
    )


def _pushed(pushed: Pushed, digest: str) -> str:
    what = f"{pushed.sent} parts sent ({size(pushed.bytes)}), {pushed.there} were there"
    return f"{pushed.reference}: {pushed.result.value}, {what}: {digest}"


def _data(pushed: Pushed) -> dict[str, Any]:
    return {
        "reference": str(pushed.reference),
        "result": pushed.result.value,
        "sent": pushed.sent,
        "there": pushed.there,
        "sentBytes": pushed.bytes,
    }
