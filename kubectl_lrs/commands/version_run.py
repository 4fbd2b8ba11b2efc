"""Print the version, as `version_` is told."""

from __future__ import annotations

import platform

from kubectl_lrs import __version__, render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.version_ import Flags
from kubectl_lrs.model.catalog import FORMAT_VERSION


def run(given: Given) -> None:
    """The version, in the format that was asked for."""
    output = given.of(Flags).output
    facts = {"version": __version__, "python": platform.python_version(), "backupFormat": FORMAT_VERSION}
    if output in ("json", "yaml"):
        render.show(render.View(facts, kind="Version"), output)
    elif output == "name":
        render.answer(f"kubectl-lrs/{__version__}\n")
    else:
        render.answer(f"kubectl lrs {__version__} (Python {facts['python']}, backup format {FORMAT_VERSION})\n")
