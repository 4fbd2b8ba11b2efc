"""What all verbs share: kubectl's generic flags anywhere on the line, output formats, help with examples and exit status."""

from __future__ import annotations

import inspect
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

import click

from kubectl_lrs.formats import pflag
from kubectl_lrs.model.errors import InterruptedRunError, UsageError
from kubectl_lrs.model.units import self_name
from kubectl_lrs.render import colour

F = TypeVar("F", bound=Callable[..., Any])

_KUBE = "kubectl_lrs.kube_flags"

EXIT_STATUS: dict[int, str] = {
    0: "everything that was asked for is done",
    1: "it failed",
    2: "the command line, or a file that it names, is wrong",
    3: "done in part; the report names every item that was not",
    4: "damage or a difference was found",
    5: "the cluster or the application is out of reach, or does not allow it",
    130: "interrupted",
}


OTHER = "Flags"
GROUPS: dict[str, tuple[str, ...]] = {
    "What is meant": (
        *("all_namespaces", "namespace", "types", "excluded", "selector", "older_than", "from_", "files", "recursive"),
        *("every", "include", "exclude", "ids_file", "tier", "tiers", "profile", "unified", "spark_older_than"),
    ),
    OTHER: (),
    "What objects become": (
        *("existing", "maps", "accept_unmapped", "create_namespaces", "install_crd", "restore_status", "validate"),
        *("pause_operator", "operator", "operator_replicas"),
    ),
    "Mongo": ("mongo",),
    "Images": ("images", "image", "exclude_image", "registry"),
    "Files": ("files_",),
    "Application's API": ("with_deployments", "url", "token_files", "ca_file", "scheme"),
    "How it is done": ("dry_run", "yes", "force", "wait", "timeout", "parallel", "clean_spark"),
    "Backups and output": ("backup_dir", "name", "journal", "journals", "output", "quiet", "help"),
}
"""The headings of a verb's flags, and the parameters that stand under each, in every verb; the rest is under `OTHER`."""

BY_PREFIX = ("Mongo", "Images", "Files")
"""Under these stands also whatever begins so."""


def group_of(option: click.Option) -> str:
    """The heading under which a flag stands."""
    name = "help" if "--help" in option.opts else str(option.name)
    exact = (title for title, names in GROUPS.items() if name in names)
    begun = (title for title in BY_PREFIX if name.startswith(GROUPS[title]))
    return next(exact, None) or next(begun, OTHER)


class Verb(click.Command):
    """A command whose help ends with examples and EXIT STATUS. In both, `@` stands for the name it was called by."""

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), exits: Sequence[int] = (0, 2), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.exits = exits

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after the words were brought into the one form that it knows."""
        return super().parse_args(ctx, pflag.as_click_reads(args, self.params))

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
        shown: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)):
                shown.setdefault(group_of(param), []).append(record)
        for title in sorted(shown, key=list(GROUPS).index):
            with formatter.section(title):
                formatter.write_dl(shown[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Examples, exit status, and where the rest of the flags is."""
        name = self_name(sys.argv[0])
        if self.examples:
            with formatter.section("Examples"):
                for comment, line in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}# {comment}\n")
                    formatter.write(f"{' ' * formatter.current_indent}{line.replace('@', name)}\n\n")
        with formatter.section("Exit status"):
            formatter.write_dl([(str(code), EXIT_STATUS[code]) for code in self.exits])
        formatter.write_paragraph()
        formatter.write_text(
            f'Use "{name} options" for the flags that all verbs share with kubectl (--context, --kubeconfig, ...).'
        )


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Keep a generic flag for `kube_flags`, wherever on the line it stood."""
    name = param.name or ""
    if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
        values = ctx.meta.setdefault(_KUBE, {})
        values[name] = (*values.get(name, ()), *value) if isinstance(value, tuple) else value
    return value


def _flag(*names: str, **settings: Any) -> click.Option:
    return click.Option(names, expose_value=False, **({"callback": _remember} | settings))


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
            default=colour.AUTO,
            callback=_choose_colour,
            help="Colours: auto is on a terminal alone, and not where NO_COLOR is set.",
        ),
        _flag("-n", "--namespace", metavar="NAMESPACE", help="The namespace; the context's where it is not given."),
    ]


def kube_flags(ctx: click.Context) -> Any:
    """The generic flags of this call, as `KubeFlags`."""
    from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags

    return KubeFlags(**ctx.meta.get(_KUBE, {}))


def verb(name: str, *, examples: Sequence[tuple[str, str]] = (), exits: Sequence[int] = (0, 2)) -> Callable[[F], Verb]:
    """A verb with kubectl's generic flags; all but -n are listed by the verb `options`, not in each help."""

    def decorate(function: F) -> Verb:
        command = click.command(name, cls=Verb, examples=examples, exits=exits)(click.pass_context(function))
        for option in kube_options():
            option.hidden = option.name != "namespace"
            command.params.append(option)
        return command

    return decorate


def output_option(*formats: str) -> Callable[[F], F]:
    """`-o`, one of the formats; the first is the default."""
    return click.option(
        "-o",
        "--output",
        default=formats[0],
        metavar="FORMAT",
        callback=_choice(formats),
        help=f"Output format: {', '.join(formats)}.",
        shell_complete=lambda _ctx, _param, start: [value for value in formats if value.startswith(start)],
    )


def _choice(formats: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, str], str]:
    def check(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
        if value not in formats:
            raise UsageError(f"unknown output format {value!r}", hint=f"it is one of: {', '.join(formats)}")
        return value

    return check


def _types(_ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """The types; an empty value, such as that of a variable which is not set, must not mean all of them."""
    if any(not value.strip() for value in values):
        raise UsageError(f"{param.opts[0]}: an empty value names no type", hint="leave the flag out to take all types")
    return split(values)


def split(values: Sequence[str]) -> tuple[str, ...]:
    """Values that were given several times, or with commas between them."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask; go on with what the plan says.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress; results, warnings and errors only.")
backup_dir_option = click.option(
    "--backup-dir",
    default="",
    metavar="DIR",
    help="Folder that holds the backups; else LRS_BACKUP_DIR, else the current directory.",
)
type_option = click.option(
    "--type",
    "types",
    multiple=True,
    metavar="T,...",
    callback=_types,
    help="Only these workload types.",
)
exclude_type_option = click.option(
    "--exclude-type",
    "excluded",
    multiple=True,
    metavar="T,...",
    callback=_types,
    help="Not these workload types.",
)
selector_option = click.option(
    "-l", "--selector", default="", metavar="SELECTOR", help="Only objects with these labels (app=web,tier!=cache)."
)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; refuse where there is none, unless `--yes` was given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            f"this needs a yes: {question}",
            hint="there is no terminal to ask on; look at the plan with --dry-run, then say --yes",
        )
    # While nothing is in flight a signal ends the run at once, whatever `stop_on_signal` has said.
    handlers = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)  # what is said next begins on a line of its own
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if not agreed:
        raise InterruptedRunError("not agreed to; nothing was written")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def stop_on_signal(stop: threading.Event | None = None) -> threading.Event:
    """Set by the first SIGINT, SIGTERM or SIGHUP, so that what is in flight is finished; the second one ends at once."""
    stop = stop or threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in SIGNALS:
        signal.signal(number, handle)
    return stop
