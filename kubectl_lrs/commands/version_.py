"""The flags and the help of `kubectl lrs version`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.model.flags import flag


class Flags(Tables):
    """As kubectl has them."""

    client: bool = flag("--client", default=False, help="As kubectl has it; there is no other part whose version could be told.")


HELP = """Print the version."""


command = lrs_command(
    "version", Flags, help=HELP, examples=[("Version, Python and the backup format it writes", "@ version -o json")]
)
