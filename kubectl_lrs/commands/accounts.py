"""Who asks the application's API, and which deployments are meant: what several commands have to find out first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet
from kubectl_lrs.commands.unused import refuse
from kubectl_lrs.model.errors import InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.flags import Options, flags_of
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.model.units import counted, duration
from kubectl_lrs.stores.deployments.flags import ApiOptions, ChangeOptions, ChoiceOptions

if TYPE_CHECKING:
    from kubectl_lrs.stores.deployments.inventory import Account
    from kubectl_lrs.stores.deployments.plan import Choice
    from kubectl_lrs.usecases.deployments import ApplyOptions


def accounts_of(given: Given, options: ApiOptions) -> list[Account]:
    """Ask the application who each token is, and say so."""
    from kubectl_lrs.stores.deployments.connect import api_accesses, api_clients  # most calls do not ask it
    from kubectl_lrs.stores.deployments.inventory import look_up

    refuse_token(given)
    found = api_accesses(options, ask=_ask if sys.stdin.isatty() else None)
    for access in found:
        if access.is_in_clear:
            _warn(f"{access.endpoint}: not https, so the token travels unencrypted", Note.API_IN_CLEAR)
        if access.verify is False:
            _warn(f"{access.source}: ssl_verify is off, so anybody may be at the other end", Note.API_NOT_VERIFIED)
    accounts = look_up(api_clients(found, given.kube.request_timeout, given.cancel))
    if not given.of(Quiet).quiet:
        for line in render.account_lines(accounts):
            render.say(line)
    return accounts


def _warn(message: str, note: Note) -> None:
    render.remark(Remark(message, note, is_warning=True))


def ends_the_run(error: LrsError, options: Options) -> bool:
    """Whether the failure of a store that nobody asked for by name ends a run that is about something else.

    Only a call that is wrong itself does: what merely stands in the environment is no word for this call.
    """
    return isinstance(error, InterruptedRunError) or (isinstance(error, UsageError) and bool(options.given))


def refuse_unasked(options: ApiOptions) -> None:
    """UsageError for flags of the API in a call that does not ask it."""
    refuse(sorted(options.given & {flag.word for _, flag in flags_of(ApiOptions)}), NOT_ASKED, hint=HOW_ASKED)


NOT_ASKED = "as the application's API is not asked"
HOW_ASKED = "name the API with --url and --org-token-file, or leave it out"


def refuse_token(given: Given) -> None:
    """The flag that kubectl has for its own token would be taken for the application's."""
    if given.kube.token:
        raise UsageError(
            "--token is a flag of kubectl, and no token is taken from the command line",
            hint="name a file that holds it with --org-token-file",
        )


def _ask(question: str) -> str:
    answer: str = click.prompt(question, hide_input=True, err=True)
    return answer


def choice_of(options: ChoiceOptions, *, every: bool = False) -> Choice:
    """Which deployments are meant."""
    from kubectl_lrs.stores.deployments.plan import Choice, parse_ids

    ids = None
    if name := options.ids_file:
        try:
            ids = parse_ids(Path(name).read_text(), where=name)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--ids-file {name}: cannot be read: {getattr(error, 'strerror', 'not text')}") from error
    return Choice(all=every, include=options.include, exclude=options.exclude, ids=ids)


def apply_options(options: ChangeOptions) -> ApplyOptions:
    """How the plan is to be applied."""
    from kubectl_lrs.usecases.deployments import ApplyOptions

    timeout = duration(options.timeout, what="--timeout").total_seconds()
    return ApplyOptions(workers=options.parallel, timeout=timeout, wait=options.wait)


def count(number: int, thing: str = "deployment") -> str:
    """`1 deployment`, `2 deployments`."""
    return counted(number, thing)
