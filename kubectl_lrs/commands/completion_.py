"""`kubectl lrs completion`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from kubectl_lrs import render
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.completion.install import executable, install
from kubectl_lrs.completion.scripts import SCRIPTS, script
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Options, Source, argument, flag
from kubectl_lrs.model.units import self_name

INSTALL = "install"
WHAT = f"[{'|'.join((INSTALL, *SCRIPTS))}]"


@dataclass(frozen=True, kw_only=True)
class Flags(Options):
    """What is written, and where."""

    what: str | None = argument("what", default=None, metavar=WHAT, choices=(INSTALL, *SCRIPTS))
    directory: str = flag(
        "--dir",
        default="",
        metavar="DIR",
        source=Source.DIRECTORY,
        help="With install: another folder on PATH than the plugin's own.",
    )


@lrs_command(
    "completion",
    Flags,
    examples=[
        ('So that "@ <TAB>" completes, wherever kubectl itself completes', "@ completion install"),
        ("For the plugin's own executable, in this bash", "source <(@ completion bash)"),
        ("In every zsh", '@ completion zsh > "${fpath[1]}/_kubectl-lrs"'),
        ("In every fish", "@ completion fish > ~/.config/fish/completions/kubectl-lrs.fish"),
        ("In this PowerShell", "@ completion powershell | Out-String | Invoke-Expression"),
    ],
    exits=(0, 1, 2),
)
def command(given: Given) -> None:
    """Complete words with the Tab key.

    Verbs, flags, values, and names from the kubeconfig, the cluster and the backups are completed.

    `install` writes kubectl_complete-lrs, two lines, beside the plugin's executable: kubectl (1.26 or newer) calls it.
    The names of the shells print a script for those who call the executable kubectl-lrs itself.
    """
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
