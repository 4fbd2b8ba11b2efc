"""`config init`: an installation file out of flags, questions and what can be found out. One that is there is never touched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from kubectl_lrs import render
from kubectl_lrs.commands import config_files
from kubectl_lrs.commands.config_ import Flags
from kubectl_lrs.commands.confirm import asking
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.installation import acts_of, read, table_of
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model import settings
from kubectl_lrs.model.errors import LrsError, UsageError
from kubectl_lrs.model.flags import Flag
from kubectl_lrs.model.settings import CONTEXT, NAMESPACE, NAMESPACE_UID, UID, Table
from kubectl_lrs.model.stores import PROFILES
from kubectl_lrs.runtime.safe_files import Directory, make_folder
from kubectl_lrs.runtime.state import token
from kubectl_lrs.stores.lrs.connect import SYSTEM, connect, served, uids_of
from kubectl_lrs.stores.lrs.instead import look_for
from kubectl_lrs.stores.mongo import connect as mongo
from kubectl_lrs.stores.mongo.flags import DatabaseOptions
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.usecases import doors

TAKEN_OVER = ("repository.", "files.", "mongo.uri")
"""Settings that the environment may have: they are taken into the file, so that it says all."""

KNOWN_URLS = ("LRS_DATAROBOT_URL", "DATAROBOT_ENDPOINT")


@dataclass
class Draft:
    """`values`: key → value; `remarks`: what was found out beside, for whoever reads the file."""

    values: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def run(given: Given) -> None:
    """Make it, and say where it is."""
    if there := given.installation:
        raise UsageError(f"{there.path} is an installation file already", hint="edit it; config check tries all that it names")
    table = table_of(given.commands)
    draft = Draft(dict(_of_flags(given, table)))
    _of_environment(table, draft)
    name = _of_cluster(given, draft)
    _ask(table, draft)
    path = _path(given.of(Flags).file, name)
    text = _text(draft, table)
    settings.values_of(settings.nested(draft.values, table), table, acts=acts_of(given.commands), where=str(path))
    _write(path, text)
    found = read(path, given.commands)
    render.answer(f"{path}\n", done=f"{path} was made")
    for remark in draft.remarks:
        render.say(f"note: {remark}")
    render.say(f"{len(found.values)} settings; config check --config {path} tries all that it names")


# ---- what is known


def _of_flags(given: Given, table: Table) -> Iterator[tuple[str, Any]]:
    """What stands on the command line; a path is one from here."""
    for key, flag in table.items():
        if flag.word in given.kube_words:
            yield key, given.kube_value(flag)
        elif flag.word.startswith("-") and flag.word in given.words:
            yield key, _from_here(flag, given.value(flag.word))


def _from_here(flag: Flag, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_from_here(flag, each) for each in value)
    if isinstance(value, str) and settings.is_path(flag, value):
        return os.path.abspath(value)  # noqa: PTH100  links stay as the user has them
    return value


def _of_environment(table: Table, draft: Draft) -> None:
    for key, flag in table.items():
        value = os.environ.get(flag.variable, "").strip() if flag.variable else ""
        if not value or key in draft.values or not key.startswith(TAKEN_OVER):
            continue
        if settings.looks_secret(value):
            draft.remarks.append(f"{flag.variable} holds a secret, and is not taken over: {settings.SECRETS}")
        else:
            draft.values[key] = _from_here(flag, value)
    if "api.url" not in draft.values:
        url = next((found for name in KNOWN_URLS if (found := os.environ.get(name, "").strip())), "")
        draft.values |= {"api.url": url} if url else {}
    if "api.url" in draft.values and "api.tokenFiles" not in draft.values:
        draft.remarks.append(
            "the API's token stands in no file yet: name one with api.tokenFiles; one of the environment counts for the URL "
            "of the environment alone"
        )


def _of_cluster(given: Given, draft: Draft) -> str:
    """Whose cluster it is, where the LRS are, and what they name; a name for the file."""
    kube = connect(given.kube_alone, given.cancel)
    resource = served(kube, "")
    namespace = kube.connection.namespace
    if NAMESPACE not in draft.values:
        elsewhere = look_for(kube, resource, namespace).namespaces
        namespace = next(iter(elsewhere)) if len(elsewhere) == 1 else namespace
        if len(elsewhere) > 1:
            draft.remarks.append(f"there are LRS in {', '.join(sorted(elsewhere))}: is {namespace} the right namespace?")
    uids = uids_of(kube, [SYSTEM, namespace])
    if not any(uids.values()):
        raise UsageError(
            f"nothing tells which cluster {kube.connection.server} is: neither {SYSTEM} nor {namespace} may be read",
            hint=f"grant the right to get namespace {namespace}",
        )
    told = {UID: uids[SYSTEM], NAMESPACE_UID: uids[namespace], CONTEXT: kube.connection.context, NAMESPACE: namespace}
    draft.values |= {key: value for key, value in told.items() if value}
    _look_for_mongo(given, draft, namespace)
    return kube.connection.context or "installation"


def _look_for_mongo(given: Given, draft: Draft, namespace: str) -> None:
    """Whether the MongoDB of the vendor's chart is in the cluster, where nothing else is named."""
    if any(key.startswith("mongo.uri") for key in draft.values) or os.environ.get(mongo.VARIABLE, "").strip():
        return
    options = DatabaseOptions(**{name: draft.values[key] for name, key in PLACE.items() if key in draft.values})
    try:
        said = doors.mongo(Mongo(mongo.access(options, connect(given.kube_alone, given.cancel), namespace)), "")
    except LrsError as error:
        draft.remarks.append(f"MongoDB was not found in the cluster: {error}; mongo.uriFile names another")
        return
    draft.remarks.append(f"found {said}")


