"""From the flags of options to click's, and from a call's values back to options: the one place where the two meet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Flag, O, Options, flags_of
from kubectl_lrs.runtime.cancel import Cancel

if TYPE_CHECKING:
    from kubectl_lrs.model.settings import Installation
    from kubectl_lrs.runtime.history import Writer

KUBE = "kubectl_lrs.kube_flags"
CONFIG = "config"
CANCEL = "kubectl_lrs.cancel"
"""Under which kubectl's generic flags are kept, wherever on the line they stood."""

ACT = "kubectl_lrs.act"
"""Under which it is kept what the history tells of this call."""

SPOKEN = "kubectl_lrs.spoken"
"""Under which it is kept what gives the call as it was typed, without what is secret."""

TYPED = "kubectl_lrs.typed"
"""Under which all words of the call are kept, as they were typed."""

KUBE_WORDS = "kubectl_lrs.kube_words"
"""Under which it is kept how they are called, and whether they stood behind the verb."""


SAID_NO = "kubectl_lrs.said_no"
"""Under which the flags are kept that were set to false: click is not told of them, the installation file must be."""

SETTINGS = "kubectl_lrs.settings"
ASKS_CLUSTER = "kubectl_lrs.asks_cluster"
"""Under which it is kept what finds the installation file of this call, and whether the call asks a cluster."""


class FlagOption(click.Option):
    """A flag as click knows it."""

    def __init__(self, flag: Flag) -> None:
        self.flag = flag
        self.alone = flag.alone
        names = [f"{flag.names[-1]}/{flag.off}", *flag.names[:-1]] if flag.off else [*flag.names]
        super().__init__([parameter_name(flag), *names], **_settings(flag))

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:  # noqa: ARG002
        """As a help lists it: its names, what its value is, what it means, and its default where that is told."""
        if self.hidden:
            return None
        short, long = [each for each in self.opts if len(each) == 2], [each for each in self.opts if len(each) > 2]
        names = ", ".join((*short, *long)) + (f" / {self.flag.off}" if self.flag.off else "")
        default = f" [default: {_shown(self.flag)}]" if self.flag.shown else ""
        return f"{names}{value_of(self.flag)}", f"{self.flag.help}{default}"


class FlagArgument(click.Argument):
    """An argument as click knows it."""

    def __init__(self, flag: Flag) -> None:
        self.flag = flag
        nargs = -1 if flag.many else 1
        kind = _Choice(flag.choices) if flag.choices else None
        default = {} if flag.many else {"default": flag.default}
        super().__init__([flag.names[0]], nargs=nargs, required=False, type=kind, metavar=flag.metavar, **default)


def value_of(flag: Flag) -> str:
    """What follows the name of a flag in its help: nothing, ` FILE`, ` N`, ` none|copy`, `[=client|server]`."""
    if flag.is_boolean:
        return ""
    if flag.alone:
        return f"[={'|'.join(str(_plain(each)) for each in flag.choices if _plain(each) != flag.default)}]"
    if flag.metavar:
        return f" {flag.metavar}"
    return f" {'|'.join(str(_plain(each)) for each in flag.choices)}" if flag.choices else " N"


def _shown(flag: Flag) -> str:
    default = _plain(flag.default)
    return (flag.word if default else flag.off).lstrip("-") if flag.off else str(default)


def parameter_name(flag: Flag) -> str:
    """What click calls its value."""
    return flag.word.lstrip("-").replace("-", "_") + ("" if flag.is_argument else "_")


def parameters(kinds: Iterable[type[Options]]) -> list[click.Parameter]:
    """All flags and arguments of these options."""
    found = [flag for kind in kinds for _, flag in flags_of(kind)]
    return [FlagArgument(flag) if flag.is_argument else FlagOption(flag) for flag in found]


def _settings(flag: Flag) -> dict[str, Any]:
    settings: dict[str, Any] = {"help": flag.help, "default": _plain(flag.default), "show_default": flag.shown}
    if flag.is_boolean:
        return settings | {"is_flag": True}
    if flag.metavar:
        settings["metavar"] = flag.metavar
    if flag.choices:
        plain = [_plain(choice) for choice in flag.choices]
        settings["type"] = _Format(plain) if flag.metavar else _Choice(plain)
    elif flag.is_number:
        settings["type"] = _Number(flag.least, flag.most)
    return settings | ({"multiple": True} if flag.is_repeated else {})


