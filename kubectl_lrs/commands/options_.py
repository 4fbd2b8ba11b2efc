"""`kubectl lrs options`: the flags that all verbs share with kubectl."""

from __future__ import annotations

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import HelpContext, common_options


@click.command("options")
@click.pass_context
def command(ctx: click.Context) -> None:
    """List the flags that all verbs share with kubectl."""
    formatter = ctx.make_formatter()
    formatter.write_text(
        "These flags can stand anywhere after the plugin's name, with any verb. All but --color and --config are kubectl's:"
    )
    with formatter.indentation():
        formatter.write_dl([record for option in common_options() if (record := option.get_help_record(ctx))])
    render.answer(f"{formatter.getvalue().rstrip()}\n")


command.context_class = HelpContext
