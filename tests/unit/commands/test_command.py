"""All commands, held against what every command must be: flags with help, examples that parse, statuses that are known."""

from __future__ import annotations

import inspect
import re
import shlex
from types import ModuleType

import click
import pytest

from kubectl_lrs.cli import VERBS
from kubectl_lrs.commands import (
    accounts,
    activate_,
    activate_run,
    backup_,
    backup_run,
    check_,
    check_run,
    clean_spark_,
    clean_spark_run,
    complete_,
    completion_,
    completion_run,
    config_,
    config_check,
    config_init,
    config_run,
    copy_,
    copy_run,
    deactivate_,
    deactivate_run,
    diff_,
    diff_run,
    export_,
    export_run,
    forget_,
    forget_run,
    help_,
    history_,
    history_run,
    hold_,
    hold_run,
    image_,
    image_run,
    import_,
    import_run,
    list_,
    list_run,
    metrics_,
    metrics_run,
    nightly_steps,
    options_,
    prune_,
    prune_run,
    rehearse_,
    rehearse_run,
    repository_,
    repository_run,
    restore_,
    restore_call,
    restore_run,
    run_,
    run_run,
    schedule_,
    schedule_flags,
    schedule_plan,
    schedule_run,
    schema_,
    schema_run,
    show_,
    show_run,
    spark,
    unforget_,
    unforget_run,
    unhold_,
    unhold_run,
    verify_,
    verify_run,
    version_,
    version_run,
)
from kubectl_lrs.commands.command import (
    EXIT_STATUS,
    FIRST,
    LAST,
    NO_BREAK,
    PluginCommand,
    common_options,
    continued,
    group_of,
    run_of,
)
from kubectl_lrs.commands.flags import FlagArgument, FlagOption
from kubectl_lrs.completion import pflag
from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.flags import Group

MODULES = (
    activate_, backup_, check_, clean_spark_, completion_, config_, deactivate_, diff_, forget_, help_, hold_, list_,
    options_, prune_, restore_, show_, unforget_, unhold_, verify_, version_, copy_, export_, repository_, schema_, history_,
    import_, image_, run_, metrics_, schedule_, rehearse_,
)  # fmt: skip
COMMANDS = {str(module.command.name): module.command for module in MODULES}
RUNS: dict[str, ModuleType] = {
    "activate": activate_run, "backup": backup_run, "check": check_run, "clean-spark": clean_spark_run,
    "completion": completion_run,
    "config": config_run, "deactivate": deactivate_run, "diff": diff_run, "forget": forget_run, "hold": hold_run,
    "list": list_run, "prune": prune_run, "restore": restore_run, "show": show_run, "unforget": unforget_run,
    "unhold": unhold_run, "copy": copy_run, "export": export_run, "repository": repository_run, "verify": verify_run,
    "schema": schema_run, "history": history_run, "import": import_run, "image": image_run, "run": run_run,
    "metrics": metrics_run, "schedule": schedule_run, "rehearse": rehearse_run,
    "version": version_run,
}  # fmt: skip
"""What does the work of each; `help` and `options` print what is known without it."""

SHARED = (
    (accounts, config_check, config_init, nightly_steps, restore_call, spark),
    schedule_flags,
    schedule_plan,
)
"""What several commands stand on."""

each = pytest.mark.parametrize(
    "command", [each for each in COMMANDS.values() if isinstance(each, PluginCommand)], ids=lambda made: made.name
)


def test_these_are_all() -> None:
    assert COMMANDS.keys() == VERBS.keys()
    assert complete_.command.hidden
    assert all(module.__doc__ for module in SHARED)


@each
def test_what_it_does_is_in_the_module_of_its_name(command: PluginCommand) -> None:
    run = run_of(str(command.name))
    assert run is RUNS[str(command.name)].run
    assert list(inspect.signature(run).parameters) == ["given"]


@each
def test_no_two_flags_share_a_name(command: PluginCommand) -> None:
    names = [name for param in command.params if isinstance(param, click.Option) for name in (*param.opts, *param.secondary_opts)]
    assert sorted(names) == sorted(set(names))


@each
def test_every_flag_has_a_help_that_is_a_sentence_and_a_heading(command: PluginCommand) -> None:
    for param in command.params:
        if isinstance(param, FlagOption):
            assert param.help, param.name
            assert param.help[0].isupper(), param.help
            assert param.help.endswith("."), param.help
            assert isinstance(group_of(param), Group)
        assert isinstance(param, (FlagOption, FlagArgument)) or param.name in {option.name for option in common_options()}


