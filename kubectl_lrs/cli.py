"""The command line: the verbs, the one error boundary, the signals. `--help` and `version` import nothing heavy."""

from __future__ import annotations

import errno
import gc
import importlib
import re
import signal
import sys
from typing import Any, NoReturn

import click

from kubectl_lrs.commands.command import PAGES, HelpContext, common_options
from kubectl_lrs.commands.flags import TYPED
from kubectl_lrs.completion import pflag
from kubectl_lrs.model.errors import ExitCode, LrsError, MissingRightError, UsageError
from kubectl_lrs.model.units import self_name
from kubectl_lrs.render.output import answer, blame, done, is_answered, reader_is_gone, say
from kubectl_lrs.runtime import streams
from kubectl_lrs.runtime.cancel import SIGNALS, interrupt

HEADINGS: dict[str, dict[str, str]] = {
    "Backups": {
        "backup": "Back up LRS into a folder that plain kubectl can restore from.",
        "restore": "Restore a backup, or some LRS out of one.",
        "list": "List the backups.",
        "show": "Show what a backup holds.",
        "verify": "Check that a backup is as it was sealed.",
        "rehearse": "Prove that a backup restores, without touching what runs.",
        "diff": "Show what differs: two backups, or a backup and the cluster.",
        "check": "Check that LRS, MongoDB, images, files and deployments agree.",
    },
    "Sessions and deployments": {
        "clean-spark": "Delete Spark sessions, as before a backup.",
        "deactivate": "Deactivate deployments through the application's API.",
        "activate": "Activate what deactivate took down.",
    },
    "Which backups stay": {
        "prune": "Remove backups that no rule keeps.",
        "hold": "Keep a backup from being removed.",
        "unhold": "Let a backup go that is held.",
        "forget": "Remove backups that are named.",
        "unforget": "Bring back what prune or forget has removed, where that can be.",
    },
    "Where backups are": {
        "copy": "Copy backups from one place into another.",
        "export": "Write a backup as a plain folder.",
        "import": "Make a backup of what others saved.",
        "repository": "Make, show or check a place of backups.",
    },
    "Every night": {
        "config": "Make, show or check an installation file.",
        "run": "Run what is done each night: backup, verify, check, prune.",
        "schedule": "Set up nightly runs in the cluster, show or start them.",
        "metrics": "Print metrics of the backups in Prometheus' text form.",
        "image": "Make the container image of this plugin, and push it.",
    },
    "About": {
        "history": "Show what was done, by whom, when.",
        "help": "Show the help of a verb, or a page: mongo, storage, man.",
        "options": "List the flags that all verbs share with kubectl.",
        "completion": "Complete words with the Tab key.",
        "schema": "Print the JSON Schema of what -o json prints.",
        "version": "Print the version.",
    },
}
"""The verbs as help lists them, each with what it does: one line on a terminal of 80 columns."""

VERBS: dict[str, str] = {verb: meaning for verbs in HEADINGS.values() for verb, meaning in verbs.items()}
"""Each verb is the `command` of the module of its name (`_` for `-`) in `commands`, imported when it is called."""

TOPICS = {**VERBS, **{page: f"The flags that say {what}." for page, what in PAGES.values()}, "man": "The man page."}
"""What there is help on."""

COLLECTED = (10_000, 20, 20)
"""After so many new objects Python looks for circles: what passes through here is JSON, which has none, and goes by itself."""

HIDDEN = {"__complete": "complete"}
"""Verbs that no person types, and the modules that they are in."""


