"""What a person sees: colours, tables that fit, help that is laid out alike in every verb."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

import pexpect
import pytest

from kubectl_lrs.cli import VERBS
from kubectl_lrs.render.view import table
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.sparked import path, start
from tests.conftest import ROOT, Cli, Crd

ESCAPE = "\x1b["
RED, GREEN = "\x1b[31m", "\x1b[32m"


def _on_a_terminal(cli: Cli, *arguments: str, columns: int = 100, env: Mapping[str, str] | None = None) -> str:
    environment = {**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT), "TERM": "xterm", **(env or {})}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", *arguments],
        env=environment,
        cwd=str(cli.directory),
        timeout=PATIENCE,
        encoding="utf-8",
        dimensions=(50, columns),
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


WHEN: dict[str, tuple[tuple[str, ...], dict[str, str], bool]] = {
    "by itself": ((), {}, True),
    "NO_COLOR": ((), {"NO_COLOR": "1"}, False),
    "NO_COLOR, empty": ((), {"NO_COLOR": ""}, True),
    "a dumb terminal": ((), {"TERM": "dumb"}, False),
    "never": (("--color=never",), {}, False),
    "always over NO_COLOR": (("--color", "always"), {"NO_COLOR": "1"}, True),
    "the last one counts": (("--color=never", "--color=auto"), {}, True),
}


@pytest.mark.parametrize("case", WHEN)
def test_colour_of_an_error(cli: Cli, case: str) -> None:
    flags, env, coloured = WHEN[case]
    shown = _on_a_terminal(cli, "show", "nothing", *flags, env=env)
    assert (f"{RED}error:\x1b[0m" in shown) is coloured
    assert (ESCAPE in shown) is coloured
    assert "not found" in shown


def test_no_colour_in_a_pipe_unless_it_is_wanted(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 1)
    call = ("clean-spark", "-n", namespace, "--dry-run=server")
    plain = cli.run(*call)
    assert ESCAPE not in plain.stdout + plain.stderr
    assert ESCAPE not in cli.run(*call, "-o", "json", "--color=always").stdout
    done = cli.run("clean-spark", "-n", namespace, "--yes", "--color=always")
    assert f"{GREEN}deleted\x1b[0m" in done.stdout
    heading, row = done.stdout.splitlines()[:2]
    assert heading.index("RESULT") == re.sub(r"\x1b\[\d+m", "", row).index("deleted"), "colours take no room"


def test_wrong_colour(cli: Cli) -> None:
    done = cli.run("list", "--color=red")
    assert done.returncode == 2
    assert "--color" in done.stderr


WORDS = "held by example.com/one, example.com/two and example.com/three, as far as that is known"


def test_last_column_goes_on_below_itself() -> None:
    rows = [("ns", "a" * 20, WORDS), ("ns", "b", "short")]
    wide = list(table(("NAMESPACE", "NAME", "MESSAGE"), rows))
    assert wide[1].endswith(WORDS)
    lines = list(table(("NAMESPACE", "NAME", "MESSAGE"), rows, width=72))
    start_ = lines[0].index("MESSAGE")
    assert all(len(line) <= 72 for line in lines)
    assert len(lines) > 3
    assert " ".join(line[start_:].strip() for line in lines[1:-1]) == WORDS
    assert all(line[:start_].strip() == "" for line in lines[2:-1])


def test_last_column_has_lines_of_its_own_where_it_is_too_narrow() -> None:
    rows = [("ns", "a" * 40, WORDS), ("ns", "b", "short")]
    lines = list(table(("NAMESPACE", "NAME", "MESSAGE"), rows, width=66))
    assert lines[1] == f"ns          {'a' * 40}"
    assert all(line.startswith("    ") for line in lines[2:-1])
    assert " ".join(line.strip() for line in lines[2:-1]) == WORDS
    assert lines[-1].split() == ["ns", "b", "short"]
    narrow = list(table(("NAMESPACE", "NAME", "MESSAGE"), rows, width=30))
    assert "a" * 40 in " ".join(narrow).split(), "no name is cut, however narrow it is"
    assert WORDS in " ".join(" ".join(narrow).split())


def test_names_are_never_cut() -> None:
    name = "n" * 250
    assert any(name in line for line in table(("NAME", "MESSAGE"), [(name, WORDS)], width=80))


def test_columns_of_wide_and_combining_characters() -> None:
    lines = list(table(("LABEL", "ID"), [("模型", "1"), ("e\u0301te\u0301", "2"), ("plain", "3")]))
    assert [line[-1] for line in lines[1:]] == ["1", "2", "3"]
    assert lines[1] == "模型    1"
    assert lines[2] == "e\u0301te\u0301     2"


def test_table_fits_the_terminal(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    start(plane, crd, namespace, 1, finalizers=["example.com/one", "example.com/two", "example.com/three"])
    assert plane.api("DELETE", path(crd, namespace, "spark-000"))[0] == 200  # so that nothing need be done in a second
    shown = _on_a_terminal(cli, "clean-spark", "-n", namespace, "--yes", "--timeout", "1s", "--color=never", columns=90)
    begin = shown.index("NAMESPACE ")
    lines = shown[begin:].splitlines()
    assert all(len(line) <= 90 for line in lines[:3])
    assert "example.com/three" in " ".join(shown[begin:].split())


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("help", "options")])
def test_help_is_laid_out_alike(cli: Cli, verb: str) -> None:
    text = cli.ok(verb, "--help")
    lines = text.splitlines()
    assert len(lines[0]) <= 80
    assert lines[0].endswith(".")
    assert lines[1] == ""
    assert lines[2].startswith(f"Usage: kubectl lrs {verb} ")
    headings = re.findall(r"^([A-Z][A-Za-z' ]+):$", text, re.MULTILINE)
    assert headings[-2:] == ["Examples", "Exit status"]
    assert "Backups and output" in headings
    assert len(headings) == len(set(headings))


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("help", "options")])
def test_every_example_is_a_command_line_that_is_taken(verb: str) -> None:
    """Each is parsed as far as its flags and arguments go; nothing is run."""
    import shlex

    from kubectl_lrs.cli import _group

    group = _group()
    command = group.get_command(group.make_context("kubectl lrs", [verb, "--help"], resilient_parsing=True), verb)
    examples = getattr(command, "examples", ())
    assert examples
    for comment, line in examples:
        assert comment
        for part in re.split(r"\$\(|[()|>]|&&", line):
            words = shlex.split(part.replace('"', " ").replace("source <", ""))
            if not words or words[0] != "@":
                continue
            named = group.get_command(group.make_context("lrs", [], resilient_parsing=True), words[1])
            assert named is not None, line
            named.make_context(words[1], words[2:])
