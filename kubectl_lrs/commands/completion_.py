"""The flags and the help of `kubectl lrs completion`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.completion.scripts import SCRIPTS
from kubectl_lrs.model.flags import Options, Source, argument, flag

INSTALL = "install"


WHAT = f"[{'|'.join((INSTALL, *SCRIPTS))}]"


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


HELP = """Complete words with the Tab key.

Verbs, flags, values, and names from the kubeconfig, the cluster and the backups are completed.

`install` writes kubectl_complete-lrs, two lines, beside the plugin's executable: kubectl (1.26 or newer) calls it.
The names of the shells print a script for those who call the executable kubectl-lrs itself.
"""


command = lrs_command(
    "completion",
    Flags,
    help=HELP,
    examples=[
        ('So that "@ <TAB>" completes, wherever kubectl itself completes', "@ completion install"),
        ("For the plugin's own executable, in this bash", "source <(@ completion bash)"),
        ("In every zsh", '@ completion zsh > "${fpath[1]}/_kubectl-lrs"'),
        ("In every fish", "@ completion fish > ~/.config/fish/completions/kubectl-lrs.fish"),
        ("In this PowerShell", "@ completion powershell | Out-String | Invoke-Expression"),
    ],
    exits=(0, 1, 2),
)
