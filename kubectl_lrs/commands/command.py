"""What all verbs share: kubectl's generic flags anywhere on the line, output formats, help with examples and exit status."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from kubectl_lrs.commands.flags import CONFIG, KUBE, KUBE_WORDS, SAID_NO, FlagOption, Given, parameters
from kubectl_lrs.completion import pflag
from kubectl_lrs.model.errors import DeclinedError, ExitCode, InterruptedRunError, LrsError, UsageError
from kubectl_lrs.model.flags import Group, Options
from kubectl_lrs.model.units import self_name
from kubectl_lrs.render import colour
from kubectl_lrs.render.output import done, say
from kubectl_lrs.runtime import waiting

if TYPE_CHECKING:
    from kubectl_lrs.model.settings import Installation

EXIT_STATUS: dict[int, str] = {
    0: "everything that was asked for is done",
    1: "it failed",
    2: "the command line, or a file that it names, is wrong",
    3: "done in part; the report names every item that was not",
    4: "damage or a difference was found",
    5: "the cluster, the application or a storage is out of reach, or does not allow it",
    130: "interrupted",
}


FIRST = (
    "--from", "--at", "--app", "--namespace", "--all-namespaces", "--type", "--exclude-type", "--selector", "--existing",
    "--dry-run", "--yes", "--wait", "--timeout", "--backup-dir", "--name", "--mongo", "--mongo-existing", "--images",
    "--images-existing", "--map-registry", "--files", "--files-url", "--files-existing",
)  # fmt: skip
"""What a help lists first under its heading: most calls need no other."""

LAST = ("--output", "--quiet", "--help")
"""What it lists last."""

PAGES: dict[Group, tuple[str, str]] = {
    Group.CONNECTION: ("mongo", "where MongoDB is and how it is reached"),
    Group.STORAGE: ("storage", "how a storage of backups is reached"),
}
"""Flags that have a page of their own, as all commands that have them mean the same by them: its name, what they say."""

NAMESPACE: dict[str, str] = {
    "backup": "The namespace whose LRS are saved; the context's where it is not given.",
    "restore": "Only what was saved in this namespace; all that the backup holds where it is not given.",
    "verify": "With --against-cluster: only what was saved in this namespace; all of it where it is not given.",
    "diff": "Only this namespace; all that the backup holds where it is not given.",
    "check": "The namespace of the LRS; the context's where it is not given, with --from all that the backup holds.",
    "clean-spark": "The namespace whose sessions are deleted; the context's where it is not given.",
}
"""What -n means to a command; to the others nothing, and then it is not listed."""


def group_of(option: click.Option) -> Group:
    """The heading under which a flag stands."""
    if isinstance(option, FlagOption):
        return option.flag.group
    name = "help" if "--help" in option.opts else str(option.name)
    return {"help": Group.OUTPUT, "namespace": Group.MEANT}.get(name, Group.OTHER)


NO_BREAK = "\N{NON-BREAKING HYPHEN}"
_FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


class HelpFormatter(click.HelpFormatter):
    """As click's; but no flag is broken at a hyphen, as whoever copies it needs all of it."""

    def write_text(self, text: str) -> None:
        """Prose."""
        super().write_text(_unbroken(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """What is said of each term."""
        super().write_dl([(term, _unbroken(text)) for term, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """All of it."""
        return super().getvalue().replace(NO_BREAK, "-")


def _unbroken(text: str) -> str:
    return _FLAG.sub(lambda flag: flag[0].replace("-", NO_BREAK), text)


class HelpContext(click.Context):
    """Whose help is in that form."""

    formatter_class = HelpFormatter


def place_of(option: click.Option) -> int:
    """Where a flag stands under its heading; those of one place as they come."""
    order = {name: place for place, name in enumerate((*FIRST, "", *LAST))}
    return min((order[name] for name in option.opts if name in order), default=len(FIRST))


class PluginCommand(click.Command):
    """A command whose help ends with examples and EXIT STATUS. In both, `@` stands for the name it was called by."""

    context_class = HelpContext

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), exits: Sequence[int] = (0, 2), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.exits = exits

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after the words were brought into the one form that it knows."""
        ctx.meta[SAID_NO] = pflag.said_no(args, self.params)
        try:
            return super().parse_args(ctx, pflag.as_click_reads(args, self.params))
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that it is the help of this command that is named
            raise

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line first, then usage, what it does, the flags in groups, examples, exit status."""
        first, _, rest = inspect.cleandoc(self.help or "").partition("\n\n")
        formatter.write_text(" ".join(first.split()))
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        if rest:
            formatter.write_paragraph()
            formatter.write_text(rest)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The flags, each under the heading of its group."""
        shown: dict[Group, list[tuple[int, tuple[str, str]]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                shown.setdefault(group_of(param), []).append((place_of(param), record))
        for group in (group for group in Group if group in shown):
            if group in PAGES:
                continue
            with formatter.section(group.value):
                formatter.write_dl([record for _, record in sorted(shown[group], key=lambda each: each[0])])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Examples, exit status, and where the rest of the flags is."""
        name = self_name(sys.argv[0])
        if self.examples:
            from textwrap import wrap

            with formatter.section("Examples"):
                for number, (comment, line) in enumerate(self.examples):
                    margin = " " * formatter.current_indent
                    width = formatter.width - len(margin)
                    lines = wrap(comment, width, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
                    lines += continued(line.replace("@", name), width)
                    formatter.write("\n" * bool(number) + "".join(f"{margin}{each}\n" for each in lines))
        with formatter.section("Exit status"):
            formatter.write_dl([(str(code), EXIT_STATUS[code]) for code in self.exits])
        formatter.write_paragraph()
        groups = {group_of(param) for param in self.params if isinstance(param, click.Option)}
        for page, what in (PAGES[group] for group in Group if group in groups & set(PAGES)):
            formatter.write_text(f'Use "{name} help {page}" for the flags that say {what}.')
        formatter.write_text(
            f'Use "{name} options" for the flags that all verbs share with kubectl (--context, --kubeconfig, ...).'
        )


_WORD = re.compile(r"""(?:--?[a-z-]+ (?=[^-\s]))?(?:[^\s'"]|'[^']*'|"[^"]*")+""")
"""A word, or a flag with its value."""
CONTINUED = " \\"


def continued(line: str, width: int) -> list[str]:
    """A command in lines that a shell reads as one; none is longer than `width`, but for a word that is."""
    lines: list[str] = []
    for word in _WORD.findall(line):
        if lines and len(f"{lines[-1]} {word}") <= width - (len(CONTINUED) if len(line) > width else 0):
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}" if lines else word)
    return [f"{each}{CONTINUED}" for each in lines[:-1]] + lines[-1:]


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Keep a generic flag for `kube_flags`, wherever on the line it stood."""
    name = param.name or ""
    if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
        values = ctx.meta.setdefault(KUBE, {})
        values[name] = (*values.get(name, ()), *value) if isinstance(value, tuple) else value
        ctx.meta.setdefault(KUBE_WORDS, {})[max(param.opts, key=len)] = ctx.parent is not None
    return value


class KubeOption(click.Option):
    """One of kubectl's flags."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:  # noqa: ARG002
        """As a help lists it, in the form of all others."""
        names = ", ".join(self.opts)
        return None if self.hidden else (names if self.is_flag else f"{names} {self.metavar}", self.help or "")


def _flag(*names: str, **settings: Any) -> click.Option:
    return KubeOption(names, expose_value=False, **({"callback": _remember} | settings))


def _show_requests(ctx: click.Context, param: click.Parameter, value: int) -> int:
    """Show requests from now on; the last one given counts."""
    if ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT:
        from kubectl_lrs.clients import wirelog

        wirelog.configure(value)
    return value


def _choose_colour(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Colours from now on; the last one given counts."""
    if ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.DEFAULT:
        colour.choose(value)
    return value


def kube_options() -> list[click.Option]:
    """kubectl's generic flags. Source: kubernetes/cli-runtime, `pkg/genericclioptions/config_flags.go`."""
    return [
        _flag("--kubeconfig", metavar="FILE", help="Path to the kubeconfig file to use."),
        _flag("--context", metavar="NAME", help="The name of the kubeconfig context to use."),
        _flag("--cluster", metavar="NAME", help="The name of the kubeconfig cluster to use."),
        _flag("--user", metavar="NAME", help="The name of the kubeconfig user to use."),
        _flag("-s", "--server", metavar="URL", help="The address and port of the API server."),
        _flag("--certificate-authority", metavar="FILE", help="Certificate file of the API server's authority."),
        _flag("--insecure-skip-tls-verify", is_flag=True, help="Do not check the server's certificate."),
        _flag("--tls-server-name", metavar="NAME", help="Server name to check the certificate against."),
        _flag("--client-certificate", metavar="FILE", help="Client certificate file."),
        _flag("--client-key", metavar="FILE", help="Client key file."),
        _flag("--token", metavar="TOKEN", help="Bearer token; a kubeconfig keeps it out of the process list."),
        _flag("--username", metavar="NAME", help="Username for basic authentication."),
        _flag("--password", metavar="PASSWORD", help="Password for basic authentication."),
        _flag("--as", "impersonate_user", metavar="USER", help="User to impersonate."),
        _flag("--as-uid", "impersonate_uid", metavar="UID", help="UID to impersonate."),
        _flag(
            "--as-group",
            "impersonate_groups",
            metavar="GROUP",
            multiple=True,
            help="Group to impersonate; may be repeated.",
        ),
        _flag(
            "--as-user-extra",
            "impersonate_extra",
            metavar="KEY=VALUE",
            multiple=True,
            help="Extra of the user; may be repeated.",
        ),
        _flag(
            "--request-timeout",
            metavar="DURATION",
            help="Time for a single request to the server (1s, 2m, 3h); 0 means the default.",
        ),
        _flag("--disable-compression", is_flag=True, help="Do not ask the server for compressed answers."),
        _flag("--cache-dir", metavar="DIR", help="Accepted as kubectl does; nothing is cached."),
        _flag(
            "-v",
            "--v",
            "verbosity",
            type=click.IntRange(0),
            default=0,
            metavar="LEVEL",
            callback=_show_requests,
            help="Show requests on stderr, secrets masked: 6 a line each, 7 headers, 8 bodies, 9 longer, 10 whole ones.",
        ),
        _flag(
            "--color",
            type=click.Choice(colour.CHOICES),
            metavar="|".join(colour.CHOICES),
            default=colour.AUTO,
            callback=_choose_colour,
            help="Colours: auto is on a terminal alone, and not where NO_COLOR is set.",
        ),
        _flag("-n", "--namespace", metavar="NAMESPACE", help="The namespace; the context's where it is not given."),
    ]


def common_options() -> list[click.Option]:
    """The flags of all verbs: kubectl's, and the one that names the installation file."""
    help_ = "Installation file with settings; else LRS_CONFIG, else the one of this cluster in ~/.config/kubectl-lrs."
    return [*kube_options(), _flag("--config", CONFIG, metavar="FILE", help=help_)]


def command(
    name: str,
    *kinds: type[Options],
    help: str,  # noqa: A002  the field's word
    examples: Sequence[tuple[str, str]] = (),
    exits: Sequence[int] = (0, 2),
) -> PluginCommand:
    """A command with these options, and kubectl's generic flags; all but -n are listed by `options`, not in each help.

    What it does is `run` of the module NAME_run, which is imported when it is called: help, Tab key and wrong words do
    not wait for it.
    """

    def called(**_values: Any) -> ExitCode | None:
        given = Given(click.get_current_context())
        try:
            return _called(given, name)
        except LrsError as error:
            from kubectl_lrs.commands.variables import name_settings, name_variables

            name_variables(error, given)
            if name == "run":
                name_settings(error, given)
            raise _traced(error, given)  # noqa: B904  it is the same

    made = PluginCommand(name, callback=called, params=parameters(kinds), help=help, examples=examples, exits=exits)
    for option in common_options():
        option.hidden = option.name != "namespace" or name not in NAMESPACE
        option.help = NAMESPACE.get(name, option.help) if option.name == "namespace" else option.help
        made.params.append(option)
    return made


def _called(given: Given, name: str) -> ExitCode | None:
    given.refuse_empty()
    from kubectl_lrs.commands import unused  # the tables of all verbs

    _settle(given, name)
    unused.require_effects(name, given.words, given.value)
    unused.refuse_cluster(name, given)
    given.spoken_by(lambda: _spoken(given))
    waiting.tell_by(None if "--quiet" in given.words else say)
    return _noted(run_of(name), given, name)


def _spoken(given: Given) -> str:
    from kubectl_lrs.commands import again  # for those that change something

    return again.this(given)


def _settle(given: Given, name: str) -> None:
    """Have the installation file found: at once where it is named, for what is wrong in it is wrong with the call."""
    from kubectl_lrs.commands import unused

    if unused.is_about_program(name):
        return
    from kubectl_lrs.commands import config_files

    asks_cluster = unused.without_cluster(name, given.value) is None

    def find() -> Installation | None:
        if not config_files.named(given.config)[0] and not config_files.there():
            return None
        from kubectl_lrs.commands import installation  # with all that reads it, for those who have one

        return installation.of_call(given, asks_cluster=asks_cluster)

    if "--config" in given.kube_words and not given.config.strip():
        raise UsageError("--config: an empty value names nothing", hint="leave it out, or is a variable not set?")
    given.settle_by(find, asks_cluster=asks_cluster)
    if config_files.named(given.config)[0]:
        assert given.installation is not None


AGAIN = "the same command goes on where this one ended"
BEGUN_ANEW = {"backup": "the same command begins anew"}
"""What a command comes to that was interrupted after it has begun to change something, where that is not AGAIN."""

SAYS_SO = frozenset(("deactivate", "activate", "run"))
"""Those whose own answer says how they go on."""


def _noted(run: Callable[[Given], ExitCode | None], given: Given, name: str) -> ExitCode | None:
    """What it does, with its end in the history where it has begun an act; what an interruption means is said."""
    try:
        code = run(given)
    except DeclinedError:
        raise
    except (KeyboardInterrupt, click.Abort, InterruptedRunError) as error:
        end(given, ExitCode.INTERRUPTED, "interrupted")
        hint = BEGUN_ANEW.get(name, AGAIN) if given.act else "nothing was changed"
        raise InterruptedRunError(str(error) or "interrupted", hint=getattr(error, "hint", "") or hint) from error
    except BaseException as error:
        end(given, getattr(error, "exit_code", ExitCode.FAILED), str(error))
        raise
    end(given, code or ExitCode.DONE, "")
    if code == ExitCode.INTERRUPTED and name not in SAYS_SO:
        say(AGAIN if given.act else "interrupted; nothing was changed")
    return code


def _traced(error: LrsError, given: Given) -> LrsError:
    """The same, with where a flag that it names is said, where that is the installation file."""
    found = {word: key for word, key in given.configured().items() if re.search(rf"{word}(?![\w-])", str(error))}
    for word, key in found.items():
        error.with_hint(f"{word} is {key} in {given.settings_file}")
    return error


def end(given: Given, code: int, why: str) -> None:
    """Note the end of the act that the call has begun, where it has."""
    if given.act is None:
        return
    given.act.end(int(code), why or done() or EXIT_STATUS[int(code)])
    if given.act.trouble and os.environ.get("LRS_STATE_DIR"):  # a default that cannot be is no reason to write at night
        say(f"note: the history does not tell of this: {given.act.trouble}")


def run_of(name: str) -> Callable[[Given], ExitCode | None]:
    """What the command of this name does."""
    module = importlib.import_module(f"kubectl_lrs.commands.{name.replace('-', '_')}_run")
    run: Callable[[Given], ExitCode | None] = module.run
    return run
