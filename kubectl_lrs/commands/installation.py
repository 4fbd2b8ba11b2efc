"""The installation file of a call: which one it is, what it says, and which cluster that is about.

It steers acts, so it is refused where others may write it, whoever has named it.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubectl_lrs.commands import config_files
from kubectl_lrs.commands.flags import FlagArgument, FlagOption, Given
from kubectl_lrs.formats.yaml_reader import load_all
from kubectl_lrs.model import settings
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Flag
from kubectl_lrs.model.settings import ABOUT_CLUSTER, ACKNOWLEDGED, Installation, Table
from kubectl_lrs.render.output import acknowledge, say
from kubectl_lrs.runtime.trust import OWN, SEALED, RefusedError, Trust

if TYPE_CHECKING:
    import click

    from kubectl_lrs.clients.kubernetes.client import KubeClient

MAX_BYTES = 1 << 20
MAKE_IT_YOURS = "make it yours alone: chown it to yourself or root, chmod go-w"


# ---- which flags are settings


def flags_of_all(commands: click.Group) -> list[Flag]:
    """The flags of all commands, each as often as it is there."""
    import click

    context = click.Context(commands)
    made = (commands.get_command(context, name) for name in commands.list_commands(context))
    params = (param for command in made if command for param in command.params)
    return [param.flag for param in params if isinstance(param, FlagOption | FlagArgument)]


def table_of(commands: click.Group) -> Table:
    """All settings, by their keys."""
    found = dict(ABOUT_CLUSTER)
    for flag in flags_of_all(commands):
        if flag.key:
            found.setdefault(flag.key, flag)
    return found


def acts_of(commands: click.Group) -> dict[str, str]:
    """What a setting might be called that is none → the flag that is meant."""
    words = {flag.word for flag in flags_of_all(commands) if not flag.key and not flag.is_argument}
    return {camel(word): word for word in sorted(words)}


def camel(word: str) -> str:
    """`--allow-empty` → `allowEmpty`."""
    first, *others = word.lstrip("-").split("-")
    return first + "".join(each.title() for each in others)


# ---- the file


def read(path: Path, commands: click.Group, *, is_found: bool = False) -> Installation:
    """A file, held against all settings that there are. UsageError."""
    table = table_of(commands)
    document = _document(path, OWN if is_found else SEALED)
    values = settings.values_of(document, table, acts=acts_of(commands), where=str(path))
    if ids := values.get(ACKNOWLEDGED):
        from kubectl_lrs.render.notes import require_notes  # with the rules of check, for those who name some

        require_notes(ids, where=f"{path}: {ACKNOWLEDGED}")
    base = Path(os.path.abspath(path)).parent  # noqa: PTH100  links on the way to it are the user's own
    return Installation(path, {key: _placed(table[key], value, base) for key, value in values.items()})


def _placed(flag: Flag, value: Any, base: Path) -> Any:
    """The same; a path begins at the folder of the file."""
    if isinstance(value, tuple):
        return tuple(_placed(flag, each, base) for each in value)
    if not isinstance(value, str) or not settings.is_path(flag, value):
        return value
    with suppress(RuntimeError):  # there is no such home
        return str(base / Path(value).expanduser())
    return value


def _at_once(path: str, flags: int) -> int:
    """Open it; nobody is waited for who may write into a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _document(path: Path, trust: Trust) -> Any:
    """What stands in it; UsageError for what cannot be read, or may have been written by others."""
    try:
        with open(path, "rb", opener=_at_once) as file:
            if doubt := trust.doubt(os.fstat(file.fileno())):
                raise RefusedError(path, f"it would steer the work, and {doubt}", hint=MAKE_IT_YOURS)
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        hint = f"config init {shlex.quote(str(path))} makes one" if error.errno == errno.ENOENT else ""
        raise UsageError(f"{path}: cannot be read: {error.strerror}", hint=hint) from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES >> 20} MiB")
    documents = list(load_all(data, where=str(path)))
    if len(documents) > 1:
        raise UsageError(f"{path}: more than one document", hint="a file is about one installation")
    if not documents:
        raise UsageError(f"{path}: it says nothing", hint="config schema prints what it may say")
    return documents[0].value


# ---- the file of a call


