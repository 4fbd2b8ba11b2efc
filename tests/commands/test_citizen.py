"""Every generic flag of kubectl and every way to name a cluster and a user, beside the real kubectl on the real API server.

The same cluster is reached, the same user is seen, the same namespace is worked in, and what kubectl refuses is refused.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.bed.controlplane import ControlPlane
from tests.builders.citizen import Bench, Case, Seen
from tests.conftest import ROOT, Cli, Crd

CERT = {"client-certificate": "{cert}", "client-key": "{key}"}
CERT_DATA = {"client-certificate-data": "{cert_data}", "client-key-data": "{key_data}"}
CERT_FLAGS = ("--client-certificate", "{cert}", "--client-key", "{key}")
ADMIN = {"token": "{admin}"}
NO_CA = {"certificate-authority-data": None}
EXTRA = ("--as-user-extra", "example.com/role=a", "--as-user-extra", "example.com/role=b=c", "--as-user-extra", "x=%")
TWO = {
    "clusters": [
        {"name": "dead", "cluster": {"server": "https://127.0.0.1:1"}},
        {"name": "bed", "cluster": {"server": "{server}", "certificate-authority": "{ca}"}},
        {"name": "local", "cluster": {"server": "{localhost}", "certificate-authority": "{ca}"}},
    ],
    "users": [{"name": "who", "user": {"token": "{token0}"}}, {"name": "other", "user": {"token": "{token1}"}}],
    "contexts": [
        {"name": "here", "context": {"cluster": "bed", "user": "who"}},
        {"name": "there", "context": {"cluster": "local", "user": "other"}},
        {"name": "lost", "context": {"cluster": "nowhere", "user": "nobody"}},
    ],
}
NO_CONTEXT = {**TWO, "current-context": ""}

SAME: dict[str, tuple[Case, str]] = {
    "nothing given": (Case(), "user-0"),
    "--context": (Case(config=TWO, flags=("--context", "there")), "user-1"),
    "--context=": (Case(config=TWO, flags=("--context=there",)), "user-1"),
    "--context, empty": (Case(config=TWO, flags=("--context=",)), "user-0"),
    "--cluster": (Case(config=TWO, flags=("--cluster", "local")), "user-0"),
    "--user": (Case(config=TWO, flags=("--user", "other")), "user-1"),
    "--context, --cluster, --user": (Case(config=TWO, flags=("--context=there", "--cluster=bed", "--user=who")), "user-0"),
    "--cluster and --user without a current context": (
        Case(config=NO_CONTEXT, flags=("--cluster=bed", "--user=other")),
        "user-1",
    ),
    "a context whose cluster and user are missing, with flags for both": (
        Case(config=TWO, flags=("--context=lost", "-s={server}", "--certificate-authority={ca}", "--token={token1}")),
        "user-1",
    ),
    "--token": (Case(flags=("--token", "{admin}")), "admin"),
    "--token over a client certificate": (Case(user=CERT, flags=("--token", "{token0}")), "cert-user"),
    "-s": (Case(flags=("-s", "{localhost}")), "user-0"),
    "-s=": (Case(flags=("-s={localhost}",)), "user-0"),
    "-s with a slash": (Case(flags=("-s{localhost}/",)), "user-0"),
    "--server drops the file's tls-server-name": (
        Case(cluster={"tls-server-name": "nope"}, flags=("--server={server}",)),
        "user-0",
    ),
    "--server and --tls-server-name": (Case(flags=("--server={server}", "--tls-server-name=kubernetes.default")), "user-0"),
    "tls-server-name in the file": (Case(cluster={"tls-server-name": "kubernetes"}), "user-0"),
    "--tls-server-name over the file's": (
        Case(cluster={"tls-server-name": "nope"}, flags=("--tls-server-name", "localhost")),
        "user-0",
    ),
    "--certificate-authority": (Case(cluster=NO_CA, flags=("--certificate-authority", "{ca}")), "user-0"),
    "--certificate-authority over insecure in the file": (
        Case(cluster={**NO_CA, "insecure-skip-tls-verify": True}, flags=("--certificate-authority", "{ca}")),
        "user-0",
    ),
    "--insecure-skip-tls-verify": (Case(cluster=NO_CA, flags=("--insecure-skip-tls-verify",)), "user-0"),
    "--insecure-skip-tls-verify=true": (Case(cluster=NO_CA, flags=("--insecure-skip-tls-verify=true",)), "user-0"),
    "--insecure-skip-tls-verify=false": (Case(flags=("--insecure-skip-tls-verify=false",)), "user-0"),
    "--insecure-skip-tls-verify=false after true": (
        Case(flags=("--insecure-skip-tls-verify", "--insecure-skip-tls-verify=F")),
        "user-0",
    ),
    "--insecure-skip-tls-verify over the file's CA": (Case(flags=("--insecure-skip-tls-verify=1",)), "user-0"),
    "insecure in the file": (Case(cluster={**NO_CA, "insecure-skip-tls-verify": True}), "user-0"),
    "CA as file": (Case(cluster={**NO_CA, "certificate-authority": "{ca}"}), "user-0"),
    "client certificate as files": (Case(user=CERT), "cert-user"),
    "client certificate as data": (Case(user=CERT_DATA), "cert-user"),
    "client certificate as data, key as file": (
        Case(user={"client-certificate-data": "{cert_data}", "client-key": "{key}"}),
        "cert-user",
    ),
    "--client-certificate and --client-key": (Case(user={}, flags=CERT_FLAGS), "cert-user"),
    "--client-certificate over data": (Case(user=CERT_DATA, flags=CERT_FLAGS), "cert-user"),
    "--client-certificate alone over data": (Case(user=CERT_DATA, flags=CERT_FLAGS[:2]), "cert-user"),
    "client certificate and token": (Case(user={**CERT, "token": "{token0}"}), "cert-user"),
    "client certificate and basic": (Case(user={**CERT, "username": "a", "password": "b"}), "cert-user"),
    "tokenFile": (Case(user={"tokenFile": "{folder}/token"}), "user-1"),
    "tokenFile, relative": (Case(user={"tokenFile": "token"}), "user-1"),
    "tokenFile over token": (Case(user={"token": "{token0}", "tokenFile": "token"}), "user-1"),
    "tokenFile that is missing, and token": (Case(user={"token": "{token0}", "tokenFile": "no-such"}), "user-0"),
    "--as": (Case(user=ADMIN, flags=("--as", "joe")), "joe"),
    "--as, not ASCII": (Case(user=ADMIN, flags=("--as", "jöe ☃")), "jöe ☃"),
    "--as, a service account": (
        Case(user=ADMIN, flags=("--as=system:serviceaccount:default:x",)),
        "system:serviceaccount:default:x",
    ),
    "--as, --as-uid, --as-group, --as-user-extra": (
        Case(user=ADMIN, flags=("--as=joe", "--as-uid=7", "--as-group=g1", "--as-group", "g2,g3", *EXTRA)),
        "joe",
    ),
    "as in the file": (
        Case(user={**ADMIN, "as": "jane", "as-uid": "u", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}}),
        "jane",
    ),
    "--as over the file's, which keeps the rest": (
        Case(user={**ADMIN, "as": "jane", "as-uid": "u", "as-groups": ["g"]}, flags=("--as", "joe")),
        "joe",
    ),
    "--as-group over the file's": (Case(user={**ADMIN, "as": "jane", "as-groups": ["g"]}, flags=("--as-group", "h")), "jane"),
    "--as-user-extra beside the file's": (
        Case(user={**ADMIN, "as": "jane", "as-user-extra": {"k": ["v"], "l": ["v"]}}, flags=("--as-user-extra=l=w",)),
        "jane",
    ),
    "--request-timeout": (Case(flags=("--request-timeout", "30s")), "user-0"),
    "--request-timeout, a number": (Case(flags=("--request-timeout=30",)), "user-0"),
    "--request-timeout 0": (Case(flags=("--request-timeout=0",)), "user-0"),
    "--request-timeout 1m30s": (Case(flags=("--request-timeout=1m30s",)), "user-0"),
    "--disable-compression": (Case(flags=("--disable-compression",)), "user-0"),
    "--disable-compression=true": (Case(flags=("--disable-compression=true",)), "user-0"),
    "disable-compression in the file": (Case(cluster={"disable-compression": True}), "user-0"),
    "--cache-dir": (Case(flags=("--cache-dir", "{folder}/cache")), "user-0"),
    "fields that nobody knows": (Case(config={"bogus": 1, "preferences": {"colors": True}}), "user-0"),
    "null in place of a section": (Case(config={"extensions": None}), "user-0"),
    "no kind and no apiVersion": (Case(config={"kind": None, "apiVersion": None}), "user-0"),
}

REFUSED: dict[str, tuple[Case, int, str]] = {
    "--context of none": (Case(flags=("--context", "nope")), 2, "context 'nope' does not exist"),
    "--cluster of none": (Case(flags=("--cluster", "nope")), 2, "cluster 'nope' does not exist"),
    "--user of none": (Case(flags=("--user", "nope")), 2, "user 'nope' does not exist"),
    "current-context of none": (Case(config={"current-context": "nope"}), 2, "context 'nope' does not exist"),
    "no current context": (Case(config=NO_CONTEXT), 2, "no current context"),
    "context with a missing user": (Case(context={"user": "nope"}), 2, "user 'nope' does not exist"),
    "context with a missing cluster": (Case(context={"cluster": "nope"}), 2, "cluster 'nope' does not exist"),
    "user without anything": (Case(user={}), 5, "system:anonymous"),
    "wrong token": (Case(user={"token": "wrong"}), 5, "credentials were refused"),
    "basic authentication, which the server does not know": (
        Case(user={"username": "a", "password": "b"}),
        5,
        "system:anonymous",
    ),
    "--username and --password beside a token": (Case(flags=("--username=a", "--password=b")), 2, "more than one authentication"),
    "token and basic": (Case(user={"token": "x", "username": "a"}), 2, "more than one authentication"),
    "CA and insecure in the file": (Case(cluster={"insecure-skip-tls-verify": True}), 2, "insecure-skip-tls-verify"),
    "CA and insecure as flags": (
        Case(flags=("--insecure-skip-tls-verify", "--certificate-authority={ca}")),
        2,
        "exclude each other",
    ),
    "CA as file and data": (Case(cluster={"certificate-authority": "{ca}"}), 2, "certificate-authority-data"),
    "CA file that is missing": (Case(cluster={**NO_CA, "certificate-authority": "no-such"}), 2, "no-such: cannot be read"),
    "CA of others": (Case(cluster={**NO_CA, "certificate-authority": "{cert}"}), 5, "certificate"),
    "no CA": (Case(cluster=NO_CA), 5, "certificate"),
    "--tls-server-name of another": (Case(flags=("--tls-server-name", "nope")), 5, "nope"),
    "certificate without key": (Case(user={"client-certificate": "{cert}"}), 2, "no key"),
    "certificate as file and data": (Case(user={**CERT, "client-certificate-data": "{cert_data}"}), 2, "client-certificate-data"),
    "key as file and data": (Case(user={**CERT, "client-key-data": "{key_data}"}), 2, "client-key-data"),
    "key without certificate": (Case(user={"client-key": "{key}"}), 5, "system:anonymous"),
    "--client-certificate that is missing": (Case(flags=("--client-certificate=/no/such", "--client-key={key}")), 2, "/no/such"),
    "--client-key that is not the certificate's": (Case(user=CERT, flags=("--client-key", "{ca}")), 2, "client certificate"),
    "tokenFile that is missing": (Case(user={"tokenFile": "no-such"}), 2, "no-such: cannot be read"),
    "token that is a number": (Case(user={"token": 12345}), 2, "not a string"),
    "token that is a list": (Case(user={"token": ["a"]}), 2, "not a string"),
    "token with a line break": (Case(user={"token": "a\nb"}), 2, "control characters"),
    "boolean as a string": (Case(cluster={"insecure-skip-tls-verify": "true"}), 2, "not true or false"),
    "data that is not base64": (Case(user={"client-certificate-data": "%%", "client-key-data": "a"}), 2, "not base64"),
    "names that are twice there": (
        Case(config={"users": [{"name": "who", "user": {"token": "{token0}"}}, {"name": "who", "user": {}}]}),
        2,
        "'who' is there twice",
    ),
    "contexts that are twice there": (
        Case(config={"contexts": [{"name": "here", "context": {"cluster": "bed"}}, {"name": "here", "context": None}]}),
        2,
        "'here' is there twice",
    ),
    "name that is a number": (Case(config={"contexts": [{"name": 1}]}), 2, "not a string"),
    "clusters that are no list": (Case(config={"clusters": {"a": "b"}}), 2, "not a list"),
    "context that is no mapping": (Case(config={"contexts": [{"name": "here", "context": "x"}]}), 2, "not a mapping"),
    "another kind": (Case(config={"kind": "Pod"}), 2, "it holds a Pod"),
    "--as-group without --as": (Case(user=ADMIN, flags=("--as-group", "g")), 2, "need --as"),
    "--as-uid without --as": (Case(user=ADMIN, flags=("--as-uid", "g")), 2, "need --as"),
    "as-groups without as": (Case(user={**ADMIN, "as-groups": ["g"]}), 2, "need --as"),
    "--as that one may not": (Case(flags=("--as", "joe")), 5, "cannot impersonate"),
    "--as with a line break": (Case(user=ADMIN, flags=("--as", "a\nb")), 2, "control characters"),
    "--request-timeout that is none": (Case(flags=("--request-timeout=soon",)), 2, "not a duration"),
    "--insecure-skip-tls-verify=yes": (Case(flags=("--insecure-skip-tls-verify=yes",)), 2, "neither true nor false"),
    "--insecure-skip-tls-verify=": (Case(flags=("--insecure-skip-tls-verify=",)), 2, "neither true nor false"),
    "flag without its value": (Case(flags=("--as",)), 2, "--as"),
    "flag that is none": (Case(flags=("--bogus",)), 2, "--bogus"),
    "proxy-url of another scheme": (Case(cluster={"proxy-url": "ftp://127.0.0.1"}), 2, "proxy-url"),
    "proxy-url without a scheme": (Case(cluster={"proxy-url": "127.0.0.1:1"}), 2, "proxy-url"),
    "proxy that is not there": (Case(cluster={"proxy-url": "http://127.0.0.1:1"}), 5, "cannot be reached"),
    "server that is not there": (Case(flags=("-s=https://127.0.0.1:1", "--request-timeout=1s")), 5, "cannot be reached"),
    "server without a scheme is http": (Case(flags=("-s", "localhost:1", "--request-timeout=1s")), 5, "http://localhost:1"),
    "auth-provider that was removed": (Case(user={"auth-provider": {"name": "gcp"}}), 2, "auth-provider 'gcp'"),
}


@pytest.fixture
def bench(plane: ControlPlane, tmp_path: Path) -> Bench:
    made = Bench(plane, tmp_path / "bench")
    (made.directory / "token").write_text(f"{plane.tokens['user-1']}\n")
    return made


def _same(pair: tuple[Seen, Seen], name: str) -> None:
    kubectl, ours = pair
    assert kubectl.code == 0, kubectl.words
    assert ours.code == 0, ours.words
    assert kubectl.name == name
    assert (ours.server.rstrip("/"), ours.user) == (kubectl.server.rstrip("/"), kubectl.user)


@pytest.mark.parametrize("name", SAME)
def test_same_server_and_user(bench: Bench, name: str) -> None:
    case, user = SAME[name]
    config = bench.write(case)
    _same(bench.both("--kubeconfig", str(config), *bench.filled(case.flags)), user)


@pytest.mark.parametrize("name", REFUSED)
def test_same_refusal(bench: Bench, name: str) -> None:
    case, code, words = REFUSED[name]
    config = bench.write(case)
    kubectl, ours = bench.both("--kubeconfig", str(config), *bench.filled(case.flags))
    assert kubectl.code == 1, kubectl
    assert ours.code == code, ours.words
    assert words in ours.words
    said = [line for line in ours.words.splitlines() if "; trying again until " not in line]
    assert len(said) <= 2
    for secret in ("token0", "admin", "token1"):
        assert bench.facts[secret] not in ours.words


def test_token_flag_clears_the_token_file(bench: Bench) -> None:
    """The one difference: kubectl sets the file to empty too, but its merge then keeps it, and the file's token wins."""
    config = bench.write(Case(user={"tokenFile": "token"}))
    kubectl, ours = bench.both("--kubeconfig", str(config), "--token", bench.facts["token0"])
    assert (kubectl.name, ours.name) == ("user-1", "user-0")


