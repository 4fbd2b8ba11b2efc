"""Copy backups, as `copy_` is told."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_lrs import render
from kubectl_lrs.backends.place import Words
from kubectl_lrs.commands.backup_choice import found, until
from kubectl_lrs.commands.confirm import HeldSignals
from kubectl_lrs.commands.copy_ import Flags
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.shared import Quiet, Tables, Trusting
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.repository import Reach, Repository, open_repository
from kubectl_lrs.repository.place import CA_FILE, ENDPOINT, OPTIONS
from kubectl_lrs.usecases.copy import Copying, CopyResult


def run(given: Given) -> ExitCode:
    """Copy what is named, or all."""
    flags = given.of(Flags)
    if not flags.source or not flags.target:
        raise UsageError("copy needs FROM and TO", hint="copy /var/backups/lrs s3://backups/lrs")
    source = open_repository(flags.source, _by_environment("FROM"))
    copying = Copying(
        source=source,
        target=open_repository(flags.target, _by_environment("TO")),
        progress=render.progress(quiet=given.of(Quiet).quiet),
        signals=HeldSignals(),
        trust=given.of(Trusting).trust,
    )
    backups = copying.chosen(_names(given, source, flags.names))
    unreadable = 0 if flags.names else _say_unreadable(source)
    report = copying.run(backups)
    code = report.exit_code()
    if unreadable and code is ExitCode.DONE:
        code = ExitCode.PARTIAL
    if code is not ExitCode.DONE or not given.is_silent:
        render.show(render.copy_view(report), given.of(Tables).output)
    for each in report.outcomes:
        if each.error and each.result is not CopyResult.COPIED:
            render.say(f"error: {each.name}: {each.error}")
            if each.error.hint:
                render.say(f"hint: {each.error.hint}")
    return code


def _names(given: Given, source: Repository, names: Sequence[str]) -> list[str]:
    """The backups that are meant by name; `latest` is the newest, at the time that --at names."""
    until(given, *names)
    return [found(given, source, name, named=names).name if name == LATEST else name for name in names]


def _say_unreadable(source: Repository) -> int:
    """What looks like a backup and is none, so that it is not copied: how many."""
    unsealed = source.scan()[1]
    for each in unsealed:
        render.say(f"warning: not copied: {each.why}")
    return len(unsealed)


def _by_environment(word: str) -> Reach:
    """How a place is reached that an argument names: there are two, and no flag is about both."""
    return Reach(said=Words(word, OPTIONS, ENDPOINT, CA_FILE))
