"""The flags and the help of `kubectl lrs schema`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.model.flags import Options, Source, argument


class Flags(Options):
    """What is described."""

    kind: str = argument("kind", default="", metavar="[KIND|notes]", source=Source.KINDS)


HELP = """Print the JSON Schema of what -o json prints.

Each document for programs says its kind; without KIND all kinds are listed, with the commands that print them. All
have apiVersion, kind, and items: what the document is about, each with tier, namespace, name, state and message.
Within a version of apiVersion fields are only ever added. A command that fails before it has an answer prints a
document of kind Error; the exit status is the same as without -o json.

notes lists the notes and warnings that can be acknowledged, each with the id that -o json has too.
"""


command = lrs_command(
    "schema",
    Flags,
    help=HELP,
    examples=[
        ("All kinds", "@ schema"),
        ("What restore -o json prints", "@ schema RestoreReport"),
        ("The notes that can be acknowledged", "@ schema notes"),
    ],
)
