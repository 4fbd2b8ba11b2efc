"""What can stand at the last word of a command line: verbs and flags from click's own tables, values from `values`.

Verbs and flags need neither the cluster nor a kubeconfig; only values import what looks them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import click

from kubectl_lrs.completion import pflag
from kubectl_lrs.completion.line import Candidate, Completion, Directive, Line, Settings

HELP = "help"
"""The verb whose argument is another one."""


def complete(
    group: click.Group, context: click.Context, words: Sequence[str], settings: Settings = lambda _named: {}
) -> Completion:
    """What can stand at the last of `words`, which follow the plugin's name; it is empty where a new word begins."""
    *before, last = words or [""]
    generic = {str(option.name): option for option in group.params if isinstance(option, click.Option)}
    options, arguments = _split(before, group.params, interspersed=False)
    if not arguments:
        line = Line("", last, options, (), generic)
        return _option_or(line, group.get_params(context), _named(group, "meanings", last))
    command = group.get_command(context, arguments[0])
    if command is None:
        return Completion()
    own, positional = _split(arguments[1:], command.params)
    line = Line(arguments[0], last, (*options, *own), positional, generic, settings)
    params = command.get_params(click.Context(command, parent=context))
    return _option_or(line, params, _named(group, "topics", last) if arguments[0] == HELP and not positional else None)


def _split(
    words: Sequence[str], params: Iterable[click.Parameter], *, interspersed: bool = True
) -> tuple[list[pflag.Word], list[str]]:
    """(options, arguments)."""
    read = list(pflag.read(words, pflag.by_name(params), interspersed=interspersed))
    return [word for word in read if word.option], [str(word.value) for word in read if not word.option and word.value != "--"]


def _option_or(line: Line, params: Sequence[click.Parameter], verbs: Completion | None) -> Completion:
    by_name = pflag.by_name(params)
    pending = line.options[-1] if line.options else None
    if pending and pending.option and pflag.takes_value(pending.option) and pending.value is None:
        return _values(line, pending.option)
    name, equals, value = line.partial.partition("=")
    if equals and (option := by_name.get(name)):
        return _values(replace(line, partial=value), option)
    if line.partial.startswith("-"):
        return Completion(_flags(line, params))
    if verbs is not None:
        return verbs
    arguments = [param for param in params if isinstance(param, click.Argument)]
    for index, argument in enumerate(arguments):
        if argument.nargs == -1 or index == len(line.arguments):
            return _values(line, argument)
    return Completion()


def _named(group: click.Group, table: str, partial: str) -> Completion:
    """A table of the group: `meanings`, each verb with what it does, known without importing it; `topics` of its help."""
    meanings: Mapping[str, str] = getattr(group, table, {})
    return Completion(_matching((Candidate(name, meaning) for name, meaning in meanings.items()), partial), _LISTED)


_LISTED = Directive.NO_FILES | Directive.KEEP_ORDER


def _flags(line: Line, params: Sequence[click.Parameter]) -> list[Candidate]:
    """The verb's own flags, then the generic ones; without those that can be given only once and were."""
    given = {word.option.name for word in line.options if word.option and not (word.option.multiple or word.option.count)}
    options = [param for param in params if isinstance(param, click.Option) and param.name not in given]
    options.sort(key=lambda option: (option.name in line.generic, option.name == "help"))
    return _matching(
        (Candidate(name, option.help or "") for option in options for name in (*option.opts, *option.secondary_opts)),
        line.partial,
    )


def _matching(candidates: Iterable[Candidate], partial: str) -> list[Candidate]:
    return [candidate for candidate in candidates if candidate.word.startswith(partial)]


def _values(line: Line, param: click.Parameter) -> Completion:
    """The choices of a parameter that has some, else what the table of sources knows of it."""
    if isinstance(param.type, click.Choice):
        return Completion(_matching(map(Candidate, map(str, param.type.choices)), line.partial), _LISTED)
    listed = param.shell_complete(click.Context(click.Command(line.verb)), line.partial)
    if listed:
        return Completion([Candidate(str(item.value)) for item in listed if item.type == "plain"], _LISTED)
    from kubectl_lrs.completion import values

    return values.complete(line, param)
