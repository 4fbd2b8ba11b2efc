"""Print the script of a shell, or install what kubectl asks, as `completion_` is told."""

from __future__ import annotations

import os
import sys

from kubectl_lrs import render
from kubectl_lrs.commands.completion_ import INSTALL, Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.completion.install import executable, install
from kubectl_lrs.completion.scripts import SCRIPTS, script
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import self_name


def run(given: Given) -> None:
    """The script, or what was written."""
    flags = given.of(Flags)
    what, directory = flags.what, flags.directory
    if what is None:
        raise UsageError(f"completion needs one of: {INSTALL}, {', '.join(SCRIPTS)}", hint="most want: completion install")
    if what != INSTALL:
        if directory:
            raise UsageError("--dir goes with install alone; a script is printed")
        render.answer(script(what, executable(sys.argv[0])), is_data=True)
        return
    done = install(sys.argv[0], directory, os.environ.get("PATH", os.defpath))
    said = f"wrote {done.path}" if done.is_new else f"{done.path} is there already"
    render.answer(f"{said}\n", done=said if done.is_new else "")
    if not done.is_on_path:
        render.say(f"warning: {done.path.parent} is not on PATH, where kubectl looks for it")
    name = self_name(sys.argv[0])
    render.say(f'"{name} <TAB>" completes wherever kubectl does; for kubectl see: kubectl completion --help')
