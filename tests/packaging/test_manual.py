"""The man page as it is installed: whole, plain ASCII, and nothing in it that man would stumble over."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import click
import pytest

from kubectl_lrs import __version__
from kubectl_lrs.cli import VERBS, _group
from kubectl_lrs.commands.command import PAGES, group_of, kube_options
from kubectl_lrs.commands.manual import _text
from tests.conftest import ROOT

MACROS = {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".BR", ".I", ".nf", ".fi", ".RS", ".RE"}


def _made(**environment: str) -> str:
    """By a process of its own, as it is made: `click` keeps what it has made of a command, whoever asked for it first."""
    command = [sys.executable, "-m", "kubectl_lrs", "help", "man"]
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def page() -> str:
    """It."""
    return _made()


def test_it_is_plain(page: str) -> None:
    assert page.isascii()
    used = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert used <= MACROS
    assert not re.search(r"[ \t]$", page, re.MULTILINE)
    assert f'"kubectl lrs {__version__}"' in page.splitlines()[0]


def test_every_verb_and_every_flag_is_in_it(page: str) -> None:
    lines = set(page.splitlines())
    group = _group()
    with click.Context(group, info_name="kubectl lrs") as ctx:
        for name in VERBS:
            command = group.get_command(ctx, name)
            assert command is not None
            assert f".B {_text(name)}" in lines, name
            for each in (*command.params, *kube_options()):
                if isinstance(each, click.Option) and not each.hidden and (record := each.get_help_record(ctx)):
                    assert f".B {_text(record[0])}" in lines, f"{name} {record[0]}"
            pages = {page for each in command.params if (page := PAGES.get(group_of(each), ("",))[0])}  # type: ignore[arg-type]
            assert {f'.SH "{page.upper()}"' for page in pages} <= lines


def test_it_does_not_depend_on_who_makes_it(page: str) -> None:
    """Neither the terminal, nor the locale, nor the name that was typed."""
    assert _made(COLUMNS="40", LC_ALL="tr_TR.UTF-8", TERM="xterm") == page


@pytest.mark.skipif(not shutil.which("groff"), reason="there is no groff here")
def test_groff_takes_it_without_a_word(page: str) -> None:
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-rLL=80n"], input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout)
    assert "kubectl lrs restore --from" in shown or "--existing" in shown
    assert all(f"{name.upper()}\n" in shown for name in ("backup", "restore", "mongo"))


@pytest.mark.skipif(not shutil.which("mandoc"), reason="there is no mandoc here")
def test_mandoc_misses_the_date_alone(page: str) -> None:
    """The same commit gives the same bytes, so there is none."""
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style"], input=page, capture_output=True, text=True, check=False)
    assert [line for line in (done.stdout + done.stderr).splitlines() if "missing date" not in line] == []
