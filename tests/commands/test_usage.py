"""Bad input: one clear line on stderr and the right exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import ROOT, Cli, Crd

CASES: dict[str, tuple[list[str], int, str]] = {
    "no such verb": (["bakcup"], 2, "did you mean backup?"),
    "no such verb, nor one like it": (["xyzzy"], 2, "see: kubectl lrs --help"),
    "no such flag": (["backup", "--bogus"], 2, "--bogus"),
    "unknown output": (["list", "-o", "xml"], 2, "unknown output format 'xml'"),
    "output without value": (["list", "-o"], 2, "-o"),
    "kubeconfig that is not there": (["backup", "--kubeconfig", "/no/such/file"], 2, "/no/such/file: no such file"),
    "kubeconfig that is no YAML": (["backup", "--kubeconfig", "garbage"], 2, "garbage: not YAML"),
    "kubeconfig that is a folder": (["backup", "--kubeconfig", "."], 2, "cannot be read"),
    "context that does not exist": (["backup", "--context", "nope"], 2, "context 'nope' does not exist"),
    "user that does not exist": (["backup", "--user", "nope"], 2, "user 'nope' does not exist"),
    "namespace with a slash": (["backup", "-n", "a/b"], 2, "'a/b' is not a valid namespace name"),
    "type that is no label value": (["backup", "--type", "a b"], 2, "'a b' is not a valid workload type"),
    "type wanted and excluded": (["backup", "--type", "a", "--exclude-type", "a"], 2, "both asked for and excluded"),
    "selector": (["backup", "-l", "a=b=c"], 2, "selector 'a=b=c'"),
    "duration": (["backup", "--request-timeout", "soon"], 2, "'soon' is not a duration"),
    "backup dir that is a file": (["backup", "--backup-dir", "garbage"], 2, "garbage"),
    "list in a file": (["list", "--backup-dir", "garbage"], 2, "garbage"),
    "list where nothing is": (["list", "--backup-dir", "nowhere"], 2, "nowhere: no such folder"),
    "backup that is a file": (["show", "./garbage"], 2, "garbage: not a backup"),
    "backup that is an empty folder": (["verify", "empty"], 2, "not a sealed backup"),
    "backup that is not there": (["verify", "lrs_backup_2020"], 2, "not found"),
    "no backup at all": (["show"], 2, "no sealed backup"),
    "restore without a name": (["restore"], 2, "restore needs a NAME"),
    "server that is not there": (["backup", "-s", "https://127.0.0.1:1", "--request-timeout", "1s"], 5, "cannot be reached"),
    "server that is no URL": (["backup", "-s", "ftp://x"], 2, "not an http or https URL"),
    "wrong token": (["backup", "--token", "wrong"], 5, "credentials were refused"),
    "CA and insecure": (["backup", "--certificate-authority", "garbage", "--insecure-skip-tls-verify"], 2, "exclude each other"),
    "CA that is none": (["backup", "--certificate-authority", "garbage"], 2, "certificate-authority"),
    "group without user": (["backup", "--as-group", "x"], 2, "--as"),
    "recursive without files": (["restore", "x", "-R"], 2, "--recursive says nothing without -f"),
    "replicas without a pause": (["restore", "x", "--operator-replicas", "1"], 2, "says nothing without --pause-operator"),
    "acceptance of nothing": (["restore", "x", "--accept-unmapped"], 2, "says nothing without --map-namespace"),
    "timeout of restore": (["restore", "x", "--timeout", "soon"], 2, "--timeout: 'soon' is not a duration"),
    "parallel of none": (["restore", "x", "--parallel", "0"], 2, "--parallel"),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input(crd: Crd, cli: Cli, case: str) -> None:
    arguments, code, message = CASES[case]
    (cli.directory / "garbage").write_text("{[")
    (cli.directory / "empty").mkdir()
    done = cli.run(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]  # that it is waited for
    assert said[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(said) <= 2
    assert "wrong" not in done.stderr or case != "wrong token"


def test_no_configuration_at_all(cli: Cli) -> None:
    done = cli.run("backup", env={"KUBECONFIG": "/no/such/file"})
    assert done.returncode == 5
    assert "no cluster is configured" in done.stderr


def test_unreadable_folder(crd: Crd, namespace: str, cli: Cli) -> None:
    """Read-only by rights for a plain user; root is not held by rights, so /proc, which nobody can write to, stands in."""
    readonly = cli.directory / "readonly"
    readonly.mkdir(mode=0o500)
    target = "/proc/self" if os.getuid() == 0 else str(readonly)
    done = cli.run("backup", "-n", namespace, "--backup-dir", target)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["backup", "restore", "clean-spark", "list", "show", "verify", "version"])
def test_help_has_examples_and_exit_status(cli: Cli, verb: str) -> None:
    text = cli.ok(verb, "--help")
    first, blank, usage = text.splitlines()[:3]
    assert (first[-1], blank, usage.startswith(f"Usage: kubectl lrs {verb}")) == (".", "", True), "one line, then usage"
    assert "Examples:" in text
    assert "Exit status:" in text
    assert "kubectl lrs options" in text


def test_no_verb_prints_help(cli: Cli) -> None:
    text = cli.ok()
    for verb in ("backup", "restore", "clean-spark", "list", "show", "verify", "version", "options"):
        assert f"  {verb} " in text


def test_generic_flags_stand_anywhere(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> None:
    empty = Cli(tmp_path / "none", cli.directory)
    config = str(cli.kubeconfig)
    loader.create_many(plane, [samples.filler(0, crd.api_version, crd.kind, namespace)])
    empty.ok("--kubeconfig", config, "-n", namespace, "backup", "--name", "before")
    empty.ok("backup", "--name", "after", "--kubeconfig", config, "-n", namespace)
    done = empty.run("--kubeconfig", "/no/such", "backup", "--name", "last", "--kubeconfig", config, "-n", namespace)
    assert done.returncode == 0, "the last one counts"


def test_every_output_format(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli) -> None:
    import json

    import yaml

    loader.create_many(plane, [samples.filler(0, crd.api_version, crd.kind, namespace)])
    cli.ok("backup", "-n", namespace, "--name", "b")
    for verb in ("list", "show", "verify", "version"):
        assert json.loads(cli.ok(verb, "-o", "json")) == yaml.safe_load(cli.ok(verb, "-o", "yaml"))
        cli.ok(verb, "-o", "name")
        cli.ok(verb, "-o", "wide")
    assert cli.ok("list", "-o", "name") == "b\n"


def test_bug_is_told_apart(cli: Cli, tmp_path: Path) -> None:
    """A crash of the product itself: a message that says so, and a log; the user sees no traceback."""
    code = (
        "import sys; sys.argv = ['kubectl-lrs', 'list']\n"
        "import kubectl_lrs.repository.plain.repository as b\n"
        "def boom(self): raise RuntimeError('boom')\n"
        "b.PlainRepository.scan = boom\n"
        "from kubectl_lrs.cli import main; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "this is a bug in kubectl lrs (RuntimeError)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "boom" in next(tmp_path.glob("kubectl-lrs-*.log")).read_text()


def _into(cli: Cli, out: int, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "kubectl_lrs", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(cli.kubeconfig)}
    done = subprocess.run(command, env=environment, cwd=cli.directory, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [("list", "-o", "json"), ("--help",), ("options",)])
def test_reader_that_is_gone(cli: Cli, arguments: tuple[str, ...]) -> None:
    """As with any other program in a pipe: no message, and not the status of a failure."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert _into(cli, writer, *arguments) == (141, "")
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", [("list", "-o", "json"), ("--help",)])
def test_standard_output_that_is_full(cli: Cli, arguments: tuple[str, ...]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, said = _into(cli, full, *arguments)
        assert (code, said.splitlines()[-1]) == (1, "error: standard output: No space left on device")
    finally:
        os.close(full)


def test_launcher_runs_from_a_clone(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / "bin" / "kubectl-lrs", "version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("kubectl lrs ")) == (0, True), done.stderr


def test_called_by_kubectl_as_a_plugin(plane: ControlPlane, tmp_path: Path) -> None:
    plugin = tmp_path / "bin" / "kubectl-datarobot_lrs"
    plugin.parent.mkdir()
    plugin.symlink_to(Path(sys.executable).with_name("kubectl-lrs"))  # as krew does
    environment = {**os.environ, "PATH": f"{plugin.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [plane.kubectl, "datarobot-lrs", "version"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.startswith("kubectl lrs ")) == (0, True), done.stderr


def test_loader_table_matches_the_crds(crd: Crd) -> None:
    for path in loader.crd_files():
        version, kind = loader.version_and_kind(path)
        text = path.read_text()
        assert f"kind: {kind}," in text
        assert f"name: {version.partition('/')[2]}\n" in text


AT_ONCE = {
    ("rehearse", "--tier", "image"): "unknown tier 'image'",
    ("rehearse", "--scratch-repository", "team/images"): "it says no registry",
    ("rehearse", "--map-namespace", "x"): "--map-namespace",
    ("rehearse", "--registry-plain-http", "h"): "without --scratch-repository",
    ("restore", "--tier", "image"): "unknown tier 'image'",
    ("restore", "--app", "x", "--mongo-existing", "drop"): "--app means some documents",
    ("restore", "--mongo-id", "a/b", "--mongo-existing", "drop"): "--mongo-id means some documents",
    ("restore", "--mongo-existing", "replace"): "is for the documents of --app or --mongo-id",
    ("restore", "--app", "x", "-f", "y.yaml"): "plain manifests tell of no application",
    ("restore", "--app", "x", "--type", "app"): "give one of the two",
}


@pytest.mark.parametrize("call", AT_ONCE, ids=" ".join)
def test_what_cannot_be_is_said_before_a_cluster_is_asked(tmp_path: Path, call: tuple[str, ...]) -> None:
    (tmp_path / "none").write_text("{}")
    done = Cli(tmp_path / "none", tmp_path).run(*call, "--server", "https://127.0.0.1:9")
    assert done.returncode == 2, done.stderr
    assert AT_ONCE[call] in done.stderr
