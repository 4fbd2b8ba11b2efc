"""The flags and the help of `kubectl lrs config`."""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_lrs.commands import backup_, check_, prune_, restore_, run_
from kubectl_lrs.commands.command import command as lrs_command
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.model.flags import Flag, Group, Options, Source, argument, flag, flags_of
from kubectl_lrs.stores.deployments.flags import AlsoOptions
from kubectl_lrs.stores.lrs.flags import RestoreFlags

INIT, SHOW, CHECK, SCHEMA = "init", "show", "check", "schema"


class Flags(Options):
    """What is done."""

    what: str | None = argument("what", default=None, metavar="init|show|check|schema", choices=(INIT, SHOW, CHECK, SCHEMA))
    file: str = argument("file", default="", metavar="[FILE]", source=Source.FILE)


class Showing(Options):
    """How settings are shown."""

    origin: bool = flag(
        "--origin", default=False, group=Group.OUTPUT, help="Say for each value where it comes from, and what names it there."
    )


KINDS: tuple[type[Options], ...] = (
    backup_.Flags,
    *backup_.STORE_OPTIONS.values(),
    *restore_.STORE_OPTIONS.values(),
    check_.Flags,
    prune_.Keep,
    run_.Nightly,
    run_.Notify,
    RestoreFlags,
    AlsoOptions,
)
"""Where settings are among the flags that mean the same to all commands."""


def _settings() -> Iterator[tuple[str, Flag]]:
    """Those flags of them that are settings, but for words that say several: `--mongo` is a level, or whether to look."""
    found: dict[str, dict[str, Flag]] = {}
    for kind in KINDS:
        for _, each in flags_of(kind):
            if each.key:
                found.setdefault(each.word, {})[each.key] = each
    several = {"--mongo", "--images", "--files", "--parallel", "--timeout", "--wait"}
    for word, by_key in found.items():
        if len(by_key) == 1 and word not in several:
            yield word.lstrip("-").replace("-", "_"), next(iter(by_key.values()))


Settings: type[Options] = type("Settings", (Options,), dict(_settings()))
"""What of an installation file can be said by flags that mean one thing alone."""


HELP = """Make, show or check an installation file, and print what it may say.

An installation file says once what an installation is: its cluster, where its MongoDB, images, files, API and backups
are, how much is saved and what is kept. It is YAML; each key is a flag, and each flag that is no act is a key. It is
named by --config or LRS_CONFIG; else it is the file in ~/.config/kubectl-lrs whose cluster.uid is that of the cluster
which the call asks. A flag goes before the environment, that before the file, and the file before defaults. Paths in
it begin at its folder. No secret stands in it, and it is refused where others may write it.

A file that names another cluster than the one that is asked is refused. What is an act is not taken from a file: --yes,
--force, --dry-run, all that allows, accepts or ignores something, what becomes of things that are there, and what a
restore chooses.

`init` makes one: FILE, or one of the context's name in ~/.config/kubectl-lrs. It takes flags, asks for the rest on a
terminal, and finds out what can be: the cluster and its uids, the namespace of the LRS, the MongoDB of the cluster,
what the environment names. `check` tries every door that the settings name (cluster, rights, MongoDB, registries,
files, API, backups), and says for each what works and what to do. `show` tells what is set, with flags as any
command takes them; -o wide shows the defaults too. `schema` prints a JSON Schema for editors.
"""


command = lrs_command(
    "config",
    Flags,
    Showing,
    Settings,
    Tables,
    help=HELP,
    examples=[
        ("A file for the context's cluster", "@ config init prod.yaml -n datarobot --backup-dir s3://backups/prod"),
        ("Does all of it work?", "@ config check --config prod.yaml"),
        ("What is set, and by what", "@ config show --config prod.yaml --origin"),
        ("All settings with their defaults", "@ config show -o wide"),
        ("A schema for editors", "@ config schema > kubectl-lrs.schema.json"),
    ],
    exits=(0, 1, 2, 3, 4, 5, 130),
)