def of_call(given: Given, *, asks_cluster: bool) -> Installation | None:
    """The file that the call names, else the one that is found; None where none is. What is known there is not said any more.

    UsageError.
    """
    found = _of_call(given, asks_cluster=asks_cluster)
    if found:
        acknowledge(found.acknowledged)
    return found


def _of_call(given: Given, *, asks_cluster: bool) -> Installation | None:
    path, _ = config_files.named(given.config)
    if path:
        return read(Path(path), given.commands)
    candidates = [Path(each) for each in config_files.there()]
    if not candidates:
        return None
    _require_own_folder(candidates[0].parent)
    found = _of_cluster(given, candidates) if asks_cluster else _only(candidates)
    if found and "--quiet" not in given.words:
        say(f"settings of {found}")
    return read(found, given.commands, is_found=True) if found else None


def _require_own_folder(folder: Path) -> None:
    if doubt := OWN.doubt(folder.stat()):
        raise RefusedError(folder, f"its files would steer the work, and {doubt}", hint=MAKE_IT_YOURS)


def _only(candidates: Sequence[Path]) -> Path:
    """Where no cluster is asked, nothing tells which of several is meant."""
    if len(candidates) > 1:
        raise _several(candidates, "no cluster is asked that would tell which one is meant")
    return candidates[0]


def _several(candidates: Iterable[Path], why: str) -> UsageError:
    names = ", ".join(each.name for each in candidates)
    folder = config_files.folder()
    return UsageError(
        f"several files of settings in {folder} ({names}): {why}", hint="name one with --config FILE, or LRS_CONFIG"
    )


def _of_cluster(given: Given, candidates: Sequence[Path]) -> Path | None:
    """The one whose uid is that of the cluster that this call asks; None where all are surely of others.

    UsageError where one may be the one that is meant and cannot be read, or does not say: to go on without would be to work
    elsewhere, with other settings.
    """
    about, doubtful = _looked_at(candidates)
    if not about:
        raise doubtful[0]
    from kubectl_lrs.stores.lrs.connect import connect, uids_of

    kube = connect(given.kube_alone, given.cancel)
    is_here = _telling(kube, about, uids_of)
    matching = [path for path, (uids, _) in about.items() if uids & {*is_here.values()}]
    if len(matching) > 1:
        raise _several(matching, "all of them are of this cluster")
    if not matching and doubtful:
        raise doubtful[0]
    for error in doubtful:
        say(f"warning: not looked at: {error}")
    if not matching:
        untold = "" if is_here.get("kube-system") else ", as far as can be told: kube-system may not be read"
        say(f"note: no file of settings in {config_files.folder()} is of this cluster{untold}")
    return matching[0] if matching else None


def _looked_at(candidates: Iterable[Path]) -> tuple[dict[Path, tuple[frozenset[str], str]], list[UsageError]]:
    """What each says of its cluster, and why some do not."""
    about, doubtful = {}, []
    for path in candidates:
        try:
            about[path] = _about(path)
        except RefusedError:
            raise
        except UsageError as error:
            doubtful.append(error)
    return about, doubtful


def _telling(kube: KubeClient, about: Mapping[Path, tuple[frozenset[str], str]], uids_of: Any) -> dict[str, str]:
    """Namespace → its uid, empty where it may not be read: they tell this cluster."""
    namespaces = {namespace or kube.connection.namespace for _, namespace in about.values()}
    found: dict[str, str] = uids_of(kube, ["kube-system", *sorted(namespaces)])
    return found


def _about(path: Path) -> tuple[frozenset[str], str]:
    """(uids, namespace) of a file, whatever else it says. UsageError where it names no cluster, or cannot be read."""
    document = _document(path, OWN)
    section = document.get("cluster") if isinstance(document, dict) else None
    uids = [section.get(name) for name in ("uid", "namespaceUid")] if isinstance(section, dict) else []
    named = frozenset(uid for uid in uids if isinstance(uid, str) and uid)
    if not named:
        raise UsageError(
            f"{path}: cluster.uid is not there, so nothing tells whether the settings are of this cluster",
            hint=f"write the uid of its cluster into it: {settings.UID_OF}",
        )
    return named, str(document.get("namespace") or "")