@each
def test_examples_parse_and_use_flags_that_there_are(command: PluginCommand) -> None:
    assert command.examples
    known = pflag.by_name(command.params).keys() | {"-h", "--help"}
    for comment, line in command.examples:
        assert comment[0].isupper() or not comment[0].isalpha(), comment
        for call in re.findall(rf"@ {command.name}([^|;&>()]*)", line):
            words = [word.partition("=")[0] for word in shlex.split(call) if word.startswith("-") and word != "-"]
            assert not [word for word in words if word not in known and not (len(word) > 2 and word[:2] in known)], line


@each
@pytest.mark.parametrize("width", [40, 78, 118])
def test_help_breaks_no_flag_and_leaves_no_two_lines_empty(command: PluginCommand, width: int) -> None:
    with command.context_class(command, info_name="kubectl lrs", terminal_width=width) as ctx:
        told = command.get_help(ctx)
    assert not re.search(r"(?<!\w)--?[a-z][\w-]*-\n", told)
    assert NO_BREAK not in told
    assert "\n\n\n" not in told


def test_a_flag_is_not_broken() -> None:
    command = PluginCommand("toy", help="Toy.\n\n" + "word " * 14 + "--mongo-existing replace", params=[])
    with command.context_class(command, info_name="toy", terminal_width=78) as ctx:
        assert "\n--mongo-existing replace" in command.get_help(ctx)


@pytest.mark.parametrize(
    ("verb", "heading", "first", "last"),
    [
        ("backup", "Images", "--images", "--exclude-image"),
        ("backup", "Files", "--files", "--shards"),
        ("restore", "What objects become", "--existing", "--operator-replicas"),
        ("restore", "Mongo", "--mongo-existing", "--ignore-keys"),
        ("diff", "Backups and output", "--backup-dir", "--help"),
        ("list", "Backups and output", "--backup-dir", "--help"),
    ],
)
def test_what_most_calls_need_is_listed_first(verb: str, heading: str, first: str, last: str) -> None:
    command = COMMANDS[verb]
    with command.context_class(command, info_name=verb, terminal_width=118) as ctx:
        section = command.get_help(ctx).partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
    flags = re.findall(r"^  (?:-\w, )?(--[\w-]+)", section, re.MULTILINE)
    assert (flags[0], flags[-1]) == (first, last)


def test_every_flag_that_has_a_place_is_one() -> None:
    known = {name for command in COMMANDS.values() for param in command.params for name in param.opts}
    assert set(FIRST) <= known
    assert set(LAST) - {"--help"} <= known


@each
def test_exit_statuses_are_known_and_usage_is_among_them(command: PluginCommand) -> None:
    assert set(command.exits) <= EXIT_STATUS.keys() == {code.value for code in ExitCode}
    assert {0, 2} <= set(command.exits)
    assert list(command.exits) == sorted(command.exits)


@each
def test_a_secret_is_not_taken_from_the_command_line(command: PluginCommand) -> None:
    """Flags name files or variables; `--token` and `--password` are kubectl's."""
    own = [param for param in command.params if isinstance(param, FlagOption)]
    words = [name for param in own for name in param.opts if re.search(r"token|password|secret", name)]
    assert not [word for word in words if not re.search(r"-file|-secret(-key)?$|pull-secrets", word)]


@pytest.mark.parametrize("width", [20, 40, 78, 200])
@pytest.mark.parametrize(
    "line",
    [
        "kubectl lrs list",
        "kubectl lrs deactivate --url https://dr.example.com --org-token-file one --org-token-file two --parallel 16",
        "kubectl lrs hold latest --reason 'audit of 2026, ask Ann' --backup-dir \"/a b/c\"",
        "kubectl lrs list --sort-by=size --no-headers | tail -1",
        "x" * 100,
    ],
)
def test_a_long_command_is_one_to_a_shell(line: str, width: int) -> None:
    lines = continued(line, width)
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(line)
    assert all(each.endswith(" \\") for each in lines[:-1])
    assert all(len(each) <= width or len(shlex.split(each.strip(" \\"))) <= 2 for each in lines)
    assert lines == [line] or len(line) > width
