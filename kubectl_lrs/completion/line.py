"""What engine and values speak of: the line that was typed, the candidates for its last word, how the shell goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import click

from kubectl_lrs.completion import pflag

if TYPE_CHECKING:
    from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags


class Directive(IntFlag):
    """How the shell goes on. Source: spf13/cobra, `ShellCompDirective`."""

    DEFAULT = 0
    NO_SPACE = 2
    NO_FILES = 4
    FOLDERS = 16
    KEEP_ORDER = 32


@dataclass(frozen=True)
class Candidate:
    """A word that can stand there, and what it means."""

    word: str
    meaning: str = ""

    def line(self) -> str:
        """As kubectl and cobra's scripts read it: one line, the meaning after a tab."""
        return f"{self.word}\t{' '.join(self.meaning.split())}" if self.meaning else self.word


@dataclass(frozen=True)
class Completion:
    """The candidates, and how the shell goes on."""

    candidates: Sequence[Candidate] = ()
    directive: Directive = Directive.NO_FILES

    def text(self) -> str:
        """One candidate per line; the directive ends it."""
        return "".join(f"{candidate.line()}\n" for candidate in self.candidates) + f":{int(self.directive)}\n"


Settings = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """What was typed before the last word, and the last word itself, `partial`: of a value, its part after `=`.

    `settings`: from the file that --config names, empty for none, to what the installation file of the line says.
    """

    verb: str
    partial: str
    options: Sequence[pflag.Word] = ()
    arguments: Sequence[str] = ()
    generic: Mapping[str, click.Option] = field(default_factory=dict)
    settings: Settings = field(default=lambda _named: {})

    def value(self, flag: str) -> str:
        """The value that the flag of this name was given last, empty where it was not."""
        given = [word.value for word in self.options if word.option is not None and flag in word.option.opts]
        return (given[-1] or "") if given else ""

    def kube_flags(self) -> KubeFlags:
        """kubectl's generic flags among the options."""
        from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags

        given: dict[str, str | bool | tuple[str, ...]] = {}
        for word in self.options:
            name = str(word.option.name) if word.option else ""
            option = self.generic.get(name)
            if option is None or name not in KubeFlags.__dataclass_fields__:
                continue
            if option.is_flag:
                given[name] = word.value not in pflag.FALSE
            elif option.multiple:
                before = given.get(name, ())
                given[name] = (*(before if isinstance(before, tuple) else ()), word.value or "")
            else:
                given[name] = word.value or ""
        return KubeFlags(**given)  # type: ignore[arg-type]  # the table of the flags gives the types