# ---- the server's own refusals, in a real verb


@pytest.mark.parametrize("flags", [(), ("--as", "joe"), ("--as", "joe", "--as-group", "g")], ids=" ".join)
def test_forbidden_is_said_in_the_same_words(bench: Bench, cli: Cli, crd: Crd, flags: tuple[str, ...]) -> None:
    config = str(bench.write(Case(user={"token": "{admin}"} if flags else {"token": "{token0}"})))
    asked = bench.run([str(bench.plane.kubectl), "get", "lrs.lrs.datarobot.com", "-A", "--kubeconfig", config, *flags])
    assert "Error from server (Forbidden): " in asked.stderr
    ours = cli.run("backup", "-A", "--kubeconfig", config, *flags)
    assert ours.returncode == 5
    assert asked.stderr.strip().partition("(Forbidden): ")[2] in ours.stderr


# ---- where the flags stand, and how they are written

WRITTEN = ("-n=NS", "-nNS", "-n NS", "--namespace=NS", "--namespace NS")


@pytest.mark.parametrize("before", [True, False], ids=["before the verb", "after the verb"])
@pytest.mark.parametrize("written", WRITTEN)
def test_flags_before_and_after_the_verb(bench: Bench, cli: Cli, crd: Crd, namespace: str, written: str, before: bool) -> None:
    flags = [word.replace("NS", namespace) for word in written.split(" ")]
    config = str(bench.write(Case(user=ADMIN)))
    words = ["backup", "--name", "b", "-o", "json", "--allow-empty", "--kubeconfig", config]
    made = json.loads(cli.ok(*(flags + words if before else words + flags)))
    assert made["selection"]["namespace"] == namespace
    asked = bench.run([str(bench.plane.kubectl), "get", "lrs.lrs.datarobot.com", "-v=6", "--kubeconfig", config, *flags])
    assert f"/namespaces/{namespace}/lrs" in asked.stderr


