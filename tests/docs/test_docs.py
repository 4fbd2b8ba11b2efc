"""The documents say what is so: commands parse, links lead somewhere, files exist, sessions print what they show."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from kubectl_lrs import cli as command_line
from kubectl_lrs.commands import installation
from kubectl_lrs.commands.command import PluginCommand
from kubectl_lrs.model.catalog import _RESOURCES, _SELECTION
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.model.settings import values_of
from tests.bed.controlplane import ControlPlane
from tests.builders import picture, sessions
from tests.conftest import ROOT, Crd

DOCUMENTS = sessions.documents()
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SEPARATORS = frozenset(("|", ">", ">>", "2>", "&&", "||", ";", "&"))
OURS = ("kubectl lrs", "kubectl-lrs")
OTHERS_FLAGS = frozenset(
    (
        "--help",
        "--version",
        "--check",
        "--manifest",
        "--archive",
        "--base-url",
        "--name",
        "--client",
        "--raw",
        "--drop",
        "--gzip",
        "--authfile",
        "--password-stdin",
        "--username",
        "--preserve-digests",
        "--repository-name",
        "--region",
        "--registry-id",
    )
)
"""Flags of other programs that the documents name."""


def by_document(function: object) -> object:
    """One test for each document."""
    return pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)(function)


def commands_in(text: str) -> Iterator[list[str]]:
    """Every `kubectl lrs` command in a document, in blocks and within lines, as its words after that."""
    blocks = [block[1].replace("\\\n", " ") for block in FENCE.findall(text)]
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    for line in [*lines, *CODE.findall(FENCE.sub("", text))]:
        if any(line.startswith((ours, "cd ", "sudo ")) and ours in line for ours in OURS):
            yield from _of_line(line)


def _of_line(line: str) -> Iterator[list[str]]:
    words = [*shlex.split(line, comments=True), ";"]
    while words:
        end = next(place for place, word in enumerate(words) if word in SEPARATORS)
        command, words = words[:end], words[end + 1 :]
        if command[:2] == ["kubectl", "lrs"]:
            yield command[2:]
        elif command[:1] == ["kubectl-lrs"]:
            yield command[1:]


def parse(words: list[str]) -> None:
    """As the command line does, up to the point where it would begin."""
    if "..." in words or "--help" in words:
        words = [word for word in words if word not in ("...", "--help")][:1]
    group = command_line._group()
    context = group.make_context("kubectl lrs", list(words))
    if rest := [*context._protected_args, *context.args]:
        command = group.get_command(context, rest[0])
        assert command is not None, f"no such verb: {rest[0]}"
        command.make_context(rest[0], rest[1:], parent=context)


@by_document
def test_commands_parse(document: Path) -> None:
    for words in commands_in(document.read_text()):
        try:
            parse(words)
        except Exception as error:  # whatever it is, the document is wrong
            pytest.fail(f"{document.name}: kubectl lrs {shlex.join(words)}: {error!r}")


@pytest.mark.parametrize("line", ["kubectl lrs bakcup", "$ kubectl lrs restore --no-such-flag", "kubectl lrs list -o xml"])
def test_a_wrong_command_is_noticed(line: str) -> None:
    (words,) = commands_in(f"```\n{line}\n```\n")
    with pytest.raises((AssertionError, click.UsageError, UsageError)):
        parse(words)


def _known_flags() -> set[str]:
    group = command_line._group()
    context = click.Context(group)
    commands = [group, *(command for verb in command_line.VERBS if (command := group.get_command(context, verb)))]
    return {name for command in commands for option in command.params for name in (*option.opts, *option.secondary_opts)}


@by_document
def test_flags_exist(document: Path) -> None:
    known = _known_flags() | OTHERS_FLAGS
    text = FENCE.sub("", document.read_text())
    named = {flag for code in CODE.findall(text) for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
    assert named - known == set()


@by_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        other = (document.parent / path) if path else document
        assert other.exists(), f"{document.name}: {target}"
        assert not anchor or anchor in _anchors(other.read_text()), f"{document.name}: {target}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_document
def test_rows_have_the_cells_of_their_heading(document: Path) -> None:
    """A row of another table, or a bar that is not escaped, is shown askew or cut off."""
    width, above = 0, ""
    for line in FENCE.sub("", document.read_text()).splitlines():
        if not line.startswith("|"):
            width = 0
        elif not width:
            width, above = _cells(line), line
        assert not width or _cells(line) == width, f"{document.name}: below {above!r}: {line!r}"


def _cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@by_document
def test_files_that_are_named_exist(document: Path) -> None:
    """A path of this project in a document is a path that is there."""
    for code in CODE.findall(FENCE.sub("", document.read_text())):
        for path in re.findall(r"^(?:python3 )?((?:kubectl_lrs|tests|benchmarks|docs|krew|bin)/[\w./-]*)(?= |$)", code):
            assert (ROOT / path).exists(), f"{document.name}: {path}"


def test_every_document_can_be_reached_from_the_readme() -> None:
    linked = {(ROOT / target).resolve() for target in LINK.findall((ROOT / "README.md").read_text()) if "://" not in target}
    assert set(DOCUMENTS) - {ROOT / "README.md"} <= linked


def test_the_readme_names_every_verb() -> None:
    table = (ROOT / "README.md").read_text().partition("## The verbs")[2].partition("\n## ")[0]
    named = {verb for line in table.splitlines() if line.startswith("| `") for verb in CODE.findall(line.split("|")[1])}
    assert named == set(command_line.VERBS)


def test_the_two_commands_of_the_readme() -> None:
    readme, makefile = (ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()
    for target, line in (("demo", "python3 tests/demo.py"), ("test", "python3 tests/gate.py")):
        assert f"make {target}" in readme
        assert line in readme
        assert re.search(rf"\n{target}:\n\t{re.escape(line)}( \$\(if .*\))?\n", makefile)
        assert (ROOT / line.split()[1]).exists()
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec python3 tests/gate.py")


def test_exit_status_of_every_verb_is_documented() -> None:
    text = (ROOT / "docs" / "exit-codes.md").read_text()
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == {int(code) for code in ExitCode}
    told = {
        row[0]: {int(n) for n in re.findall(r"\d+", row[1])} for row in re.findall(r"^\| `([\w-]+)` \| ([\d, ]+) \|", text, re.M)
    }
    group = command_line._group()
    verbs = {verb: group.get_command(click.Context(group), verb) for verb in command_line.VERBS}
    assert told == {verb: set(command.exits) for verb, command in verbs.items() if isinstance(command, PluginCommand)}


def test_the_format_names_every_field_of_the_catalog() -> None:
    named = set(CODE.findall((ROOT / "docs" / "backup-format.md").read_text()))
    assert set(_RESOURCES) | set(_SELECTION) <= named
    source = (ROOT / "kubectl_lrs" / "model" / "catalog.py").read_text()
    made = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "to_dict"]
    assert made
    keys = {
        key.value
        for each in made
        for node in ast.walk(each)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    assert keys <= named


def test_the_page_of_the_installation_file_names_every_setting() -> None:
    table = (ROOT / "docs" / "configuration.md").read_text().partition("| section | settings |")[2].partition("\n\n")[0]
    told = set()
    for _, section, settings, _ in (line.split("|") for line in table.splitlines()[2:]):
        above = "".join(f"{name}." for name in CODE.findall(section))
        told |= {f"{above}{name}" for name in CODE.findall(settings)}
    assert told == set(installation.table_of(command_line._group()))


def test_the_architecture_lists_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    top = [path for path in (ROOT / "kubectl_lrs").iterdir() if not path.name.startswith(("_", "."))]
    there = {f"{path.name}/" if path.is_dir() else path.stem for path in top if path.is_dir() or path.suffix == ".py"}
    listed = set(re.findall(r"[\w]+/?", text))
    assert there - listed == set()


@pytest.mark.parametrize("document", sessions.with_sessions(), ids=lambda path: path.stem)
def test_sessions_print_what_the_document_shows(plane: ControlPlane, crd: Crd, document: Path, tmp_path: Path) -> None:
    """`python -m tests.builders.sessions` tells them anew, when what is printed has changed on purpose."""
    text = document.read_text()
    with sessions.shell(plane, document, tmp_path / "shell") as run:
        assert sessions.essence(sessions.retold(text, run)) == sessions.essence(text)


def test_the_picture_shows_what_is_printed(plane: ControlPlane, crd: Crd, tmp_path: Path) -> None:
    """`python -m tests.builders.picture` draws it anew, when what is printed has changed on purpose."""
    with sessions.shell(plane, picture.FILE, tmp_path / "shell") as run:
        assert picture.essence(picture.drawn(run)) == picture.essence(picture.FILE.read_text())


def test_the_picture_is_safe_to_show() -> None:
    """Nothing in it is fetched from elsewhere, and nothing in it runs."""
    text = picture.FILE.read_text()
    assert "$ kubectl lrs restore before-upgrade" in picture.essence(text)
    assert not re.search(r"<script|href=|url\((?!#)|@import|@font-face", text)


def test_every_installation_file_that_is_shown_is_one() -> None:
    """With the two lines below it where the first page shows it: whoever copies it must not meet an unknown setting."""
    group = command_line._group()
    table, acts = installation.table_of(group), installation.acts_of(group)
    shown = [
        (document.name, block)
        for document in DOCUMENTS
        for _, block in FENCE.findall(document.read_text())
        if re.match(r"(# prod\.yaml.*\n)?(cluster|namespace):", block)
    ]
    assert {"README.md", "schedule.md", "nightly-and-disaster.md"} <= {name for name, _ in shown}
    for name, block in shown:
        assert values_of(yaml.safe_load(block), table, acts=acts, where=name)
    first = (ROOT / "README.md").read_text().partition("# prod.yaml\n")[2]
    assert "kubectl lrs schedule --config prod.yaml --apply" in first.partition("\n## ")[0]
