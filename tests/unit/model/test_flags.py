"""Flags as data: each is a field of frozen options, with all that reading, help and completion need."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Flag, Group, Options, Source, argument, flag, flags_of


class _Place(Options):
    url: str = flag("--toy-url", "-u", default="", metavar="URL", source=Source.FILE)
    workers: int = flag("--toy-parallel", default=4, least=1, most=8, group=Group.HOW)


class _Backup(_Place):
    names: tuple[str, ...] = argument("names", default=(), metavar="NAME", many=True)
    wanted: bool | None = flag("--toy", off="--no-toy", default=None)
    all: bool = flag("--all", default=False)
    only: tuple[str, ...] = flag("--only", default=(), commas=True)
    existing: Existing = flag("--existing", default=Existing.SKIP, choices=(Existing.SKIP, Existing.FAIL))


def test_what_each_flag_is() -> None:
    found = dict(flags_of(_Backup))
    assert list(found) == ["url", "workers", "names", "wanted", "all", "only", "existing"], "what is shared comes first"
    kinds = {name: (each.is_argument, each.is_boolean, each.is_number, each.is_repeated) for name, each in found.items()}
    assert kinds == {
        "url": (False, False, False, False),
        "workers": (False, False, True, False),
        "names": (True, False, False, True),
        "wanted": (False, True, False, False),
        "all": (False, True, False, False),
        "only": (False, False, False, True),
        "existing": (False, False, False, False),
    }
    assert found["url"].word == "--toy-url"
    assert found["existing"].choices == (Existing.SKIP, Existing.FAIL)


def test_options_are_what_their_flags_say_and_cannot_change() -> None:
    options = _Backup()
    assert (options.url, options.workers, options.wanted, options.existing) == ("", 4, None, Existing.SKIP)
    with pytest.raises(AttributeError, match="frozen"):
        options.url = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del options.url
    assert options.url == ""


def test_options_are_equal_when_all_that_they_say_is() -> None:
    assert _Backup(url="x") == _Backup(url="x")
    assert hash(_Backup(url="x")) == hash(_Backup(url="x"))
    assert _Backup(url="x") != _Backup(url="y")
    assert _Backup() != _Backup(given=frozenset(("--all",)))
    assert _Backup() != _Place()
    assert repr(_Place(url="x")) == "_Place(url='x', workers=4, given=frozenset(), configured=frozenset(), settings_file='')"


def test_options_take_what_has_a_flag_and_nothing_else() -> None:
    with pytest.raises(TypeError, match="_Place has no urn"):
        _Place(urn="x")  # type: ignore[call-arg]


def test_what_cannot_be_is_refused_when_it_is_made() -> None:
    class Checked(_Place):
        def __post_init__(self) -> None:
            if self.workers > 8:
                raise UsageError("too many")

    assert Checked(workers=8).workers == 8
    with pytest.raises(UsageError):
        Checked(workers=9)


class _Also(Options):
    fast: bool = flag("--fast", default=False)


class _Both(_Also, _Backup):
    url: str = flag("--other-url", default="there")


def test_flags_of_several_kinds_come_in_the_order_of_dataclasses() -> None:
    made = dict(flags_of(_Both))
    assert list(made) == ["url", "workers", "names", "wanted", "all", "only", "existing", "fast"]
    assert made["url"].word == "--other-url", "who comes later says it anew, where it stood"
    assert _Both().url == "there"


def test_which_were_given() -> None:
    options = _Backup(given=frozenset(("--toy-parallel", "--only")))
    assert options.first_given(_Place) == "--toy-parallel"
    assert options.first_given(_Backup) == "--toy-parallel"
    assert _Backup(given=frozenset(("--only",))).first_given(_Place) == ""
    assert list(flags_of(Options)) == []


def test_a_flag_of_several_names_is_named_by_the_longest() -> None:
    assert Flag(names=("-n", "--namespace")).word == "--namespace"
