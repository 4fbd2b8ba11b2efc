"""What can stand at the last word: verbs, flags, choices; from tables alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import click
import pytest

from kubectl_lrs.completion import pflag
from kubectl_lrs.completion.engine import complete
from kubectl_lrs.completion.line import Candidate, Completion, Directive, Line


class _Group(click.Group):
    meanings: ClassVar = {"list": "those there are", "show": "one of them"}
    topics: ClassVar = {**meanings, "storage": "a page"}


GROUP = _Group(
    params=[
        click.Option(["--namespace", "-n"], help="where"),
        click.Option(["--insecure-skip-tls-verify"], is_flag=True),
        click.Option(["--as-groups", "impersonate_groups"], multiple=True),
        click.Option(["--help"], is_flag=True, help="help"),
    ],
    commands={
        "help": click.Command("help", params=[click.Argument(["topic"])]),
        "show": click.Command(
            "show",
            params=[
                click.Argument(["form"], type=click.Choice(["one", "two"])),
                click.Argument(["rest"], nargs=-1, type=click.Choice(["more"])),
                click.Option(["--output", "-o"], type=click.Choice(["json", "yaml"]), help="how\n it is shown"),
                click.Option(["--all"], is_flag=True, help="all of it"),
                click.Option(["--secret"], hidden=False),
            ],
        ),
    },
)


def _words(*words: str) -> list[str]:
    return [each.word for each in _complete(*words).candidates]


def _complete(*words: str) -> Completion:
    return complete(GROUP, click.Context(GROUP), words)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([""], ["list", "show"]),
        ([], ["list", "show"]),
        (["s"], ["show"]),
        (["x"], []),
        (["-n", "x", ""], ["list", "show"]),
        (["nothing", ""], []),
        (["show", ""], ["one", "two"]),
        (["show", "t"], ["two"]),
        (["show", "one", ""], ["more"]),
        (["show", "one", "more", "m"], ["more"]),
        (["show", "--output", ""], ["json", "yaml"]),
        (["show", "-o", "y"], ["yaml"]),
        (["show", "--output=j"], ["json"]),
        (["show", "--", ""], ["one", "two"]),
        (["show", "--all=x"], []),
        (["help", ""], ["list", "show", "storage"]),
        (["help", "s"], ["show", "storage"]),
        (["help", "show", ""], []),
    ],
)
def test_words(words: Sequence[str], wanted: list[str]) -> None:
    assert _words(*words) == wanted


def test_flags_that_were_given_once_are_not_offered_again() -> None:
    assert _words("show", "-") == ["--output", "-o", "--all", "--secret", "--help"]
    assert _words("show", "--all", "-o=json", "-") == ["--secret", "--help"]
    assert _words("-") == ["--namespace", "-n", "--insecure-skip-tls-verify", "--as-groups", "--help"]
    assert _words("--as-groups", "x", "-n", "y", "-") == ["--insecure-skip-tls-verify", "--as-groups", "--help"]


def test_one_line_for_each_and_how_the_shell_goes_on() -> None:
    assert Candidate("--output", "how\n it\tis shown").line() == "--output\thow it is shown"
    assert Candidate("x").line() == "x"
    assert Completion([Candidate("a"), Candidate("b", "c")], Directive.NO_FILES | Directive.KEEP_ORDER).text() == "a\nb\tc\n:36\n"
    assert Completion().text() == ":4\n"


def test_kubectls_flags_among_the_options() -> None:
    generic = {str(option.name): option for option in GROUP.params if isinstance(option, click.Option)}
    names = pflag.by_name(GROUP.params)
    words = ["-n", "a", "-n=b", "--as-groups", "g", "--as-groups=h", "--insecure-skip-tls-verify=false", "--help"]
    line = Line("show", "", list(pflag.read(words, names)), (), generic)
    flags = line.kube_flags()
    assert (flags.namespace, flags.impersonate_groups, flags.insecure_skip_tls_verify) == ("b", ("g", "h"), False)
    assert line.value("-n") == "b", "the last one counts"
    assert line.value("--output") == ""
