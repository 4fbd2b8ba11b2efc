"""What `deactivate` and `activate` share: the flags of the API and of the choice, and how they become values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from kubectl_lrs import render
from kubectl_lrs.commands.command import kube_flags
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import duration
from kubectl_lrs.stores.deployments.api.credentials import SCHEMES, ApiFlags
from kubectl_lrs.stores.deployments.inventory import Account, look_up
from kubectl_lrs.stores.deployments.plan import Choice, parse_ids
from kubectl_lrs.stores.lrs import connect as wiring
from kubectl_lrs.usecases.deployments import Effort

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PARALLEL = 8

_API = (
    click.option("--url", default="", metavar="URL", help="The application's URL; deactivate --help tells from where else."),
    click.option(
        "--org-token-file",
        "token_files",
        multiple=True,
        metavar="FILE",
        help="File that holds an API token; one for each organisation.",
    ),
    click.option("--api-ca-file", "ca_file", default="", metavar="FILE", help="Certificate file of the application's authority."),
    click.option(
        "--auth-scheme",
        "scheme",
        type=click.Choice(SCHEMES),
        default="auto",
        show_default=True,
        help="How the token is sent; auto tries both.",
    ),
)

_CHOICE = (
    click.option("--include", multiple=True, metavar="PATTERN", help="Only these: a pattern of labels ('churn*'), or an id."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these: a pattern of labels, or an id."),
    click.option("--ids-file", default="", metavar="FILE", help="Only these: a file with one id a line."),
)

_EFFORT = (
    click.option(
        "--parallel",
        type=click.IntRange(1, 64),
        default=DEFAULT_PARALLEL,
        show_default=True,
        help="Deployments that are changed at once; 1 is one after the other.",
    ),
    click.option("--wait/--no-wait", default=True, show_default=True, help="Follow each deployment to the wanted status."),
    click.option("--timeout", default="10m", show_default=True, metavar="DURATION", help="For one deployment to get there."),
    click.option(
        "--dry-run",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        help="Show what would be changed; the API has no dry run of its own, so both are the same.",
    ),
)


def _all(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


api_options = _all(_API)
choice_options = _all(_CHOICE)
effort_options = _all(_EFFORT)


def accounts_of(ctx: click.Context, options: dict[str, Any], *, quiet: bool) -> list[Account]:
    """Ask the application who each token is, and say so."""
    flags = kube_flags(ctx)
    if flags.token:
        raise UsageError(
            "--token is a flag of kubectl, and no token is taken from the command line",
            hint="name a file that holds it with --org-token-file",
        )
    api = ApiFlags(url=options["url"], token_files=options["token_files"], ca_file=options["ca_file"], scheme=options["scheme"])
    found = wiring.api_accesses(api, ask=_ask if sys.stdin.isatty() else None)
    for access in found:
        if access.is_in_clear:
            render.say(f"warning: {access.endpoint}: not https, so the token travels unencrypted")
        if access.verify is False:
            render.say(f"warning: {access.source}: ssl_verify is off, so anybody may be at the other end")
    accounts = look_up(wiring.api_clients(found, flags.request_timeout))
    if not quiet:
        for line in render.account_lines(accounts):
            render.say(line)
    return accounts


def refuse_token(ctx: click.Context) -> None:
    """The flag that kubectl has for its own token would be taken for the application's."""
    if kube_flags(ctx).token:
        raise UsageError(
            "--token is a flag of kubectl, and no token is taken from the command line",
            hint="name a file that holds it with --org-token-file",
        )


def api_flags(options: dict[str, Any]) -> ApiFlags:
    """The flags of the API as a value."""
    return ApiFlags(url=options["url"], token_files=options["token_files"], ca_file=options["ca_file"], scheme=options["scheme"])


def _ask(question: str) -> str:
    answer: str = click.prompt(question, hide_input=True, err=True)
    return answer


def choice_of(options: dict[str, Any], *, every: bool = False) -> Choice:
    """Which deployments the flags mean."""
    ids = None
    if name := options["ids_file"]:
        try:
            ids = parse_ids(Path(name).read_text(), where=name)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--ids-file {name}: cannot be read: {getattr(error, 'strerror', 'not text')}") from error
    return Choice(all=every, include=options["include"], exclude=options["exclude"], ids=ids)


def effort_of(options: dict[str, Any]) -> Effort:
    """How the plan is to be applied."""
    timeout = duration(options["timeout"], what="--timeout").total_seconds()
    return Effort(workers=options["parallel"], timeout=timeout, wait=options["wait"])


def count(number: int, thing: str = "deployment") -> str:
    """`1 deployment`, `2 deployments`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
