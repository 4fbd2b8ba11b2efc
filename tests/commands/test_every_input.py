"""Every flag of every verb has an effect, or is refused: nothing that was said is dropped without a word.

A flag that is in neither table fails the first test: say in which calls it says nothing, or why there are none.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass

import click
import pytest

from kubectl_lrs.cli import VERBS
from kubectl_lrs.commands import unused
from kubectl_lrs.commands.command import PluginCommand, kube_options
from kubectl_lrs.commands.flags import FlagArgument, FlagOption
from kubectl_lrs.commands.prune_ import Keep
from kubectl_lrs.commands.restore_parts import FLAGS, RESOURCES
from kubectl_lrs.commands.schedule_flags import Settings as ScheduleSettings
from kubectl_lrs.commands.shared import Selecting, Trusting
from kubectl_lrs.model.flags import Flag, flags_of
from kubectl_lrs.model.stores import STORES
from kubectl_lrs.stores.deployments.flags import ApiOptions
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.lrs.flags import TargetOptions
from tests.bed.controlplane import ControlPlane
from tests.conftest import Cli, installed

# ---- what there is


def _command(verb: str) -> PluginCommand:
    command = importlib.import_module(f"kubectl_lrs.commands.{verb.replace('-', '_')}_").command
    assert isinstance(command, PluginCommand)
    return command


OURS = [verb for verb in VERBS if verb not in ("help", "options")]
"""`help` and `options` have no flag."""


def flags(verb: str) -> dict[str, Flag]:
    """The flags and arguments of a verb, by their longest name."""
    return {each.flag.word: each.flag for each in _command(verb).params if isinstance(each, FlagOption | FlagArgument)}


VALUES = {
    "HOST/PATH": "registry.example.com/lrs",
    "OLD=NEW": "a=b",
    "NAMESPACE/NAME": "a/b",
    "DURATION": "1m",
    "URI": "mongodb://127.0.0.1:1",
    "URL": "https://127.0.0.1:1",
    "PERCENT": "5%",
    "HOST[:PORT]": "127.0.0.1:1",
    "USER,...": "root",
    "N|auto": "2",
}


def given(flag: Flag) -> list[str]:
    """The flag as it might stand on a command line, other than by its default."""
    if flag.is_boolean:
        return [flag.word]
    if flag.choices:
        other = [choice for choice in flag.choices if choice != flag.default]
        return [flag.word, str(getattr(other[-1], "value", other[-1]))]
    return [flag.word, str(flag.least or 1) if flag.is_number else VALUES.get(flag.metavar, "x")]


# ---- calls in which flags say nothing


@dataclass(frozen=True)
class Call:
    """A call in which each of `words` says nothing, all of them at once."""

    call: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def verb(self) -> str:
        return self.call[0]


def _words(*kinds: type) -> tuple[str, ...]:
    return tuple(flag.word for kind in kinds for _, flag in flags_of(kind))


def _of(command: str, name: str, *, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The flags of a store in `backup`, `restore` or `check`."""
    return tuple(word for word in _words(getattr(flags_module(name), command)) if word not in but)


API = _words(ApiOptions)
REACH = ("--backup-options", "--backup-endpoint", "--backup-ca-file")
SCHEDULED = tuple(word for word in _words(ScheduleSettings) if word != "--schedule-name")
LRS = tuple(sorted(FLAGS[RESOURCES] - {"--map-namespace"}))

APART = ("--map-registry", "--mongo-id")
"""Flags of a store that have calls of their own: the one maps names in LRS too, the other contradicts one that replaces all."""

