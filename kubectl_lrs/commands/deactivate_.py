"""The flags and the help of `kubectl lrs deactivate`."""

from __future__ import annotations

from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Backups, Quiet, Tables, Trusting, Yes
from kubectl_lrs.model.flags import Group, Source, flag
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions


class Flags(Backups):
    """What is meant, and where it is noted."""

    every: bool = flag(
        "--all", default=False, group=Group.MEANT, help="Every active deployment that the token sees, not custom models alone."
    )
    journal: str = flag(
        "--journal",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.OUTPUT,
        help="Where it is noted what was active; lrs_deactivated_ and the UTC time in the folder of the backups if not given.",
    )


HELP = """Deactivate deployments, and note what each one was before.

By default every active deployment of a custom model. Goes through the application's API and needs no cluster. Each
deployment's status is in the journal before anything is changed; `activate` brings back exactly those. A run that
was interrupted, or did not wait, is continued by the same command.

URL and token always come from one source, the first of: --org-token-file with --url, or a file that holds endpoint:
and token:; --url and a prompt; LRS_DATAROBOT_URL and LRS_DATAROBOT_API_TOKEN; DATAROBOT_ENDPOINT and
DATAROBOT_API_TOKEN; the file that DATAROBOT_CONFIG_FILE names; ~/.config/datarobot/drconfig.yaml.
"""


command = lrs_command(
    "deactivate",
    ApiOptions,
    ChoiceOptions,
    Flags,
    Trusting,
    ChangeOptions,
    Yes,
    Tables,
    Quiet,
    help=HELP,
    examples=[
        ("What would be deactivated", "@ deactivate --dry-run=client"),
        ("Every active custom model, with the journal in the current directory", "@ deactivate"),
        (
            "Two organisations, sixteen deployments at once",
            "@ deactivate --url https://dr.example.com --org-token-file one.token --org-token-file two.token --parallel 16",
        ),
        ("Some of them, without a question", "@ deactivate --include 'churn-*' --exclude 65f0c0ffee65f0c0ffee65f0 --yes"),
        ("And back again", "@ activate"),
    ],
    exits=(0, 1, 2, 3, 5, 130),
)
