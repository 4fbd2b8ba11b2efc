"""What can be said of the application's API and its deployments on a command line. Pure data."""

from __future__ import annotations

from kubectl_lrs.model.flags import Group, Options, Source, flag

API = Group.API
EXPORTED = (
    "LRS_DATAROBOT_URL",
    "LRS_DATAROBOT_API_TOKEN",
    "DATAROBOT_ENDPOINT",
    "DATAROBOT_API_TOKEN",
    "DATAROBOT_CONFIG_FILE",
)
"""Variables that name an API for all calls of a shell. Tokens of an installation file are not sent to that one."""

SCHEMES = ("auto", "bearer", "token")


class ApiOptions(Options):
    """Where the API is, and who asks; empty where nothing was said."""

    url: str = flag(
        "--url",
        key="api.url",
        variable="LRS_DATAROBOT_URL",
        yields=EXPORTED,
        default="",
        metavar="URL",
        group=API,
        help="The application's URL; deactivate --help tells from where else.",
    )
    token_files: tuple[str, ...] = flag(
        "--org-token-file",
        key="api.tokenFiles",
        yields=("--url", *EXPORTED),
        default=(),
        metavar="FILE",
        source=Source.FILE,
        group=API,
        help="File that holds an API token; one for each organisation.",
    )
    ca_file: str = flag(
        "--api-ca-file",
        key="api.caFile",
        yields=("--url", *EXPORTED),
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=API,
        help="Certificate file of the application's authority.",
    )
    scheme: str = flag(
        "--auth-scheme",
        key="api.authScheme",
        default="auto",
        choices=SCHEMES,
        shown=True,
        group=API,
        help="How the token is sent; auto tries both.",
    )


class AlsoOptions(ApiOptions):
    """Whether a command that is about something else asks the API too."""

    with_deployments: bool | None = flag(
        "--deployments",
        key="api.deployments",
        off="--no-deployments",
        default=None,
        group=API,
        help="The status of each deployment too; by default when the application's URL and token are given.",
    )


class ChoiceOptions(Options):
    """Which deployments are meant."""

    include: tuple[str, ...] = flag(
        "--include",
        default=(),
        metavar="PATTERN",
        group=Group.MEANT,
        help="Only these: a pattern of labels ('churn*'), or an id.",
    )
    exclude: tuple[str, ...] = flag(
        "--exclude", default=(), metavar="PATTERN", group=Group.MEANT, help="Not these: a pattern of labels, or an id."
    )
    ids_file: str = flag(
        "--ids-file",
        default="",
        metavar="FILE",
        source=Source.FILE,
        group=Group.MEANT,
        help="Only these: a file with one id a line.",
    )


class ChangeOptions(Options):
    """How deployments are changed."""

    parallel: int = flag(
        "--parallel",
        key="deployments.parallel",
        default=8,
        least=1,
        most=64,
        shown=True,
        group=Group.HOW,
        help="Deployments that are changed at once; 1 is one after the other.",
    )
    wait: bool = flag(
        "--wait",
        key="deployments.wait",
        off="--no-wait",
        default=True,
        shown=True,
        group=Group.HOW,
        help="Follow each deployment to the wanted status.",
    )
    timeout: str = flag(
        "--timeout",
        key="deployments.timeout",
        default="10m",
        metavar="DURATION",
        shown=True,
        group=Group.HOW,
        help="For one deployment to get there.",
    )
    dry_run: str = flag(
        "--dry-run",
        default="none",
        alone="client",
        choices=("none", "client", "server"),
        group=Group.HOW,
        help="Show what would be changed; the API has no dry run of its own, so both are the same.",
    )
