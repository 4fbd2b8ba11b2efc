"""`kubectl lrs version`."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass

from kubectl_lrs import __version__, render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Given, Tables
from kubectl_lrs.model.catalog import FORMAT_VERSION
from kubectl_lrs.model.flags import flag


@dataclass(frozen=True, kw_only=True)
class Flags(Tables):
    """As kubectl has them."""

    client: bool = flag("--client", default=False, help="As kubectl has it; there is no other part whose version could be told.")


@lrs_command("version", Flags, examples=[("Version, Python and the backup format it writes", "@ version -o json")])
def command(given: Given) -> None:
    """Print the version."""
    output = given.of(Flags).output
    facts = {"version": __version__, "python": platform.python_version(), "backupFormat": FORMAT_VERSION}
    if output == "json":
        render.answer(f"{json.dumps(facts, indent=2)}\n")
    elif output == "yaml":
        render.answer("".join(f"{key}: {value}\n" for key, value in facts.items()))
    elif output == "name":
        render.answer(f"kubectl-lrs/{__version__}\n")
    else:
        render.answer(f"kubectl lrs {__version__} (Python {facts['python']}, backup format {FORMAT_VERSION})\n")