CALLS: dict[str, Call] = {
    "backup: a yes to no question": Call(("backup",), ("--yes",)),
    "backup: the API of no deployments": Call(("backup", "--no-deployments"), API),
    "backup: the API that is not named": Call(("backup",), ("--api-ca-file", "--auth-scheme")),
    **{f"backup: nothing of {name}": Call(("backup",), _of("BACKUP", name, but=(f"--{name}",))) for name in STORES},
    "restore: below folders": Call(("restore", "b"), ("--recursive",)),
    "restore: replicas without a pause": Call(("restore", "b"), ("--operator-replicas",)),
    "restore: nothing mapped": Call(("restore", "b"), ("--accept-unmapped",)),
    "restore: nothing dropped": Call(("restore", "b"), ("--allow-running-app",)),
    "restore: the API that is not named": Call(("restore", "b"), ("--api-ca-file", "--auth-scheme")),
    "restore: no LRS": Call(
        ("restore", "files", "--tier", "files", "--map-namespace", "a=b"),
        tuple(word for word in LRS if word not in ("--type", "--selector")),
    ),
    "restore: chosen LRS, with data": Call(("restore", "files", "--type", "deployment"), ("--tier",)),
    "restore: no backup": Call(("restore", "-f", "plain.yaml"), ("--from",)),
    "restore: no CRD": Call(("restore", "-f", "plain.yaml"), ("--install-crd",)),
    "restore: a backup and another": Call(("restore", "b"), ("--from",)),
    **{f"restore: no {name}": Call(("restore", "b"), _of("RESTORE", name, but=APART)) for name in STORES},
    **{
        f"restore: no {name} in plain files": Call(("restore", "-f", "plain.yaml"), _of("RESTORE", name, but=APART))
        for name in STORES
    },
    "restore: documents of no mongo": Call(("restore", "b"), ("--mongo-id",)),
    "restore: documents of plain files": Call(("restore", "-f", "plain.yaml"), ("--mongo-id",)),
    "restore: a mongodump holds no LRS": Call(("restore", "./dump"), tuple(word for word in LRS if word != "--accept-unmapped")),
    "restore: a mongodump is of no namespace": Call(("restore", "./dump"), ("--map-namespace",)),
    "restore: a mongodump holds no images": Call(("restore", "./dump"), _of("RESTORE", "images")),
    "restore: a mongodump holds no files": Call(("restore", "./dump"), _of("RESTORE", "files")),
    "restore: a backup is of its time": Call(("restore", "b"), ("--at",)),
    "restore: plain manifests are of no time": Call(("restore", "-f", "plain.yaml"), ("--at",)),
    "show: a backup is of its time": Call(("show", "b"), ("--at",)),
    "verify: a backup is of its time": Call(("verify", "b"), ("--at",)),
    "diff: two backups are of their times": Call(("diff", "b", "files"), ("--at",)),
    "diff: a backup is of its time": Call(("diff", "b"), ("--at",)),
    "diff: no application": Call(("diff", "b"), unused.RULES["diff"]()[0].flags),
    "diff: an application of two backups": Call(("diff", "b", "files", "--app", "x"), unused.RULES["diff"]()[0].flags),
    "check: the cluster is of now": Call(("check",), ("--at",)),
    "check: a backup is of its time": Call(("check", "--from", "b"), ("--at",)),
    "activate: journals are of now": Call(("activate",), ("--at",)),
    "activate: a backup is of its time": Call(("activate", "--from", "b"), ("--at",)),
    "export: a backup is of its time": Call(("export", "b", "out"), ("--at",)),
    "hold: a backup is of its time": Call(("hold", "b", "--reason", "r"), ("--at",)),
    "unhold: a backup is of its time": Call(("unhold", "b"), ("--at",)),
    "copy: a backup is of its time": Call(("copy", ".", "other", "b"), ("--at",)),
    "copy: all backups are of any time": Call(("copy", ".", "other"), ("--at",)),
    "deactivate: a folder beside a journal": Call(("deactivate", "--journal", "j"), ("--backup-dir", "--accept-owner")),
    "activate: a folder beside a journal": Call(("activate", "--journal", "j"), ("--backup-dir", "--accept-owner")),
    "activate: two sources": Call(("activate", "--journal", "j"), ("--from",)),
    "verify: a share beside all": Call(("verify", "b", "--full"), ("--sample",)),
    "verify: a share of what is read whole": Call(("verify", "b"), ("--sample",)),
    "rehearse: all in one namespace": Call(("rehearse", "b", "--scratch-namespace", "x"), ("--map-namespace",)),
    "rehearse: no registry": Call(("rehearse", "b"), ("--registry-ca-file", "--registry-plain-http")),
    "rehearse: a backup is of its time": Call(("rehearse", "b"), ("--at",)),
    **{f"rehearse: no {name}": Call(("rehearse", "b"), _of("REHEARSE", name)) for name in STORES if _of("REHEARSE", name)},
    "repository: two places": Call(("repository", "show", "."), ("--backup-dir",)),
    "repository: nothing is said": Call(("repository", "show"), ("--quiet", "--adopt")),
    "verify: no cluster": Call(("verify", "b"), _words(Selecting, TargetOptions, Trusting)),
    "check: the API of no deployments": Call(("check", "--no-deployments"), API),
    "check: the API that is not named": Call(("check",), ("--api-ca-file", "--auth-scheme")),
    "check: a backup alone": Call(("check", "--from", "b"), ("--profile", "--deployments", *API)),
    **{f"check: a backup alone, {name}": Call(("check", "--from", "b"), _of("CHECK", name)) for name in STORES},
    **{f"check: no {name}": Call(("check", f"--no-{name}"), _of("CHECK", name, but=(f"--{name}",))) for name in STORES},
    "schedule: what is there": Call(("schedule", "status"), (*SCHEDULED, "--apply", "--delete", "--dry-run")),
    "schedule: all that was made": Call(("schedule", "--delete"), (*SCHEDULED, "--apply")),
    "config: a schema": Call(
        ("config", "schema"),
        tuple(word for word in flags("config") if word.startswith("-") and word not in (*REACH, "--origin")),
    ),
    "config: the origin of nothing": Call(("config", "check"), ("--origin",)),
    "config: no answer": Call(("config", "init"), ("--output",)),
    "run: a segment that is asked for elsewhere": Call(("run", "nightly"), ("--segment",)),
    "run: nights in a segment": Call(
        ("run", "segment", "--segment", f"{'0' * 32}-0"),
        (
            *("--part", "--clean-spark", "--check-fails", "--fresh", "--events", "--metrics-file", "--pushgateway-file"),
            *("--output", *(f"--heartbeat-{when}-file" for when in ("start", "success", "failure"))),
        ),
    ),
    "run: not the part backup": Call(("run", "nightly", "--part", "prune"), ("--clean-spark", "--check-fails")),
    "run: a backup of its own": Call(("run", "nightly"), ("--fresh",)),
    **{f"{verb}: a storage on a path": Call((verb,), REACH) for verb in OURS if "--backup-dir" in flags(verb)},
    "image: one that is made": Call(
        ("image", "--from", "x", "--push", "127.0.0.1:1/a"), ("--layout", "--archive", "--platform", "--base")
    ),
    "image: it stays here": Call(("image", "--layout", "x"), ("--replace",)),
    "image: no registry": Call(("image", "--layout", "x"), ("--registry-ca-file", "--registry-plain-http")),
    "completion: a script": Call(("completion", "bash"), ("--dir",)),
}

