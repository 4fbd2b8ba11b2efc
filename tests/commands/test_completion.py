"""Tab completion: what is offered, through `__complete`, through kubectl, and in a real bash; what it costs; its installation."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pexpect
import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.conftest import ROOT, Cli, Crd

NO_FILES, FILES, FOLDERS, KEPT_ORDER = 4, 0, 16, 36


def _complete(cli: Cli, *words: str, env: dict[str, str] | None = None) -> tuple[dict[str, str], int]:
    """(candidates with their meaning, directive) as kubectl reads them."""
    done = cli.run("__complete", *words, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert re.fullmatch(r":\d+", last)
    assert all(line and line.count("\t") <= 1 for line in lines)
    return {line.partition("\t")[0]: line.partition("\t")[2] for line in lines}, int(last[1:])


@pytest.fixture
def nowhere(cli: Cli) -> Cli:
    """The product without any configuration."""
    return Cli(Path("/no/such/file"), cli.directory)


OFFERED: dict[str, tuple[tuple[str, ...], tuple[str, ...], int]] = {
    "verbs": (
        ("",),
        ("backup", "restore", "clean-spark", "list", "show", "verify", "diff", "completion", "options", "version"),
        KEPT_ORDER,
    ),
    "verbs after flags": (("-n", "x", "--context=y", ""), ("backup", "version"), KEPT_ORDER),
    "a verb that is begun": (("ver",), ("verify", "version"), KEPT_ORDER),
    "choices of a format": (("backup", "-o", ""), ("table", "wide", "json", "yaml", "name"), KEPT_ORDER),
    "choices after =": (
        (
            "backup",
            "--output=",
        ),
        ("table", "wide", "json", "yaml", "name"),
        KEPT_ORDER,
    ),
    "choices after a short =": (
        (
            "backup",
            "-o=j",
        ),
        ("json",),
        KEPT_ORDER,
    ),
    "verb with a dash": (("clean-",), ("clean-spark",), KEPT_ORDER),
    "choices of its dry run": (("clean-spark", "--dry-run="), ("none", "client", "server"), KEPT_ORDER),
    "choices of a policy": (("restore", "--existing", "re"), ("replace", "recreate"), KEPT_ORDER),
    "choices of a dry run": (
        (
            "restore",
            "x",
            "--dry-run=",
        ),
        ("none", "client", "server"),
        KEPT_ORDER,
    ),
    "types": (("backup", "--type", ""), ("spark_app", "deployment", "management_agent", "tracking_agent"), NO_FILES),
    "types after a comma": (("backup", "--type", "deployment,s"), ("deployment,spark_app",), NO_FILES),
    "types to leave out": (("restore", "x", "--exclude-type", "sp"), ("spark_app",), NO_FILES),
    "shells": (("completion", ""), ("install", "bash", "zsh", "fish", "powershell"), KEPT_ORDER),
    "nothing after the last argument": (("completion", "bash", ""), (), NO_FILES),
    "nothing for what nobody knows": (("backup", "--name", ""), (), NO_FILES),
    "nothing for a token": (("backup", "--token", ""), (), NO_FILES),
    "nothing for a verb that is none": (("bogus", ""), (), NO_FILES),
    "files": (("backup", "--kubeconfig", ""), (), FILES),
    "files after =": (
        (
            "backup",
            "--kubeconfig=",
        ),
        (),
        FILES,
    ),
    "plain manifests": (("restore", "-f", ""), (), FILES),
    "folders": (("backup", "--backup-dir", ""), (), FOLDERS),
    "folders of a path": (("show", "./"), (), FOLDERS),
    "folders for a cache": (("backup", "--cache-dir", "x"), (), FOLDERS),
    "no backups where there are none": (("show", ""), (), NO_FILES),
    "no contexts where there are none": (("backup", "--context", ""), (), NO_FILES),
    "no namespaces where there is no cluster": (("backup", "-n", ""), (), NO_FILES),
}


@pytest.mark.parametrize("what", OFFERED)
def test_offered(nowhere: Cli, what: str) -> None:
    words, candidates, directive = OFFERED[what]
    found = _complete(nowhere, *words)
    if what.startswith("verbs"):
        assert set(candidates) <= set(found[0])
        assert not any(name.startswith("_") for name in found[0])
        assert found[1] == directive
    else:
        assert (tuple(found[0]), found[1]) == (candidates, directive)


def test_flags_with_their_meaning(nowhere: Cli) -> None:
    flags, directive = _complete(nowhere, "backup", "-")
    assert {"-A", "--all-namespaces", "-n", "--namespace", "--context", "--kubeconfig", "-h", "--help"} <= set(flags)
    assert flags["--all-namespaces"] == "All namespaces; overrides -n."
    assert flags["--context"] == "The name of the kubeconfig context to use."
    assert all(flags.values()), "every flag says what it is for"
    assert directive == NO_FILES
    assert list(flags).index("--backup-dir") < list(flags).index("--kubeconfig"), "the verb's own come first"
    assert set(_complete(nowhere, "backup", "--backup-d")[0]) == {"--backup-dir"}


def test_flag_that_was_given_is_not_offered_again(nowhere: Cli) -> None:
    flags, _ = _complete(nowhere, "backup", "-A", "--backup-dir=x", "--type", "a", "--as-group", "g", "-")
    assert not {"-A", "--all-namespaces", "--backup-dir"} & set(flags)
    assert {"--type", "--as-group"} <= set(flags), "these may be repeated"


NAMESPACED = frozenset(("backup", "restore", "clean-spark", "verify", "diff"))
"""The verbs to which a namespace means something; the others take it, as kubectl does, and their help is silent of it."""


@pytest.mark.parametrize(
    "verb", ["backup", "restore", "clean-spark", "list", "show", "verify", "diff", "deactivate", "activate", "version"]
)
def test_every_flag_of_a_verb_is_offered(nowhere: Cli, verb: str) -> None:
    shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", nowhere.ok(verb, "--help").partition("Examples:")[0]))
    assert ({"--help", "--namespace"} if verb in NAMESPACED else {"--help"}) <= shown
    offered = set(_complete(nowhere, verb, "--")[0])
    listed = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", nowhere.ok(verb, "--help").partition("Examples:")[0], re.MULTILINE))
    assert listed <= offered


# ---- names from the kubeconfig and the cluster


@pytest.fixture
def two(plane: ControlPlane, tmp_path: Path) -> Path:
    """A kubeconfig with two contexts, one of which reaches the cluster."""
    path = plane.write_kubeconfig(tmp_path / "two.kubeconfig", token=plane.admin_token)
    document = json.loads(path.read_text())
    document["clusters"].append({"name": "far", "cluster": {"server": "https://127.0.0.1:1"}})
    document["users"].append({"name": "nobody", "user": {}})
    document["contexts"].append({"name": "beyond", "context": {"cluster": "far", "user": "nobody"}})
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("flag", "names"),
    [("--context", {"bed", "beyond"}), ("--cluster", {"bed", "far"}), ("--user", {"bed", "nobody"})],
)
def test_names_from_the_kubeconfig(two: Path, nowhere: Cli, flag: str, names: set[str]) -> None:
    found, directive = _complete(nowhere, "backup", "--kubeconfig", str(two), flag, "")
    assert (set(found), directive) == (names, NO_FILES)
    assert set(_complete(nowhere, "--kubeconfig", str(two), f"{flag}=be")[0]) == {name for name in names if name.startswith("be")}


def test_namespaces_from_the_cluster(plane: ControlPlane, two: Path, namespace: str, nowhere: Cli) -> None:
    for words in (("backup", "-n", ""), ("-n=",), ("backup", f"--namespace={namespace[:3]}"), ("list", "--namespace", "test-")):
        found, directive = _complete(nowhere, *words, env={"KUBECONFIG": str(two)})
        assert namespace in found
        assert directive == NO_FILES
    assert "kube-system" in _complete(nowhere, "backup", "-n", "", env={"KUBECONFIG": str(two)})[0]
    other = ("--kubeconfig", str(two), "--context", "beyond")
    assert _complete(nowhere, "backup", *other, "-n", "") == ({}, NO_FILES)
    back = (*other, "--cluster", "bed", "--user", "bed")
    assert namespace in _complete(nowhere, "backup", *back, "-n", "")[0], "the flags on the line count"
    assert _complete(nowhere, "backup", *back, "--as", "joe", "-n", "") == ({}, NO_FILES), "one who may not list them"


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


def test_a_cluster_that_does_not_answer_is_given_up(silent_server: str, two: Path, nowhere: Cli) -> None:
    began = time.monotonic()
    assert _complete(nowhere, "backup", "--kubeconfig", str(two), "-s", silent_server, "-n", "") == ({}, NO_FILES)
    assert time.monotonic() - began < 45, "the product's own limits are a minute and more"


def test_a_plugin_that_hangs_is_given_up_and_nobody_is_asked(plane: ControlPlane, nowhere: Cli, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(f'#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" > {tmp_path}/told\necho $$ > {tmp_path}/pid\nexec sleep 100\n')
    plugin.chmod(0o755)
    section = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "IfAvailable"}
    config = plane.write_kubeconfig(tmp_path / "config", user={"exec": section})
    screen = pexpect.spawn(
        sys.executable,
        ["-m", "kubectl_lrs", "__complete", "backup", "--kubeconfig", str(config), "-n", ""],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
    )
    try:
        screen.expect(pexpect.EOF)
        assert screen.before.split() == [b":4"]
        assert json.loads((tmp_path / "told").read_text())["spec"] == {"interactive": False}, "though there is a terminal"
    finally:
        screen.close(force=True)
        os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_broken_kubeconfig_is_silent(nowhere: Cli) -> None:
    (nowhere.directory / "broken").write_text("{[")
    for flag in ("--context", "-n"):
        assert _complete(nowhere, "backup", "--kubeconfig", "broken", flag, "") == ({}, NO_FILES)


# ---- names from the backups


@pytest.fixture
def backups(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> list[str]:
    """The names of the LRS in two backups, `first` and `second`."""
    objects = samples.samples(crd.api_version, crd.kind, namespace)
    loader.create_many(plane, objects)
    for name in ("first", "second"):
        cli.ok("backup", "-n", namespace, "--name", name)
    return [each["metadata"]["name"] for each in objects if each["metadata"]["labels"].get(samples.TYPE_LABEL) != "spark_app"]


def test_names_of_backups_and_of_what_is_in_them(backups: list[str], namespace: str, nowhere: Cli, tmp_path: Path) -> None:
    assert list(_complete(nowhere, "show", "")[0]) == ["latest", "second", "first"]
    assert list(_complete(nowhere, "verify", "f")[0]) == ["first"]
    assert list(_complete(nowhere, "diff", "first", "")[0]) == ["live", "latest", "second", "first"]
    assert list(_complete(nowhere, "restore", "--from", "")[0]) == ["latest", "second", "first"]
    found, directive = _complete(nowhere, "restore", "")
    assert list(found) == ["latest", "second", "first", *sorted(backups)]
    assert directive == NO_FILES
    assert found[next(name for name in backups if "deployment" in name)] == "deployment"
    one, other = sorted(backups)[:2]
    assert set(_complete(nowhere, "restore", one, "--from=first", "")[0]) == set(backups) - {one}
    assert set(_complete(nowhere, "restore", "--from", "first", f"{namespace}/{other[:-1]}")[0]) == {f"{namespace}/{other}"}
    elsewhere = Cli(nowhere.kubeconfig, tmp_path)
    assert _complete(elsewhere, "show", "")[0] == {}
    assert "first" in _complete(elsewhere, "show", "--backup-dir", str(nowhere.directory), "")[0]
    assert "first" in _complete(elsewhere, "show", "", env={"LRS_BACKUP_DIR": str(nowhere.directory)})[0]


# ---- through kubectl, and in a shell


@pytest.fixture
def plugin(plane: ControlPlane, tmp_path: Path) -> Path:
    """A folder with the plugin, as krew links it, and kubectl."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kubectl-lrs").symlink_to(ROOT / "bin" / "kubectl-lrs")
    (folder / "kubectl").symlink_to(plane.kubectl)
    return folder


