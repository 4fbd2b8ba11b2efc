"""Make, show and check settings, print their schema, as `config_` is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from kubectl_lrs import render
from kubectl_lrs.commands.config_ import CHECK, INIT, SCHEMA, SHOW, Flags, Showing
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.installation import table_of
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.commands.unused import refuse
from kubectl_lrs.model import settings
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.flags import Flag
from kubectl_lrs.model.settings import Origin, Shown


def run(given: Given) -> ExitCode | None:
    """The one that was asked for."""
    what = given.of(Flags).what
    if what == INIT:
        from kubectl_lrs.commands import config_init

        config_init.run(given)
        return None
    if file := given.of(Flags).file:
        refuse([file], "but to init: it names the file that is made", hint="--config names the one that is shown and checked")
    if what == CHECK:
        from kubectl_lrs.commands import config_check

        return config_check.run(given)
    _print(given, what)
    return None


def _print(given: Given, what: str | None) -> None:
    if what == SCHEMA:
        refuse(
            [word for word in given.words if word.startswith("-")], "to schema, which is the same for all", hint="leave it out"
        )
        from kubectl_lrs.render.notes import known_notes

        made = settings.schema(table_of(given.commands), notes=sorted(known_notes()))
        render.answer(render.as_json(made), is_data=True)
        return
    if what != SHOW:
        raise UsageError("nothing says what is to be done", hint="config init, show, check or schema")
    found = given.installation
    view = render.settings_view(list(shown(given)), str(found.path) if found else "", with_origin=given.of(Showing).origin)
    render.show(view, given.of(Tables).output)
    if found is None:
        render.say("no installation file is used; --config or LRS_CONFIG names one")


def shown(given: Given) -> Iterator[Shown]:
    """Every setting with its value, and who says so."""
    own = {word for word in given.words if word.startswith("-")}
    for key, flag in table_of(given.commands).items():
        yield _shown(given, key, flag, own)


def _shown(given: Given, key: str, flag: Flag, own: set[str]) -> Shown:
    found = given.installation
    if flag.word in given.kube_words:
        return Shown(key, flag, given.kube_value(flag), Origin.FLAG, flag.word)
    if flag.word in own:
        return Shown(key, flag, given.value(flag.word), Origin.FLAG, flag.word)
    if given.is_no(flag.word):
        return Shown(key, flag, False, Origin.FLAG, flag.word)
    if flag.variable and given.is_said(flag.variable):
        return Shown(key, flag, os.environ[flag.variable], Origin.ENVIRONMENT, flag.variable)
    if found is None or key not in found.values:
        return Shown(key, flag, _default(flag), Origin.DEFAULT, "")
    if beside := next((name for name in flag.yields if given.is_said(name)), ""):
        return Shown(key, flag, _default(flag), Origin.DEFAULT, f"not the file's, beside {beside}")
    return Shown(key, flag, found.values[key], Origin.FILE, str(found.path))


def _default(flag: Flag) -> Any:
    return getattr(flag.default, "value", flag.default)
