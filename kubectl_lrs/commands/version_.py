"""`kubectl lrs version`."""

from __future__ import annotations

import json
import platform

import click

from kubectl_lrs import __version__
from kubectl_lrs.commands.command import output_option, verb
from kubectl_lrs.model.catalog import FORMAT_VERSION


@verb("version", examples=[("Version, Python and the backup format it writes", "@ version -o json")])
@click.option("--client", is_flag=True, help="As kubectl has it; there is no other part whose version could be told.")
@output_option("table", "wide", "json", "yaml", "name")
def command(_ctx: click.Context, client: bool, output: str) -> None:  # noqa: ARG001
    """Print the version."""
    facts = {"version": __version__, "python": platform.python_version(), "backupFormat": FORMAT_VERSION}
    if output == "json":
        click.echo(json.dumps(facts, indent=2))
    elif output == "yaml":
        click.echo("".join(f"{key}: {value}\n" for key, value in facts.items()), nl=False)
    elif output == "name":
        click.echo(f"kubectl-lrs/{__version__}")
    else:
        click.echo(f"kubectl lrs {__version__} (Python {facts['python']}, backup format {FORMAT_VERSION})")