ONE = frozenset(
    (
        "check: no mongo",
        "check: no images",
        "check: no files",
        "backup: nothing of mongo",
        "backup: nothing of images",
        "backup: nothing of files",
    )
)
"""The error names the first of them alone."""

ALWAYS = "it has an effect in every call"
ANSWER = "it is the answer itself, or how it is shown"
HOW = "it is how the work is done; a plan that is only shown is that of the same command"
PERMISSION = "it allows what may turn out not to be needed"
SO_ANYWAY = "it says what is so anyway, or has more read"
AS_KUBECTL = "as kubectl has it, where it means nothing either"

EFFECTIVE: dict[str, dict[str, str]] = {
    "backup": {
        **dict.fromkeys(
            ("--all-namespaces", "--type", "--exclude-type", "--selector", "--backup-dir", "--name", "--profile"), ALWAYS
        ),
        **dict.fromkeys(("--mongo", "--images", "--files", "--deployments", "--clean-spark"), ALWAYS),
        **dict.fromkeys(("--allow-empty", "--accept-owner", "--trust-previous"), PERMISSION),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "restore": {
        **dict.fromkeys(
            ("names", "--app", "--filename", "--backup-dir", "--map-namespace", "--map-registry", "--type", "--selector"), ALWAYS
        ),
        "--dry-run": ALWAYS,
        "--yes": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "clean-spark": {
        **dict.fromkeys(("--all-namespaces", "--selector", "--older-than", "--dry-run", "--operator"), ALWAYS),
        **dict.fromkeys(("--wait", "--timeout", "--parallel"), HOW),
        "--yes": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "deactivate": {
        **dict.fromkeys((*API, "--include", "--exclude", "--ids-file", "--all", "--journal", "--dry-run"), ALWAYS),
        **dict.fromkeys(("--parallel", "--wait", "--timeout"), HOW),
        "--yes": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "activate": {
        **dict.fromkeys((*API, "--include", "--exclude", "--ids-file", "--journal", "--dry-run"), ALWAYS),
        **dict.fromkeys(("--parallel", "--wait", "--timeout"), HOW),
        "--yes": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "list": {
        **dict.fromkeys(("--backup-dir", "--holding"), ALWAYS),
        **dict.fromkeys(("--output", "--sort-by", "--no-headers"), ANSWER),
    },
    "prune": {
        **dict.fromkeys((*_words(Keep), "--backup-dir", "--dry-run"), ALWAYS),
        **dict.fromkeys(("--yes", "--accept-owner"), PERMISSION),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "forget": {
        **dict.fromkeys(("names", "--backup-dir", "--dry-run"), ALWAYS),
        **dict.fromkeys(("--yes", "--accept-owner"), PERMISSION),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "hold": {"--output": ANSWER} | dict.fromkeys(("backup", "--reason", "--backup-dir"), ALWAYS),
    "unhold": {"--output": ANSWER} | dict.fromkeys(("backup", "--backup-dir"), ALWAYS),
    "unforget": {"--output": ANSWER} | dict.fromkeys(("backup", "--backup-dir"), ALWAYS),
    "show": {"backup": ALWAYS, "--app": ALWAYS, "--backup-dir": ALWAYS, "--output": ANSWER},
    "copy": {
        **dict.fromkeys(("source", "target", "names"), ALWAYS),
        "--accept-owner": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "export": {
        **dict.fromkeys(("backup", "directory", "--format", "--backup-dir"), ALWAYS),
        "--accept-owner": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "import": {
        **dict.fromkeys(("source", "--name", "--backup-dir"), ALWAYS),
        "--accept-owner": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "rehearse": {
        **dict.fromkeys(("backup", "--tier", "--dry-run", "--map-namespace", "--scratch-namespace", "--backup-dir"), ALWAYS),
        "--scratch-repository": ALWAYS,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "repository": {"what": ALWAYS, "place": ALWAYS, "--output": ANSWER},
    "verify": {
        "backup": ALWAYS,
        "--against-cluster": ALWAYS,
        "--full": SO_ANYWAY,
        "--backup-dir": ALWAYS,
        "--output": ANSWER,
        "--quiet": ANSWER,
    },
    "diff": {
        **dict.fromkeys(("before", "after", "--app", *_words(Selecting), "--map-namespace", "--backup-dir"), ALWAYS),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "check": {
        **dict.fromkeys(("applications", "--all-namespaces", "--from", "--spark-older-than", "--backup-dir"), ALWAYS),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "completion": {"what": ALWAYS},
    "config": {
        "what": ALWAYS,
        **dict.fromkeys((word for word in flags("config") if word not in (*REACH, "--origin")), ALWAYS),
    },
    "image": {"--push": ALWAYS, "--from": ALWAYS, "--output": ANSWER, "--quiet": ANSWER},
    "metrics": {"--backup-dir": ALWAYS},
    "run": {
        **dict.fromkeys(("what", "--part", "--segment", "--metrics-file", "--pushgateway-file", "--backup-dir"), ALWAYS),
        **dict.fromkeys((f"--heartbeat-{when}-file" for when in ("start", "success", "failure")), ALWAYS),
        "--events": PERMISSION,
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "schedule": {
        **dict.fromkeys(("what", "part", "--schedule-name"), ALWAYS),
        **dict.fromkeys(("--output", "--quiet"), ANSWER),
    },
    "history": {"verbs": ALWAYS, "--since": ALWAYS, "--output": ANSWER},
    "schema": {"kind": ALWAYS},
    "version": {"--client": AS_KUBECTL, "--output": ANSWER},
}
"""Flags that say something in every call in which no call above refuses them, and why."""


@pytest.mark.parametrize("verb", OURS)
def test_every_flag_has_an_entry(verb: str) -> None:
    there = set(flags(verb))
    refused = {word for call in CALLS.values() if call.verb == verb for word in call.words}
    told = set(EFFECTIVE[verb])
    assert there - refused - told == set(), "say when it says nothing, or why that cannot be"
    assert (refused | told) - there == set(), "there is no such flag"


def test_every_rule_of_the_table_is_tried() -> None:
    tried = {(call.verb, word) for call in CALLS.values() for word in call.words}
    assert {(verb, word) for verb, rules in unused.RULES.items() for rule in rules() for word in rule.flags} <= tried


@pytest.fixture(scope="module")
def bench(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A folder with a backup of LRS alone, one with files beside them, a mongodump, and a plain manifest."""
    installed(plane)
    directory = tmp_path_factory.mktemp("inputs")
    cli = Cli(plane.kubeconfig, directory)
    (directory / "storage").mkdir()
    (directory / "storage" / "file").write_text("content")
    cli.ok("backup", "--name", "b", "--allow-empty")
    cli.ok("backup", "--name", "files", "--allow-empty", "--files", "copy", "--files-all", "--files-url", directory / "storage")
    (directory / "dump" / "db").mkdir(parents=True)
    (directory / "dump" / "prelude.json").write_text("{}")
    (directory / "dump" / "db" / "c.bson").write_bytes(b"")
    (directory / "dump" / "db" / "c.metadata.json").write_text('{"indexes": [], "collectionName": "c"}')
    (directory / "plain.yaml").write_text("")
    lrs = {"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": {"name": "a", "namespace": "b"}, "spec": {}}
    (directory / "some.json").write_text(json.dumps(lrs))
    return cli


@pytest.mark.parametrize("case", CALLS)
def test_a_flag_that_says_nothing_is_refused(bench: Cli, case: str) -> None:
    """All of a call at once: each is named."""
    call = CALLS[case]
    known = flags(call.verb)
    words = [part for word in call.words for part in given(known[word])]
    done = bench.run(*call.call, *(["--tier", "files"] if call.words == ("--tier",) else words))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    error = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    named = [word for word in call.words if word in error]
    assert named == list(call.words) or (case in ONE and named), error
    assert len(bench.run("list", "-o", "name").stdout.split()) == 2, "no backup was made"


# ---- an empty value, as that of a variable that is not set


EMPTY = [
    (verb, flag.word)
    for verb in OURS
    for flag in flags(verb).values()
    if not (flag.is_boolean or flag.choices or flag.is_number or flag.is_argument)
]


def test_an_empty_value_is_refused() -> None:
    """It must not mean the default: `-l "$SELECTOR"` all of them, `--mongo-uri "$URI"` another database."""
    from kubectl_lrs.cli import _group
    from kubectl_lrs.model.errors import UsageError

    for verb, word in EMPTY:
        with pytest.raises(UsageError, match=f"{word}: an empty value names nothing"):
            _group().main([verb, word, ""], standalone_mode=False)


@pytest.mark.parametrize("call", [("restore", ""), ("show", ""), ("verify", ""), ("diff", "", "live"), ("check", "")])
def test_an_empty_name_is_refused(bench: Cli, call: tuple[str, ...]) -> None:
    done = bench.run(*call)
    assert (done.returncode, done.stdout) == (2, "")
    assert "an empty value names nothing" in done.stderr


# ---- kubectl's own flags


KUBE = {max(option.opts, key=len): option for option in kube_options()}


def _kube(option: click.Option) -> list[str]:
    word = max(option.opts, key=len)
    if option.is_flag:
        return [word]
    return [word, {"--as-user-extra": "a=b", "--request-timeout": "1m"}.get(word, "x")]


CLUSTERLESS: dict[str, tuple[str, ...]] = {
    "list": ("list",),
    "show": ("show", "b"),
    "verify": ("verify", "b"),
    "diff": ("diff", "b", "files"),
    "check": ("check", "--from", "b"),
    "prune": ("prune", "--keep-last", "9"),
    "forget": ("forget", "b"),
    "hold": ("hold", "b", "--reason", "why"),
    "copy": ("copy", ".", "other"),
    "export": ("export", "b", "out"),
    "import": ("import", "./some.json"),
    "repository": ("repository", "show"),
    "unhold": ("unhold", "b"),
    "unforget": ("unforget", "b"),
    "image": ("image", "--layout", "out"),
    "metrics": ("metrics",),
    "history": ("history",),
    "run": ("run", "nightly", "--part", "prune"),
    "deactivate": ("deactivate", "--dry-run=client"),
    "activate": ("activate", "--dry-run=client"),
}
PASSED_OVER = {
    "diff": {"--namespace"},
    "check": {"--namespace"},
    "deactivate": {"--request-timeout", "--token"},
    "activate": {"--request-timeout", "--token"},
}
"""Those that say something there, or have an error of their own."""


def test_every_verb_without_a_cluster_is_tried() -> None:
    assert set(CLUSTERLESS) == {verb for verb, cluster in unused.CLUSTERS.items() if not cluster.is_about_program}


@pytest.mark.parametrize("verb", CLUSTERLESS)
def test_a_cluster_that_is_not_asked_is_refused(bench: Cli, verb: str) -> None:
    words = [
        word for word in KUBE if word not in unused.EVERYWHERE | {"--v", "--color", "--cache-dir"} | PASSED_OVER.get(verb, set())
    ]
    done = bench.run(*CLUSTERLESS[verb], *(part for word in words for part in _kube(KUBE[word])))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    error = done.stderr.splitlines()[0]
    assert [word for word in words if f"{word}" not in error] == []


@pytest.mark.parametrize("verb", CLUSTERLESS)
def test_an_alias_for_all_verbs(bench: Cli, verb: str) -> None:
    """What stands before the verb is for every verb, so it is said that it is not used; unless something is changed."""
    done = bench.run("--context", "prod", "-n", "default", *CLUSTERLESS[verb])
    if unused.CLUSTERS[verb].changes:
        assert done.returncode == 2
        assert f"--context, --namespace say nothing to {verb}: {unused.CLUSTERS[verb].why}" in done.stderr
        return
    assert done.returncode in (0, 4), done.stderr
    shown = "--context" if "--namespace" in PASSED_OVER.get(verb, set()) else "--context, --namespace"
    assert f"note: {shown}: not used by {verb}: " in done.stderr


def test_list_shows_the_backups_of_all_namespaces(bench: Cli) -> None:
    done = bench.run("list", "-n", "datarobot")
    assert done.returncode == 2
    assert "--namespace says nothing to list: it shows the backups of all clusters and namespaces" in done.stderr


@pytest.mark.parametrize("call", [("version",), ("completion", "bash"), ("schema",), ("options",)])
def test_verbs_about_the_program_take_all_of_them(bench: Cli, call: tuple[str, ...]) -> None:
    """As `kubectl version --client` and `kubectl completion` do: nothing about a cluster is told, so nothing is misread."""
    bench.ok("--context", "prod", *call)
    bench.ok(*call, "--context", "prod") if call != ("options",) else None