class Verbs(click.Group):
    """The verbs, from the table."""

    meanings = VERBS
    topics = TOPICS
    context_class = HelpContext

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after the flags before the verb were brought into the one form that it knows."""
        ctx.meta[TYPED] = tuple(args)
        return super().parse_args(ctx, pflag.as_click_reads(args, self.params, interspersed=False))

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which takes every broken pipe for that of standard output; that one breaks nothing here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise RuntimeError("a pipe of the work broke") from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of the table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the verb's module."""
        if cmd_name not in VERBS and cmd_name not in HIDDEN:
            return None
        module = importlib.import_module(f"kubectl_lrs.commands.{HIDDEN.get(cmd_name, cmd_name.replace('-', '_'))}_")
        command: click.Command = module.command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a verb that does not exist is an error that names near ones."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"see: {ctx.command_path} --help"
            raise UsageError(f"no such verb: {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing any verb."""
        width = max(map(len, VERBS))
        for heading, verbs in HEADINGS.items():
            with formatter.section(heading):
                formatter.write_dl([(verb.ljust(width), meaning) for verb, meaning in verbs.items()])

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs; the flags have a verb of their own."""
        self.format_commands(ctx, formatter)
        name = self_name(sys.argv[0])
        formatter.write_paragraph()
        formatter.write_text(f'Use "{name} VERB --help" for more about a verb, "{name} options" for the flags of all verbs.')


def _group() -> Verbs:
    group = Verbs(
        name="kubectl lrs",
        help="Back up, verify and restore DataRobot Long Running Services (LRS).",
        invoke_without_command=True,
        no_args_is_help=False,
        callback=_help_without_verb,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
        subcommand_metavar="VERB ...",
        options_metavar="",
    )
    group.params.extend(common_options())
    group.params.append(
        click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, hidden=True)
    )
    return group


def manual_page() -> str:
    """The man page, as `help man` prints it: for whoever builds the product."""
    from kubectl_lrs.commands.help_ import roff

    group = _group()
    with click.Context(group, info_name=group.name, **group.context_settings) as ctx:
        return roff(ctx)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    """As `version` says it."""
    if value:
        ctx.exit(run(["version"]))


@click.pass_context
def _help_without_verb(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        answer(f"{ctx.get_help()}\n")


RIGHTS = "docs/rights.md has the smallest Role for each verb"
"""What can be done about a right that is missing, where nobody has said more."""

DISK = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""What a disk fails with; where it is not ours to handle, it is still no bug."""


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(*COLLECTED)
    streams.install()
    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        code = _answered(run(sys.argv[1:]))
        for number in SIGNALS:  # what is left to do is to end; a signal now would only spoil the exit code
            signal.signal(number, signal.SIG_IGN)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """One call; every failure becomes a message and an exit code, and for programs a document where there is no other."""
    code = _run(arguments)
    if code and not is_answered() and (output := _for_programs(arguments)):
        from kubectl_lrs.render.failed import show_error

        show_error(ExitCode(code), output)
    return code


_OUTPUT = re.compile(r"(?:-o=?|--output=)(json|yaml)")


def _for_programs(arguments: list[str]) -> str:
    """The format for programs that the words of a call ask for, whatever else is wrong with them."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    asked = ""
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word in ("-o", "--output"):
            asked = following if following in ("json", "yaml") else ""
        elif word.startswith(("-o", "--output=")):
            found = _OUTPUT.fullmatch(word)
            asked = found[1] if found else ""
    return asked


def _run(arguments: list[str]) -> int:
    name = self_name(sys.argv[0])
    try:
        result = _group().main(arguments, prog_name=name, standalone_mode=False)
    except LrsError as error:
        blame(error.word)
        return _fail(str(error), error.hint or (RIGHTS if isinstance(error, MissingRightError) else ""), error.exit_code)
    except click.ClickException as error:
        return _misused(error, name)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", "", ExitCode.INTERRUPTED)
    except OSError as error:
        if error.errno not in DISK:
            return _bug()
        return _fail(f"{error.filename or 'the disk'}: {error.strerror}", "", ExitCode.FAILED)
    except Exception:  # noqa: BLE001  the boundary: a bug is told apart from a failure, and leaves a log
        return _bug()
    return int(result or 0)


def _misused(error: click.ClickException, name: str) -> int:
    """What the library says of words that are wrong."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see: {context.command_path if context else name} --help" if isinstance(error, click.UsageError) else ""
    if isinstance(error, click.NoSuchOption):
        return _fail(f"no such flag: {error.option_name}", _near_flags(error) or hint, ExitCode.USAGE)
    return _fail(_lower(error.format_message()), hint, ExitCode.USAGE)


def _near_flags(error: click.NoSuchOption) -> str:
    """Which ones may have been meant: what all begin with makes none a near one."""
    from difflib import get_close_matches

    params = error.ctx.command.params if error.ctx else ()
    known = [name[2:] for param in params for name in (*param.opts, *param.secondary_opts) if name.startswith("--")]
    typed = error.option_name.lstrip("-")
    near = [each for each in known if each.startswith(f"{typed}-")][:3] or get_close_matches(typed, known, 3)
    return f"did you mean {' or '.join(f'--{each}' for each in near)}?" if near else ""


def _answered(code: int) -> int:
    """The exit code when it is known whether the answer arrived: what was done is said in any case."""
    error = streams.failure()
    if error is None:
        return code
    if reader_is_gone():
        return 128 + signal.SIGPIPE
    why = f"standard output: {error.strerror}"
    return _fail(f"{done()}; the result could not be written to {why}" if done() else why, "", code or ExitCode.FAILED)


def _fail(message: str, hint: str, code: int) -> int:
    for line in (f"error: {message}", *((f"hint: {hint}",) if hint else ())):
        say(line)
    return code


def _lower(message: str) -> str:
    first = message[:1].lower() + message[1:]
    return first.rstrip(".")


def _bug() -> int:
    kind = sys.exc_info()[0]
    try:
        import tempfile
        import traceback

        from kubectl_lrs.runtime import redact

        with tempfile.NamedTemporaryFile("w", prefix="kubectl-lrs-", suffix=".log", delete=False, errors="replace") as log:
            log.write(redact.known(traceback.format_exc()))
        hint = f"please report it with {log.name}"
    except (OSError, ImportError) as error:  # no descriptor is left, say
        hint = f"please report it; no log could be written: {error.strerror if isinstance(error, OSError) else error}"
    return _fail(f"this is a bug in kubectl lrs ({kind.__name__ if kind else 'unknown'})", hint, ExitCode.FAILED)