def _in(folder: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    path = f"{folder}:{Path(sys.executable).parent}:{os.defpath}"
    return subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_kubectl_completes_through_the_shim(plane: ControlPlane, plugin: Path, namespace: str) -> None:
    assert "backup" not in _in(plugin, ["kubectl", "__complete", "lrs", ""]).stdout, "or the shim would show nothing"
    done = _in(plugin, ["kubectl", "lrs", "completion", "install"])
    shim = plugin / "kubectl_complete-lrs"
    assert (done.returncode, done.stdout) == (0, f"wrote {shim}\n")
    assert '"kubectl lrs <TAB>" completes' in done.stderr
    assert "warning" not in done.stderr
    assert len(shim.read_text().splitlines()) == 2
    verbs = _in(plugin, ["kubectl", "__complete", "lrs", ""]).stdout
    assert "backup\tBack up LRS into a folder" in verbs
    assert verbs.endswith(":36\n")
    assert "--backup-dir\t" in _in(plugin, ["kubectl", "__complete", "lrs", "backup", "--b"]).stdout
    assert _in(plugin, ["kubectl", "__complete", "lrs", "backup", "--output=j"]).stdout == "json\n:36\n"
    config = str(plane.kubeconfig)
    found = _in(plugin, ["kubectl", "__complete", "lrs", "backup", "--kubeconfig", config, "-n", namespace[:-1]]).stdout
    assert namespace in found.splitlines()
    again = _in(plugin, ["kubectl", "lrs", "completion", "install"])
    assert (again.returncode, again.stdout) == (0, f"{shim} is there already\n")


def test_install_under_another_name_and_elsewhere(plane: ControlPlane, plugin: Path, tmp_path: Path) -> None:
    (plugin / "kubectl-lrs").rename(plugin / "kubectl-datarobot_lrs")
    other = tmp_path / "other"
    other.mkdir()
    done = _in(plugin, ["kubectl", "datarobot-lrs", "completion", "install", "--dir", str(other)])
    shim = other / "kubectl_complete-datarobot_lrs"
    assert (done.returncode, done.stdout) == (0, f"wrote {shim}\n"), done.stderr
    assert f"warning: {other} is not on PATH" in done.stderr
    assert '"kubectl datarobot-lrs <TAB>"' in done.stderr
    shutil.move(shim, plugin)
    assert "backup\t" in _in(plugin, ["kubectl", "__complete", "datarobot-lrs", ""]).stdout


def test_install_leaves_what_is_not_its_own(plugin: Path) -> None:
    (plugin / "kubectl_complete-lrs").write_text("#!/bin/sh\necho mine\n")
    done = _in(plugin, ["kubectl", "lrs", "completion", "install"])
    assert done.returncode == 1
    assert "something else is there, and is left alone" in done.stderr
    assert "mine" in (plugin / "kubectl_complete-lrs").read_text()
    done = _in(plugin, ["kubectl", "lrs", "completion", "install", "--dir", "/proc/self"])
    assert (done.returncode, "cannot be written" in done.stderr) == (1, True)


def test_install_without_a_place_of_its_own(cli: Cli) -> None:
    done = cli.run("completion", "install", env={"PATH": "/no/such"})
    assert (done.returncode, "choose one on PATH with --dir" in done.stderr) == (2, True)


def test_completion_needs_to_know_what_for(cli: Cli) -> None:
    for words, message in (
        ((), "needs one of"),
        (("tcsh",), "tcsh"),
        (("bash", "--dir", "x"), "--dir says nothing but with install"),
    ):
        done = cli.run("completion", *words)
        assert (done.returncode, message in done.stderr) == (2, True)


@pytest.fixture
def bash(plugin: Path, two: Path, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """A real bash with the script, in a terminal; the prompt is `$>`."""
    script = tmp_path / "completion.bash"
    script.write_text(_in(plugin, ["kubectl-lrs", "completion", "bash"]).stdout)
    shell = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile", "-i"],
        env={
            **os.environ,
            "PATH": f"{plugin}:{os.defpath}",
            "PS1": "$> ",
            "KUBECONFIG": str(two),
            "TERM": "dumb",
            "COLUMNS": "100",
        },
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 100),
    )
    shell.expect_exact("$> ")
    shell.sendline(f"bind 'set bell-style none'; bind 'set completion-query-items 0'; source {script}; cd {tmp_path}")
    shell.expect_exact("$> ")
    yield shell
    shell.close(force=True)


