"""Commands for the user to copy: this call again, or another about the same backups and cluster. Nothing secret is in them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from kubectl_lrs.commands.flags import Given
from kubectl_lrs.completion import pflag
from kubectl_lrs.model.units import self_name

_SECRET = frozenset(("--token", "--password"))
TRIAL = ("--dry-run", "--output")
"""What a call that only shows has, and the one that follows has not."""

_CARRIED = frozenset(("--backup-dir", "--kubeconfig", "--context", "--cluster", "--user", "--server", "--config"))
"""Flags that another command about the same things needs too."""


def this(given: Given, *, without: Collection[str] = (), instead: Mapping[str, str] = MappingProxyType({})) -> str:
    """The same command as it was typed, without these flags (by one of their names). `instead`: of a word another."""
    words = _written(given, lambda word: not _is(word, {*without, *_SECRET}))
    return _shown(instead.get(word, word) for word in words)


def other(given: Given, *words: str) -> str:
    """Another command, about the same folder of backups and the same cluster as this call."""
    return _shown([*words, *_written(given, lambda word: word.option is not None and _is(word, _CARRIED))])


def _written(given: Given, is_wanted: Callable[[pflag.Word], bool]) -> Iterator[str]:
    for word in pflag.read(given.arguments, pflag.by_name(given.params)):
        if is_wanted(word):
            yield from pflag.written(word)


def _is(word: pflag.Word, names: Collection[str]) -> bool:
    return word.option is not None and bool({*word.option.opts, *word.option.secondary_opts} & set(names))


def _shown(words: Iterable[str]) -> str:
    return shlex.join([*self_name(sys.argv[0]).split(), *words])