class _Number(click.IntRange):
    """A whole number, with its limits said in words where it is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or number < (self.min or 0) or (self.max is not None and number > self.max):
            limits = f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"
            self.fail(f"{value!r} is not a number that it takes: {limits}", param, ctx)
        return number


class _Choice(click.Choice[str]):
    """One of some words; the one that may have been meant is named."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, if it is one."""
        if value not in self.choices:
            from difflib import get_close_matches

            near = get_close_matches(str(value), [str(each) for each in self.choices], 1)
            named = f"{max(param.opts, key=len)}: " if isinstance(param, FlagOption) else ""
            more = f"see: {ctx.command_path} --help" if ctx else ""
            raise UsageError(
                f"{named}{value!r} is none of: {', '.join(map(str, self.choices))}",
                hint=f"did you mean {near[0]}?" if near else more,
            )
        return super().convert(value, param, ctx)


class _Format(click.Choice[str]):
    """A choice that the help of its flag lists in words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, if it is one."""
        if value not in self.choices:
            from difflib import get_close_matches

            near = get_close_matches(str(value), self.choices, 1)
            hint = f"{f'did you mean {near[0]}? ' if near else ''}it is one of: {', '.join(self.choices)}"
            raise UsageError(f"unknown output format {value!r}", hint=hint)
        return super().convert(value, param, ctx)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