TYPED = {
    "a verb": ("kubectl-lrs verif\t", "kubectl-lrs verify "),
    "a flag": ("kubectl-lrs backup --backup-d\t", "kubectl-lrs backup --backup-dir "),
    "a value": ("kubectl-lrs backup -o js\t", "kubectl-lrs backup -o json "),
    "a value after =": ("kubectl-lrs backup --output=js\t", "kubectl-lrs backup --output=json "),
    "a type after a comma": ("kubectl-lrs backup --type deployment,spa\t", "kubectl-lrs backup --type deployment,spark_app "),
    "a context": ("kubectl-lrs backup --context bey\t", "kubectl-lrs backup --context beyond "),
    "a namespace": ("kubectl-lrs backup -n kube-sy\t", "kubectl-lrs backup -n kube-system "),
    "a namespace after =": ("kubectl-lrs backup --namespace=kube-sy\t", "kubectl-lrs backup --namespace=kube-system "),
    "a file": ("kubectl-lrs backup --kubeconfig two.\t", "kubectl-lrs backup --kubeconfig two.kubeconfig "),
    "a folder": ("kubectl-lrs list --backup-dir bi\t", "kubectl-lrs list --backup-dir bin/"),
}


@pytest.mark.parametrize("what", TYPED)
def test_in_bash(bash: pexpect.spawn[str], what: str) -> None:
    keys, line = TYPED[what]
    bash.send(keys)
    bash.expect_exact(line)