def test_the_last_of_a_flag_counts(bench: Bench) -> None:
    config = str(bench.write(Case(config=TWO)))
    _same(bench.both("--kubeconfig", config, "--user=nope", "--context", "there", "--user", "who"), "user-0")


@pytest.mark.parametrize("flag", ["-A", "--all-namespaces", "-A=true", "--all-namespaces=true"])
def test_all_namespaces_overrides_the_namespace(bench: Bench, cli: Cli, crd: Crd, flag: str) -> None:
    made = json.loads(cli.ok("backup", flag, "-n", "nope", "--name", "b", "-o", "json", "--allow-empty"))
    assert made["selection"]["namespace"] is None
    refused = cli.run("backup", f"{flag.partition('=')[0]}=false", "-n", "nope", "--name", "c")
    assert (refused.returncode, "namespace 'nope' does not exist" in refused.stderr) == (2, True)


# ---- namespaces

NAMESPACES = {
    "context without one": (Case(), "default"),
    "context with one": (Case(context={"namespace": "mine"}), "mine"),
    "empty in the context": (Case(context={"namespace": ""}), "default"),
    "-n over the context's": (Case(context={"namespace": "mine"}, flags=("-n", "yours")), "yours"),
    "empty -n": (Case(context={"namespace": "mine"}, flags=("-n", "")), "mine"),
    "--cluster and --user keep the context's": (
        Case(context={"namespace": "mine"}, flags=("--cluster=bed", "--user=who")),
        "mine",
    ),
}


