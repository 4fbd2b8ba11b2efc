"""`kubectl lrs __complete`: what the shells and kubectl's `kubectl_complete-lrs` ask; no person types it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.completion import engine


class _Words(click.Command):
    """Takes the words as they are: they are another command line, and may be flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.args = args
        return args


@click.command("__complete", cls=_Words, hidden=True, add_help_option=False)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print what can stand at the last of the words."""
    assert ctx.parent is not None
    assert isinstance(ctx.parent.command, click.Group)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.__stdin__.fileno() if sys.__stdin__ else 0)  # nothing may ask a question now
    commands = ctx.parent.command

    def settings(named: str) -> Mapping[str, Any]:
        """What the installation file says that is named, or lies alone in the folder of settings: no cluster is asked."""
        from kubectl_lrs.commands import config_files

        path, _ = config_files.named(named)
        found = [path] if path else config_files.there()
        if len(found) != 1:
            return {}
        from kubectl_lrs.commands.installation import read

        return read(Path(found[0]), commands, is_found=not path).values

    render.answer(engine.complete(commands, ctx.parent, ctx.args, settings).text(), is_data=True)
