"""Make, show or check a repository, as `repository_` is told."""

from __future__ import annotations

from dataclasses import replace

from kubectl_lrs import render
from kubectl_lrs.backends.place import BACKUPS
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.repository_ import CHECK, INIT, Flags
from kubectl_lrs.commands.shared import Quiet, Tables
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.usecases import repository


def run(given: Given) -> ExitCode:
    """The one that was asked for."""
    flags, output = given.of(Flags), given.of(Tables).output
    where = flags.place or flags.path
    reach = replace(flags.reach, said=replace(BACKUPS, url="DIR|URL")) if flags.place else flags.reach
    if flags.what == INIT:
        if where == ".":
            raise UsageError("nothing says where the repository is to be", hint="name it: repository init s3://BUCKET/PREFIX")
        render.show(render.repository_made(*repository.make(where, reach)), output)
        return ExitCode.DONE
    if flags.what == CHECK:
        progress = render.progress(quiet=given.of(Quiet).quiet)
        found = repository.check(where, progress, reach, take_in=flags.adopt)
        render.show(render.repository_check_view(found), output)
        return found.exit_code()
    if flags.what is None:
        raise UsageError("nothing says what is to be done", hint="repository init, show or check")
    render.show(render.repository_view(repository.show(where, reach)), output)
    return ExitCode.DONE
