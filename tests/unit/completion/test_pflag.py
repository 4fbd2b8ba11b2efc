"""The words of a command line, read as Go's pflag reads them."""

from __future__ import annotations

import click
import pytest

from kubectl_lrs.completion.pflag import FALSE, TRUE, as_click_reads, by_name, read, takes_value
from kubectl_lrs.model.errors import UsageError

PARAMS = [
    click.Option(["--all-namespaces", "-A"], is_flag=True),
    click.Option(["--yes"], is_flag=True),
    click.Option(["--namespace", "-n"]),
    click.Option(["--output", "-o"]),
    click.Option(["-v", "--verbose"], count=True),
    click.Option(["--deployments/--no-deployments"], is_flag=True),
    click.Argument(["names"], nargs=-1),
]
ALONE = click.Option(["--dry-run"], type=click.Choice(["none", "client", "server"]))
ALONE.alone = "client"  # type: ignore[attr-defined]
PARAMS.append(ALONE)


def _click(*words: str, interspersed: bool = True) -> list[str]:
    return as_click_reads(words, PARAMS, interspersed=interspersed)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["-n", "x", "a"], ["-n", "x", "a"]),
        (["-nx"], ["-n", "x"]),
        (["-n=x"], ["-n", "x"]),
        (["-n="], ["-n", ""]),
        (["--namespace", "x"], ["--namespace", "x"]),
        (["--namespace=x=y"], ["--namespace=x=y"]),
        (["--namespace="], ["--namespace="]),
        (["--namespace"], ["--namespace"]),
        (["-Anx"], ["-A", "-n", "x"]),
        (["-Ao", "json"], ["-A", "-o", "json"]),
        (["--yes=true"], ["--yes"]),
        (["--yes", "--yes=false"], []),
        (["--yes=false", "--yes"], ["--yes"]),
        (["-A=false", "a"], ["a"]),
        (["-A", "a", "--all-namespaces=0"], ["a"]),
        (["-n", "--yes"], ["-n", "--yes"]),
        (["--", "--yes=false", "-A"], ["--", "--yes=false", "-A"]),
        (["-", "a"], ["-", "a"]),
        (["--unknown=1", "-x"], ["--unknown=1", "-x"]),
        (["-Axyz"], ["-A", "-xyz"]),
        (["-vv"], ["-v", "-v"]),
        (["--no-deployments=false"], []),
        (["--deployments=false"], ["--no-deployments"]),
        (["--deployments", "--deployments=0", "a"], ["--no-deployments", "a"]),
        (["--deployments=false", "--deployments"], ["--no-deployments", "--deployments"]),
        (["--dry-run"], ["--dry-run=client"]),
        (["--dry-run", "a"], ["--dry-run=client", "a"]),
        (["--dry-run", "server", "a"], ["--dry-run", "server", "a"]),
        (["--dry-run=server"], ["--dry-run=server"]),
        (["--dry-run="], ["--dry-run="]),
        (["--dry-run", "-n", "x"], ["--dry-run=client", "-n", "x"]),
        (["--dry-run", "--", "server"], ["--dry-run=client", "--", "server"]),
    ],
)
def test_the_same_words_in_the_way_that_click_knows(words: list[str], wanted: list[str]) -> None:
    assert _click(*words) == wanted


@pytest.mark.parametrize("value", TRUE)
def test_what_is_true(value: str) -> None:
    assert _click(f"--yes={value}") == ["--yes"]


@pytest.mark.parametrize("value", FALSE)
def test_what_is_false(value: str) -> None:
    assert _click("--yes", f"--yes={value}") == []


@pytest.mark.parametrize("value", ["", "yes", "no", "TrUe", "on", " true", "2"])
def test_what_is_neither_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="--yes"):
        _click(f"--yes={value}")


def test_after_the_first_argument_all_are_arguments_where_they_may_not_mix() -> None:
    assert _click("--yes=true", "restore", "--yes=false", interspersed=False) == ["--yes", "restore", "--yes=false"]
    words = list(read(["a", "-A"], by_name(PARAMS), interspersed=False))
    assert [(each.value, each.option) for each in words] == [("a", None), ("-A", None)]


def test_a_value_that_does_not_follow() -> None:
    (word,) = read(["-n"], by_name(PARAMS))
    assert (word.name, word.value, word.joined) == ("-n", None, False)
    assert word.option is PARAMS[2]


def test_each_option_by_each_of_its_names() -> None:
    names = by_name(PARAMS)
    assert set(names) >= {"-A", "--all-namespaces", "-n", "--deployments", "--no-deployments"}
    assert [takes_value(names[name]) for name in ("-n", "-A", "-v")] == [True, False, False]
