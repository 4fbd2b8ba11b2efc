"""What a call imports before it does anything: help, a wrong flag and the Tab key wait for the flags of one verb alone."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from kubectl_lrs import commands
from kubectl_lrs.cli import VERBS
from kubectl_lrs.model.stores import STORES

CALLS: dict[str, list[list[str]]] = {
    "help": [[verb, "--help"] for verb in VERBS],
    "wrong": [[verb, "--nonsense"] for verb in VERBS],
    "tab": [["__complete", verb, "--"] for verb in VERBS],
    "bare": [["--help"], ["__complete", "res"], ["nonsense"]],
    "version": [["version"], ["version", "--client"]],
    "list": [["list", "--backup-dir", "."]],
}

PROGRAM = """
import json, os, sys
before = set(sys.modules)
from kubectl_lrs import cli
for call in json.loads(sys.argv[1]):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        cli.run(call)
        os.write(writer, json.dumps(sorted(set(sys.modules) - before)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        print(json.dumps([call, json.load(told)]), flush=True)
    os.wait()
"""
"""Each call in a process that has imported the command line and nothing else."""

BASE = {
    "kubectl_lrs.cli", "kubectl_lrs.commands", "kubectl_lrs.commands.command", "kubectl_lrs.commands.flags",
    "kubectl_lrs.commands.shared", "kubectl_lrs.completion", "kubectl_lrs.completion.pflag", "kubectl_lrs.model",
    "kubectl_lrs.model.errors", "kubectl_lrs.model.flags", "kubectl_lrs.model.units", "kubectl_lrs.render",
    "kubectl_lrs.render.colour", "kubectl_lrs.render.output", "kubectl_lrs.render.progress", "kubectl_lrs.runtime",
    "kubectl_lrs.runtime.cancel", "kubectl_lrs.runtime.progress", "kubectl_lrs.runtime.streams",
    "kubectl_lrs.runtime.waiting",
}  # fmt: skip
"""What every call imports. What is added here is paid for by each of them."""

SCHEDULE = ("commands.schedule_flags", "model.scheduling")
PURE = {
    f"kubectl_lrs.{name}"
    for name in ("completion.scripts", "model.existing", "model.names", "model.nightly", "model.stores", "stores", *SCHEDULE)
}
"""What flags are made of."""

FLAGS = {"kubectl_lrs.stores.flags"} | {
    f"kubectl_lrs.stores.{name}{part}" for name in (*STORES, "deployments", "lrs", "spark") for part in ("", ".flags")
}

ERRORS = {"kubectl_lrs.runtime.redact"}
TAB = {f"kubectl_lrs.{name}" for name in ("commands.complete_", "completion.engine", "completion.line")}
BESIDE: dict[str, set[str]] = {"help": set(), "wrong": ERRORS, "tab": TAB}

SETTINGS = {f"kubectl_lrs.commands.{name}_" for name in ("backup", "check", "prune", "restore", "run")}
"""Whose flags `config` takes too."""

RUNS = """
import importlib, json, os, sys
from kubectl_lrs import cli
for name in sys.argv[1:]:
    if os.fork() == 0:
        importlib.import_module(name)
        print(json.dumps([name, [each.partition(".")[0] for each in sys.modules]]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Each module by itself, in a process that has imported the command line and nothing else."""

HEAVY = {"asyncio", "botocore", "bson", "fsspec", "kubernetes", "obstore", "prometheus_client", "pymongo", "requests", "rich"}
"""Of others, and what they bring along: each is a tenth of a second that only some calls have to wait."""

SLOW = {"asyncio", "ctypes", "hashlib", "http", "socket", "ssl", "subprocess"}
"""Of Python's own: what takes a millisecond or more, and no parser needs."""


@cache
def imported(kind: str) -> list[tuple[list[str], set[str]]]:
    """(call, what it imported) of each call of a kind."""
    calls = CALLS[kind]
    done = subprocess.run([sys.executable, "-c", PROGRAM, json.dumps(calls)], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [call for call, _ in told] == calls
    return [(call, set(modules)) for call, modules in told]


def ours(modules: set[str]) -> set[str]:
    """Those of the product."""
    return {name for name in modules if name.startswith("kubectl_lrs.")}


@pytest.mark.parametrize("kind", BESIDE)
def test_a_parser_imports_one_command_and_flags(kind: str) -> None:
    for call, modules in imported(kind):
        verb = call[1] if kind == "tab" else call[0]
        own = f"kubectl_lrs.commands.{verb.replace('-', '_')}_"
        assert own in modules
        also = SETTINGS if verb == "config" else set()
        assert sorted(ours(modules) - BASE - PURE - FLAGS - BESIDE[kind] - also - {own}) == [], call


def test_without_a_verb_not_even_flags_are_imported() -> None:
    for call, modules in imported("bare"):
        assert sorted(ours(modules) - BASE - ERRORS - TAB) == [], call


def test_version_looks_at_no_store() -> None:
    own = {f"kubectl_lrs.{name}" for name in ("commands.version_", "commands.version_run", "commands.unused")}
    catalog = {f"kubectl_lrs.{name}" for name in ("model.catalog", "model.meanwhile", "model.own_sum")}
    for call, modules in imported("version"):
        assert sorted(ours(modules) - BASE - own - catalog) == [], call


def test_list_knows_no_server_no_store_and_no_rule() -> None:
    """It is called most of all, and reads catalogs."""
    others = ("kubectl_lrs.clients", "kubectl_lrs.consistency", "kubectl_lrs.stores", "kubectl_lrs.usecases.scan")
    for call, modules in imported("list"):
        assert "kubectl_lrs.render.backups" in modules, call
        assert sorted(name for name in modules if name.startswith(others)) == [], call
        assert sorted(modules & {"ssl", "http.client", "yaml", "requests"}) == [], call


def test_what_a_command_does_waits_for_no_library_of_a_store_that_it_may_not_need() -> None:
    modules = sorted(f"kubectl_lrs.commands.{path.stem}" for path in Path(commands.__path__[0]).glob("*_run.py"))
    done = subprocess.run([sys.executable, "-c", RUNS, *modules], capture_output=True, text=True, check=True)
    told = dict(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(told) == modules
    assert {name: sorted(HEAVY.intersection(found)) for name, found in told.items() if HEAVY.intersection(found)} == {}


@pytest.mark.parametrize("kind", ["help", "tab", "bare"])
def test_no_library_but_that_of_the_command_line(kind: str) -> None:
    for call, modules in imported(kind):
        tops = {name.partition(".")[0] for name in modules}
        assert sorted(tops - sys.stdlib_module_names - {"kubectl_lrs", "click"}) == [], call
        assert sorted(tops & SLOW) == [], call