class Given:
    """One call of a command: its values, as the options that they are."""

    def __init__(self, context: click.Context) -> None:
        self._context = context

    def of(self, kind: type[O]) -> O:
        """These options, as the command line gives them."""
        values = {name: self._value(flag) for name, flag in flags_of(kind)}
        given = frozenset(flag.word for _, flag in flags_of(kind) if self._is_given(flag))
        configured = frozenset(flag.word for _, flag in flags_of(kind) if self._is_configured(flag))
        file = str(found.path) if configured and (found := self.installation) else ""
        return kind(given=given, configured=configured, settings_file=file, **values)

    def all_given(self, kinds: Sequence[type[Options]]) -> list[str]:
        """The flags of these options that stood on the command line, in the order of the options."""
        return [flag.word for kind in kinds for _, flag in flags_of(kind) if self._is_given(flag)]

    def settle_by(self, find: Callable[[], Installation | None], *, asks_cluster: bool) -> None:
        """What finds the installation file of this call; it is asked once, when something is to be known of it."""
        self._context.meta[SETTINGS] = find
        self._context.meta[ASKS_CLUSTER] = asks_cluster

    @property
    def installation(self) -> Installation | None:
        """The installation file of this call, None where there is none. UsageError."""
        found = self._context.meta.get(SETTINGS)
        if callable(found):
            self._context.meta[SETTINGS] = None  # whoever looks for it may ask for what was given
            found = self._context.meta[SETTINGS] = found()
        installation: Installation | None = found
        return installation

    def configured(self) -> dict[str, str]:
        """Flag → key of each whose value is the installation file's, as far as that was looked for."""
        if not self.settings_file:
            return {}
        return {flag.word: flag.key for flag in self._flags if self._is_configured(flag)}

    @property
    def settings_file(self) -> str:
        """The installation file, empty where there is none or it was not looked for."""
        found = self._context.meta.get(SETTINGS)
        return "" if found is None or callable(found) else str(found.path)

    @property
    def kube(self) -> Any:
        """kubectl's generic flags of this call, as `KubeFlags`, and what the installation file says of the cluster."""
        found = self.installation if self._context.meta.get(ASKS_CLUSTER) else None
        if found is None:
            return self.kube_alone
        from dataclasses import replace

        said = {"default_context": found.context, "default_namespace": found.namespace, "guard": found.guard}
        return replace(self.kube_alone, **said)

    @property
    def kube_alone(self) -> Any:
        """kubectl's generic flags of this call alone."""
        from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags

        given = {name: value for name, value in self._context.meta.get(KUBE, {}).items() if name != CONFIG}
        return KubeFlags(**given)

    def kube_value(self, flag: Flag) -> Any:
        """What one of kubectl's generic flags says that is a setting too."""
        return self._context.meta[KUBE][flag.word.lstrip("-")]

    @property
    def config(self) -> str:
        """What --config names."""
        return str(self._context.meta.get(KUBE, {}).get(CONFIG, ""))

    @property
    def commands(self) -> click.Group:
        """All commands: their flags are the settings that there are."""
        group = self._context.find_root().command
        return group if isinstance(group, click.Group) else click.Group(commands=[self._context.command])

    @property
    def cancel(self) -> Cancel:
        """What ends this call: one for all that is made for it."""
        found: Cancel = self._context.meta.setdefault(CANCEL, Cancel())
        return found

    def stop_on_signals(self) -> Cancel:
        """From now on what is in flight is finished when a signal comes; the second one ends the call at once."""
        return self._context.with_resource(self.cancel.on_signals())

    def note(self, whom: str, *, target: str, what: str, verb: str = "", by: str = "") -> None:
        """From now on this call is an act that the history tells of: it changes something, and nothing is left to ask.

        `whom`: the cluster or application that it acts on, by its uid or host. `verb`: where it is not that of the call.
        `by`: who it is, by the word of the API server.
        """
        from kubectl_lrs.runtime.history import Writer

        verb = verb or str(self._context.command.name)
        self._context.meta[ACT] = Writer(whom, verb=verb, target=target, what=what, by=by, command=self._spoken())

    def spoken_by(self, words: Callable[[], str]) -> None:
        """What gives the call as it was typed, without what is secret."""
        self._context.meta[SPOKEN] = words

    def _spoken(self) -> str:
        words: Callable[[], str] = self._context.meta.get(SPOKEN, str)
        return words()

    def drop_act(self) -> None:
        """What was begun has been noted with its end; the call goes on with something else."""
        self._context.meta[ACT] = None

    @property
    def act(self) -> Writer | None:
        """What the history tells of this call; None where it changes nothing."""
        found: Writer | None = self._context.meta.get(ACT)
        return found

    @property
    def kube_words(self) -> dict[str, bool]:
        """Those of kubectl's generic flags that were given, and whether each stood behind the verb."""
        return dict(self._context.meta.get(KUBE_WORDS, {}))

    @property
    def words(self) -> list[str]:
        """All flags of the command that stood on the command line."""
        return [flag.word for flag in self._flags if self._is_given(flag)]

    @property
    def is_silent(self) -> bool:
        """Whether nothing is to be said where all is well: -q, and the answer not asked for by -o."""
        return {"--quiet", "--output"} & set(self.words) == {"--quiet"}

    def value(self, word: str) -> Any:
        """What a flag or an argument is: by the command line, the installation file, or default."""
        return self._plain(next(flag for flag in self._flags if flag.word == word))

    def refuse_empty(self) -> None:
        """UsageError for a value that is empty, such as that of a variable which is not set: it must not mean the default."""
        for each in self._flags:
            value = self._context.params[parameter_name(each)]
            if self._is_given(each) and "" in (value if isinstance(value, tuple) else (value,)):
                word = each.metavar if each.is_argument else each.word
                raise UsageError(f"{word}: an empty value names nothing", hint="leave it out, or is a variable not set?")

    @property
    def arguments(self) -> list[str]:
        """All words of the call, as they were typed."""
        return list(self._context.meta.get(TYPED, ()))

    @property
    def params(self) -> list[click.Parameter]:
        """What its words can be."""
        return list(self._context.command.params)

    @property
    def flags(self) -> list[Flag]:
        """All that its command has."""
        return self._flags

    @cached_property
    def _flags(self) -> list[Flag]:
        return [each.flag for each in self._context.command.params if isinstance(each, FlagOption | FlagArgument)]

    def _is_given(self, flag: Flag) -> bool:
        return self._context.get_parameter_source(parameter_name(flag)) is ParameterSource.COMMANDLINE

    def _is_configured(self, flag: Flag) -> bool:
        """Whether it is the installation file that says its value."""
        if not flag.key or self._is_given(flag) or self.is_no(flag.word):
            return False
        if any(map(self.is_said, (flag.variable, *flag.yields))):
            return False
        found = self.installation
        return found is not None and flag.key in found.values

    def is_no(self, word: str) -> bool:
        """Whether a flag was set to false, of which click was not told."""
        return word in self._context.meta.get(SAID_NO, ())

    def is_said(self, name: str) -> bool:
        """Whether a flag, an argument or a variable of this name says anything in this call."""
        if not name.startswith("-") and name.isupper():
            return bool(os.environ.get(name, "").strip())
        is_given = any(flag.word == name and self._is_given(flag) for flag in self._flags)
        return is_given or name in self._context.meta.get(KUBE_WORDS, {})

    def _plain(self, flag: Flag) -> Any:
        """As click would give it."""
        found = self.installation if self._is_configured(flag) else None
        default = flag.default.value if isinstance(flag.default, Enum) else flag.default
        # A command may look at settings of which it has no flag.
        return found.values[flag.key] if found else self._context.params.get(parameter_name(flag), default)

    def _value(self, flag: Flag) -> Any:
        value = self._plain(flag)
        if flag.commas:
            return _split(flag, value)
        if flag.choices and isinstance(flag.choices[0], Enum) and value is not None:
            return type(flag.choices[0])(value)
        return value


def _split(flag: Flag, values: Sequence[str]) -> tuple[str, ...]:
    """Values that were given several times, or with commas between them.

    An empty one, such as that of a variable which is not set, must not mean all of them.
    """
    if any(not value.strip() for value in values):
        raise UsageError(f"{flag.word}: an empty value names nothing", hint="leave the flag out to take all")
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())
