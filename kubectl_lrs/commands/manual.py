"""The man page, out of the tables that the help is made of.

Nothing in it depends on a terminal, a locale or a name that was typed.

Source: man(7) of groff and of mandoc; only macros that both have.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

import click

from kubectl_lrs import __version__
from kubectl_lrs.commands.command import EXIT_STATUS, PAGES, PluginCommand, continued, group_of, kube_options
from kubectl_lrs.commands.flags import FlagOption
from kubectl_lrs.commands.variables import OTHERWISE
from kubectl_lrs.model.flags import Group
from kubectl_lrs.runtime.state import VARIABLE as STATE

NAME = "kubectl lrs"
WIDTH = 66
"""Columns of a line that is left as it is, on a terminal of 80: man indents it twice."""
FILES = (
    ("$LRS_STATE_DIR, $XDG_STATE_HOME/kubectl-lrs, ~/.local/state/kubectl-lrs", "Journals, and the history of what was done."),
    ("lrs_backup_YYYY_MM_DD_hh_mm_ss", "A backup, in the folder of the backups: files for kubectl, mongorestore, sha256sum."),
    ("lrs_deactivated_YYYY_MM_DD_hh_mm_ss.json", "What deactivate took down, and activate starts again."),
)


def manual(group: click.Context, pages: Iterable[tuple[str, str]]) -> str:
    """All of it, as roff. `pages`: name and text of what help has beside the verbs."""
    verbs = group.command
    assert isinstance(verbs, click.Group)
    commands = [(name, verbs.get_command(group, name)) for name in verbs.list_commands(group)]
    meanings: dict[str, str] = getattr(verbs, "meanings", {})
    lines = [
        f'.TH KUBECTL-LRS 1 "" "{NAME} {__version__}" "User Commands"',
        *_section("NAME", [f"kubectl-lrs {_DASH} {_text(_first(verbs.help))}"]),
        *_section("SYNOPSIS", [f".B {_text(NAME)}", ".I VERB", _text("[FLAG...] [ARGUMENT...]")]),
        *_section("VERBS", _listed((name, meanings.get(name, "")) for name, _ in commands)),
        *(line for name, each in commands if isinstance(each, PluginCommand) for line in _verb(name, each, group)),
        *(line for name, about in pages for line in _page(name, about, commands, group)),
        *_section("FLAGS OF ALL VERBS", _flags(kube_options(), group)),
        *_section("ENVIRONMENT", _listed(_variables(each for _, each in commands if each))),
        *_section("EXIT STATUS", _listed((str(code), meaning) for code, meaning in EXIT_STATUS.items())),
        *_section("FILES", _listed(FILES)),
        *_section("SEE ALSO", [".BR kubectl (1),", ".BR sha256sum (1)"]),
    ]
    return "".join(f"{line}\n" for line in _without_idle(lines))


def _without_idle(lines: Iterable[str]) -> Iterator[str]:
    """Without breaks right below a heading, which is one itself."""
    before = ""
    for line in lines:
        if line != ".PP" or not before.startswith((".SH", ".SS")):
            yield line
            before = line


def _variables(commands: Iterable[click.Command]) -> Iterator[tuple[str, str]]:
    """Each variable that stands for a flag, and for which."""
    flags = [each.flag for command in commands for each in command.params if isinstance(each, FlagOption)]
    found = {flag.variable or OTHERWISE.get(flag.word, ""): flag.word for flag in flags}
    yield from (
        (variable, f"In place of {word}, where that is not given.") for variable, word in sorted(found.items()) if variable
    )
    yield STATE, "The folder of your own state; see FILES."


def _verb(name: str, command: PluginCommand, group: click.Context) -> Iterator[str]:
    yield f".SH {_quoted(name.upper())}"
    with click.Context(command, info_name=name, parent=group) as ctx:
        yield ".PP"
        yield f".B {_text(f'{NAME} {name}')}"
        yield f".I {_quoted(' '.join(command.collect_usage_pieces(ctx)))}"
        yield from _paragraphs(inspect.cleandoc(command.help or ""))
        yield from _grouped(command, ctx)
    if command.examples:
        yield ".SS Examples"
        for comment, line in command.examples:
            yield from (".PP", *_filled(f"{comment.rstrip(':')}:"), ".PP", ".nf", ".RS 4")
            yield from map(_text, continued(line.replace("@", NAME), WIDTH))
            yield from (".RE", ".fi")


def _grouped(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """The flags of a verb, each under its heading; those with a page of their own are told there."""
    found: dict[Group, list[click.Option]] = {}
    for each in command.get_params(ctx):
        if isinstance(each, click.Option) and not each.hidden:
            found.setdefault(group_of(each), []).append(each)
    for group in (each for each in Group if each in found):
        yield f".SS {_quoted(group.value)}"
        if group in PAGES:
            yield f"See {PAGES[group][0].upper()} below."
        else:
            yield from _flags(found[group], ctx)


def _page(name: str, about: str, commands: Iterable[tuple[str, click.Command | None]], ctx: click.Context) -> Iterator[str]:
    """A page of help, with the flags that it is about."""
    yield f".SH {_quoted(name.upper())}"
    yield from _paragraphs(about)
    flags = {
        each.opts[0]: each
        for _, command in commands
        if command
        for each in command.params
        if isinstance(each, click.Option) and PAGES.get(group_of(each), ("",))[0] == name
    }
    yield from _flags(flags.values(), ctx)


def _flags(options: Iterable[click.Option], ctx: click.Context) -> Iterator[str]:
    return _listed(record for each in options if (record := each.get_help_record(ctx)))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f".SH {_quoted(title)}"
    yield from lines


def _listed(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, meaning in rows:
        yield from (".TP", f".B {_text(term)}", *_filled(meaning))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield from (".PP", *_filled(paragraph))


def _first(text: str | None) -> str:
    """A sentence as the section NAME has it."""
    found = " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split()).rstrip(".")
    return found[:1].lower() + found[1:]


_DASH = r"\-"
_SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
"""What groff would make something else of, and the reader could then not copy."""


def _text(text: str) -> str:
    """As roff shows it letter by letter; what is no ASCII by its number, so that no locale matters."""
    escaped = "".join(_SPECIAL.get(each) or (each if each.isascii() else f"\\[u{ord(each):04X}]") for each in text)
    return re.sub(r"^\.", r"\\&.", escaped)


def _filled(text: str) -> list[str]:
    """A paragraph in lines as they are written by hand."""
    return [re.sub(r"^\.", r"\\&.", line) for line in wrap(_text(text), 78, break_long_words=False, break_on_hyphens=False)]


def _quoted(text: str) -> str:
    """One argument of a macro."""
    return f'"{_text(text)}"'