@pytest.mark.parametrize("name", NAMESPACES)
def test_same_namespace(bench: Bench, name: str) -> None:
    case, namespace = NAMESPACES[name]
    config = bench.write(case)
    assert bench.namespaces("--kubeconfig", str(config), *case.flags) == (namespace, namespace)


# ---- which name it was called by


def _called(plane: ControlPlane, folder: Path, file: str, *words: str) -> str:
    """Its help, as the user's shell or kubectl would start it from a link in `folder`."""
    folder.mkdir(exist_ok=True)
    link = folder / file
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "bin" / "kubectl-lrs")
    python = Path(sys.executable).parent
    environment = {"PATH": f"{folder}:{python}:{os.environ['PATH']}"}
    bench = Bench(plane, folder)
    done = bench.run([str(plane.kubectl) if words[0] == "kubectl" else words[0], *words[1:]], environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("file", "words", "name"),
    [
        ("kubectl-lrs", ("kubectl", "lrs"), "kubectl lrs"),
        ("kubectl-lrs", ("kubectl-lrs",), "kubectl lrs"),
        ("kubectl-datarobot_lrs", ("kubectl", "datarobot-lrs"), "kubectl datarobot-lrs"),
        ("kubectl-datarobot_lrs", ("kubectl-datarobot_lrs",), "kubectl datarobot-lrs"),
    ],
)
def test_help_shows_the_name_that_was_typed(
    plane: ControlPlane, tmp_path: Path, file: str, words: tuple[str, ...], name: str
) -> None:
    folder = tmp_path / "bin"
    assert _called(plane, folder, file, *words).startswith(f"Usage: {name} VERB")
    text = _called(plane, folder, file, *words, "backup", "--help")
    assert f"\n\nUsage: {name} backup " in text
    assert f"\n  {name} backup -A" in text
    assert f'"{name} options"' in " ".join(text.split())
    assert name == "kubectl lrs" or "kubectl lrs" not in text


def test_every_verb_takes_every_generic_flag() -> None:
    import click

    from kubectl_lrs.cli import VERBS, Verbs
    from kubectl_lrs.commands.command import kube_options

    generic = {option.name for option in kube_options()}
    assert len(generic) == 23
    context = click.Context(Verbs())
    for verb in VERBS:
        command = Verbs().get_command(context, verb)
        assert command is not None
        assert verb in ("options", "help") or generic <= {param.name for param in command.params}, verb