def test_bash_lists_meanings(bash: pexpect.spawn[str]) -> None:
    bash.send("kubectl-lrs ver\t\t")
    bash.expect(r"verify +\(Check that a backup is as it was sealed\.\)")
    bash.expect(r"version +\(Print the version\.\)")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_scripts_are_for_the_name_that_was_called(plugin: Path, shell: str) -> None:
    text = _in(plugin, ["kubectl-lrs", "completion", shell]).stdout
    assert "kubectl-lrs" in text
    (plugin / "kubectl-lrs").rename(plugin / "kubectl-datarobot_lrs")
    other = _in(plugin, ["kubectl-datarobot_lrs", "completion", shell]).stdout
    assert other == text.replace("kubectl-lrs", "kubectl-datarobot_lrs").replace("kubectl_lrs", "kubectl_datarobot_lrs")
    if shutil.which(shell) and shell != "powershell":
        subprocess.run([shell, "-n", "/dev/stdin"], input=text, text=True, check=True, timeout=PATIENCE)


# ---- what it costs

HEAVY = ("kubernetes", "urllib3", "requests", "pymongo", "yaml", "rich", "ssl", "http.client", "concurrent", "asyncio")

LIGHT = {
    "help": ("--help",),
    "no verb": (),
    "version": ("version",),
    "options": ("options",),
    "completion of verbs": ("__complete", ""),
    "completion of generic flags": ("__complete", "--con"),
    "script": ("completion", "bash"),
}


@pytest.mark.parametrize("what", LIGHT)
def test_imports_nothing_heavy(what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kubectl_lrs", *LIGHT[what]],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "click" in imported, "or nothing was seen"
    assert sorted(name for name in imported if name.startswith(HEAVY)) == []