PLACE = {
    name: f"mongo.{key}"
    for name, key in {
        "namespace": "namespace",
        "service": "service",
        "secret": "secret",
        "secret_key": "secretKey",
        "user": "user",
        "auth_source": "authSource",
        "port": "port",
        "tls": "tls",
        "ca_file": "caFile",
        "certificate_key_file": "certificateKeyFile",
    }.items()
}
"""Field of the options → key."""


def _ask(table: Table, draft: Draft) -> None:
    """What nobody can find out, where somebody can be asked. A path is one from here, as on the command line."""
    if not sys.stdin.isatty():
        return
    with asking():
        if "repository.url" not in draft.values:
            where = click.prompt(
                "Where are the backups (a folder, or a URL like s3://BUCKET/PREFIX)", err=True, default="backups"
            )
            draft.values["repository.url"] = _from_here(table["repository.url"], os.path.expanduser(where.strip()))  # noqa: PTH111
        if "profile" not in draft.values:
            draft.values["profile"] = click.prompt("What is saved", err=True, default=PROFILES[0], type=click.Choice(PROFILES))


# ---- the file


def _path(named: str, name: str) -> Path:
    folder = config_files.folder()
    if not named and not folder:
        raise UsageError("nothing says where the file is to be", hint="name it: config init FILE")
    path = Path(named) if named else Path(folder) / f"{token(name)}.yaml"
    if os.path.lexists(path):
        raise UsageError(f"{path} is there already", hint="name another: config init FILE")
    return path


def _text(draft: Draft, table: Table) -> str:
    said = "".join(f"# {line}\n" for line in ("Settings of one installation; config schema prints all that may stand here.",))
    return said + dump(settings.nested(draft.values, table))


def _write(path: Path, text: str) -> None:
    """Make it, 0600; UsageError where something is there by now."""
    try:
        if not path.parent.exists() and str(path.parent) == config_files.folder():
            path.parent.parent.mkdir(mode=0o700, exist_ok=True)
            make_folder(path.parent)
        with Directory.named(path.parent) as folder:
            with os.fdopen(folder.create(path.name), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            folder.sync()
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", hint="name another: config init FILE") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be made: {error.strerror}") from error
