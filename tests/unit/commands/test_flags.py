"""From a command line to options: every value as the type that the options say, and what was given."""

from __future__ import annotations

from unittest.mock import patch

import click
import pytest

from kubectl_lrs.commands import command as command_module
from kubectl_lrs.commands.command import command
from kubectl_lrs.commands.flags import Given, parameter_name, parameters
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Options, argument, flag, flags_of


class _Place(Options):
    url: str = flag("--toy-url", "-u", default="", metavar="URL", help="Where.")
    workers: int = flag("--toy-parallel", default=4, least=1, most=8, help="How many.")


class _Options(Options):
    names: tuple[str, ...] = argument("names", default=(), metavar="NAME", many=True)
    wanted: bool | None = flag("--toy", off="--no-toy", default=None, help="Whether.")
    all: bool = flag("--all", default=False, help="All of it.")
    only: tuple[str, ...] = flag("--only", default=(), commas=True, help="These.")
    existing: Existing = flag("--existing", default=Existing.SKIP, choices=(Existing.SKIP, Existing.FAIL), help="What then.")


def _parsed(*words: str) -> tuple[_Place, _Options, Given]:
    found: list[Given] = []

    toy = command("toy", _Place, _Options, help="Play.")
    with patch.object(command_module, "run_of", lambda _name: found.append):
        toy.main(list(words), standalone_mode=False)
    with click.Context(toy):
        return found[0].of(_Place), found[0].of(_Options), found[0]


def test_nothing_was_given() -> None:
    place, options, given = _parsed()
    assert place == _Place()
    assert options == _Options()
    assert given.all_given([_Place, _Options]) == []


def test_everything_was_given() -> None:
    words = ["a", "-u=x", "--toy-parallel", "8", "--no-toy", "--only", "p,q", "--all", "--only=r", "--existing", "fail", "b"]
    place, options, given = _parsed(*words)
    assert place == _Place(url="x", workers=8, given=frozenset(("--toy-url", "--toy-parallel")))
    assert options == _Options(
        names=("a", "b"),
        wanted=False,
        all=True,
        only=("p", "q", "r"),
        existing=Existing.FAIL,
        given=frozenset(("names", "--toy", "--all", "--only", "--existing")),
    )
    assert options.existing is Existing.FAIL
    assert given.all_given([_Place]) == ["--toy-url", "--toy-parallel"]


@pytest.mark.parametrize(
    "words", [["--toy-parallel", "0"], ["--toy-parallel", "9"], ["--toy-parallel", "x"], ["--existing", "drop"], ["--existing"]]
)
def test_values_that_are_none(words: list[str]) -> None:
    with pytest.raises((click.UsageError, UsageError)):
        _parsed(*words)


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_a_variable_that_is_not_set_does_not_mean_all(value: str) -> None:
    with pytest.raises(UsageError, match="--only"):
        _parsed("--only", value)
    with pytest.raises(UsageError, match="--only"):
        _parsed("--only", "a", "--only", value)


def test_a_boolean_that_is_set_to_false_was_not_given() -> None:
    assert _parsed("--all=false")[1] == _Options()
    assert _parsed("--all", "--all=false")[1].all is False


def test_kubectls_flags_anywhere_on_the_line() -> None:
    _, options, given = _parsed("a", "--context", "c", "b", "-n", "x", "--as-group", "g", "--as-group=h")
    assert options.names == ("a", "b")
    kube = given.kube
    assert (kube.context, kube.namespace, kube.impersonate_groups, kube.server) == ("c", "x", ("g", "h"), "")


def test_each_flag_has_a_name_of_its_own() -> None:
    names = [parameter_name(each) for kind in (_Place, _Options) for _, each in flags_of(kind)]
    assert len(set(names)) == len(names) == len(parameters([_Place, _Options]))


@pytest.mark.parametrize(
    ("call", "said", "hint"),
    [
        (["restore", "--existing", "replac"], "--existing: 'replac' is none of: skip, update", "did you mean replace?"),
        (["list", "--sort-by", "siz"], "--sort-by: 'siz' is none of: created", "did you mean size?"),
        (["list", "--sort-by", "zzz"], "--sort-by: 'zzz' is none of: created", "see: kubectl lrs list --help"),
        (["repository", "chek"], "'chek' is none of: init, show, check", "did you mean check?"),
        (["list", "-o", "jsn"], "unknown output format 'jsn'", "did you mean json? it is one of: table"),
    ],
)
def test_near_words_for_a_value(call: list[str], said: str, hint: str) -> None:
    from kubectl_lrs.cli import _group

    with pytest.raises(UsageError) as raised:
        _group().main(call, prog_name="kubectl lrs", standalone_mode=False)
    assert str(raised.value).startswith(said)
    assert raised.value.hint.startswith(hint)
