"""Why a call has no answer, for programs: the one document of a call that failed before it had another."""

from __future__ import annotations

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.render.documents import error
from kubectl_lrs.render.output import errors
from kubectl_lrs.render.view import View, show
from kubectl_lrs.runtime import redact


def show_error(code: ExitCode, output: str) -> None:
    """On standard output, in the format that was asked for. What it says was said on standard error too."""
    message, hint, reason = (redact.known(text) for text in errors())
    show(View(error(message, hint=hint, reason=reason or code.name.capitalize(), status=int(code))), output)
