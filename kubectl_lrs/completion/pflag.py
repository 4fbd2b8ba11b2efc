"""The words of a command line as kubectl's flags are written (Go's pflag): `--yes=true`, `-A=false`, `-n=ns`, `-nns`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import click

from kubectl_lrs.model.errors import UsageError

TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")
"""What pflag takes for a boolean."""


@dataclass(frozen=True)
class Word:
    """An argument (`option` None), or an option with its value; None where it takes none, or none follows.

    `name` is the option as it was written (`--name`, `-n`), and `joined` whether its value stood in the same word.
    """

    value: str | None
    option: click.Option | None = None
    name: str = ""
    joined: bool = False


def read(words: Sequence[str], options: Mapping[str, click.Option], *, interspersed: bool = True) -> Iterator[Word]:
    """Options and arguments in their order. After `--`, and after the first argument unless `interspersed`, all are arguments."""
    rest = _Words(words)
    for word in rest:
        if word == "--" or not word.startswith("-") or word == "-":
            yield from _arguments(word, rest, all_of_them=word == "--" or not interspersed)
        elif word.startswith("--"):
            yield _long(word, rest, options)
        else:
            yield from _short(word, rest, options)


class _Words(Iterator[str]):
    """Words one after the other, of which the next one can be looked at."""

    def __init__(self, words: Sequence[str]) -> None:
        self._left = list(reversed(words))

    def __next__(self) -> str:
        if not self._left:
            raise StopIteration
        return self._left.pop()

    def next_is(self, wanted: Collection[str]) -> bool:
        """Whether there is another, and it is one of these."""
        return bool(self._left) and self._left[-1] in wanted


def _arguments(word: str, rest: Iterator[str], *, all_of_them: bool) -> Iterator[Word]:
    yield Word(word)
    if all_of_them:
        yield from map(Word, rest)


def _long(word: str, rest: _Words, options: Mapping[str, click.Option]) -> Word:
    name, equals, value = word.partition("=")
    option = options.get(name)
    if option is None:
        return Word(word)
    if equals:
        return Word(value, option, name, joined=True)
    if (alone := getattr(option, "alone", "")) and not rest.next_is(getattr(option.type, "choices", ())):
        return Word(alone, option, name, joined=True)
    return Word(next(rest, None) if takes_value(option) else None, option, name)


def _short(word: str, rest: _Words, options: Mapping[str, click.Option]) -> Iterator[Word]:
    """A cluster of flags, the last of which may have a value: `-Ao json`, `-nns`, `-n=ns`, `-A=false`."""
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        option = options.get(name)
        if option is None:
            yield Word(f"{name}{letters}")
            return
        if takes_value(option):
            yield Word(letters.removeprefix("="), option, name, joined=True) if letters else Word(next(rest, None), option, name)
            return
        if letters.startswith("="):
            yield Word(letters[1:], option, name, joined=True)
            return
        yield Word(None, option, name)


def takes_value(option: click.Option) -> bool:
    """Whether the next word belongs to it."""
    return not (option.is_flag or option.count)


def by_name(options: Iterable[click.Parameter]) -> dict[str, click.Option]:
    """Options under each of their names."""
    return {
        name: option for option in options if isinstance(option, click.Option) for name in (*option.opts, *option.secondary_opts)
    }


def as_click_reads(words: Sequence[str], params: Iterable[click.Parameter], *, interspersed: bool = True) -> list[str]:
    """The same words in the one way that click knows: a boolean that is set to false is left out, with what set it before.

    One that has a name for false is said by that: to leave it out would mean its default.
    """
    found: list[Word] = []
    for word in read(words, by_name(params), interspersed=interspersed):
        if word.option is None or takes_value(word.option) or word.value is None:
            found.append(word)
        elif _boolean(word):
            found.append(Word(None, word.option, word.name))
        else:
            found = [earlier for earlier in found if earlier.option is not word.option]
            if word.name in word.option.opts:
                found += [Word(None, word.option, off) for off in word.option.secondary_opts[:1]]
    return [text for word in found for text in written(word)]


def said_no(words: Sequence[str], params: Iterable[click.Parameter]) -> frozenset[str]:
    """The names of booleans whose last word sets them to false: click is not told of these."""
    found: dict[str, bool] = {}
    for word in read(words, by_name(params)):
        if word.option is not None and not takes_value(word.option):
            found |= dict.fromkeys(word.option.opts, word.value in FALSE)
    return frozenset(name for name, is_no in found.items() if is_no)


def _boolean(word: Word) -> bool:
    if word.value not in (*TRUE, *FALSE):
        raise UsageError(f"{word.name}: {word.value!r} is neither true nor false")
    return word.value in TRUE


def written(word: Word) -> Iterator[str]:
    """The word as click knows it."""
    if word.option is None:
        yield str(word.value)
    elif word.joined and word.name.startswith("--"):
        yield f"{word.name}={word.value}"
    else:
        yield word.name
        if word.value is not None:
            yield word.value
