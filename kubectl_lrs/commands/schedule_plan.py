"""From the installation file and flags to what is to run at night. What a pod could not have is refused here.

A pod has the file alone: neither the environment of this call nor its folders count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.installation import table_of
from kubectl_lrs.commands.prune_ import Keep
from kubectl_lrs.commands.prune_run import rules_of
from kubectl_lrs.commands.schedule_flags import Settings
from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model import cron, settings
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Source
from kubectl_lrs.model.names import is_namespace, is_object_name
from kubectl_lrs.model.nightly import BACKUP, PARTS, PROVE, PRUNE
from kubectl_lrs.model.rights import ROLES, Rule, merged, named
from kubectl_lrs.model.scheduling import BY_DEFAULT, FILES_FOLDER, Nightly, Part, quantity
from kubectl_lrs.model.settings import CONTEXT, NAMESPACE, NAMESPACE_UID, UID, Installation, Table
from kubectl_lrs.model.stores import NONE, levels
from kubectl_lrs.model.units import shards
from kubectl_lrs.stores.lrs.connect import SYSTEM, uids_of

REPOSITORY = "repository.url"
OPENS = {BACKUP: ("",), PRUNE: ("repository.", "notify."), PROVE: ("repository.", "notify.", "mongo.")}
"""What the settings begin with of which a part opens files: it gets no others."""

COPY = "copy"
OF_THIS_MACHINE = (CONTEXT, "notify.metricsFile", "files.scratch")
"""What says nothing in a pod."""

LONGEST = 40
"""Of the name: Kubernetes allows 52 characters for a CronJob's, which ends with its part."""

_IMAGE = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+)*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?", re.ASCII)

Values = Mapping[str, Any]


def installation_of(given: Given) -> Installation:
    """The installation file; UsageError where there is none."""
    if found := given.installation:
        return found
    raise UsageError(
        "no installation file says what is to run", hint="config init makes one; name it with --config FILE, or LRS_CONFIG"
    )


def plan_of(given: Given, kube: KubeClient) -> Nightly:
    """All that is to be there. UsageError."""
    found, flags, table = installation_of(given), given.of(Settings), table_of(given.commands)
    _require_sense(flags)
    values = _with_identity(found.values, kube)
    _require_shards(flags, values)
    in_pod, files = _in_pod(values, table, found)
    parts = flags.parts or BY_DEFAULT
    if PRUNE in parts:
        rules_of(given.of(Keep))
    return Nightly(
        name=flags.name,
        namespace=kube.connection.namespace,
        image=flags.image,
        config=dump(settings.nested(in_pod, table)),
        time_zone=flags.time_zone,
        parts=[_part(each, flags, values, files, kube.connection.namespace) for each in PARTS if each in parts],
        pull_secrets=flags.pull_secrets,
        memory=quantity(flags.memory, what="--memory"),
        room=quantity(flags.room, what="--room"),
        user=flags.user,
        shards=flags.shards,
    )


def _require_sense(flags: Settings) -> None:
    """UsageError for what no cluster takes."""
    if not _IMAGE.fullmatch(flags.image):
        what = f"--image: {flags.image!r} is no image" if flags.image else "nothing says which image pods run"
        raise UsageError(what, hint="--image REGISTRY/kubectl-lrs@sha256:..., or schedule.image in the installation file")
    if unknown := sorted({*flags.parts} - {*PARTS}):
        raise UsageError(f"--parts: {', '.join(unknown)}: no such part", hint=f"they are: {', '.join(PARTS)}")
    if not is_namespace(flags.name) or len(flags.name) > LONGEST:
        raise UsageError(f"--schedule-name: {flags.name!r} is no name of objects, or longer than {LONGEST} characters")
    cron.zone_of(flags.time_zone, what="--time-zone")
    for each in PARTS:
        cron.parse(_cron(flags, each), what="--cron" if each == BACKUP else f"--{each}-cron")
    _require_names(flags)


def _require_shards(flags: Settings, values: Values) -> None:
    """UsageError where there would be nothing to cut."""
    if not flags.shards:
        return
    shards(flags.shards, what="--shards")
    if _levels(values)["files"] != COPY or BACKUP not in (flags.parts or BY_DEFAULT):
        raise UsageError(
            "--shards is about the content of files, and no pod copies any", hint="files.level: copy in the installation file"
        )


def _levels(values: Values) -> dict[str, str]:
    """What is taken of each store."""
    return levels(values.get("profile", "lrs"), {name: values.get(f"{name}.level") for name in ("mongo", "images", "files")})


def _require_names(flags: Settings) -> None:
    """UsageError for what no Secret is called."""
    secrets = {"--image-pull-secret": flags.pull_secrets}
    for each in PARTS:
        secrets |= {f"--{each}-env": getattr(flags, f"{each}_env"), f"--{each}-files": (getattr(flags, f"{each}_files"),)}
    named = ((word, name) for word, names in secrets.items() for name in names if name)
    if wrong := next(((word, name) for word, name in named if not is_object_name(name)), None):
        raise UsageError(f"{wrong[0]}: {wrong[1]!r} is no name of a Secret")


def _cron(flags: Settings, part: str) -> str:
    found: str = flags.cron if part == BACKUP else getattr(flags, f"{part}_cron")
    return found


# ---- the file


def _with_identity(values: Values, kube: KubeClient) -> dict[str, Any]:
    """The settings, with what tells this cluster: a pod compares what it can read."""
    namespace = kube.connection.namespace
    uids = uids_of(kube, [SYSTEM, namespace])
    told = {UID: uids[SYSTEM] or values.get(UID, ""), NAMESPACE_UID: uids[namespace], NAMESPACE: namespace}
    kept = {
        key: value for key, value in values.items() if key not in (*OF_THIS_MACHINE, *told) and not key.startswith("schedule.")
    }
    return {key: value for key, value in told.items() if value} | kept


def _in_pod(values: Values, table: Table, found: Installation) -> tuple[dict[str, Any], dict[str, str]]:
    """(the settings as a pod has them, setting → the key of a Secret that takes the place of its file)."""
    made = dict(values)
    files: dict[str, str] = {}
    if REPOSITORY not in values:
        raise UsageError(f"{found.path}: {REPOSITORY} is not there, so pods would not know where the backups are")
    for key, value in values.items():
        flag = table[key]
        if flag.source is Source.FILE:
            paths = value if isinstance(value, tuple) else (value,)
            names = [PurePosixPath(each).name for each in paths]
            files |= {f"{key}[{place}]": name for place, name in enumerate(names)}
            placed = tuple(f"{FILES_FOLDER}/{name}" for name in names)
            made[key] = placed if isinstance(value, tuple) else placed[0]
        elif key in (REPOSITORY, "files.url") and (settings.is_path(flag, value) or value.lower().startswith("file:")):
            raise UsageError(
                f"{found.path}: {key} is a folder of this machine, and a pod has none that lasts",
                hint="name a storage, such as s3://BUCKET/PREFIX",
            )
    _require_one_each(files, values, found)
    return made, files


def _require_one_each(files: Mapping[str, str], values: Values, found: Installation) -> None:
    """UsageError where two files would be one key."""
    paths: dict[str, str] = {}
    for setting, name in files.items():
        key, _, place = setting.rstrip("]").partition("[")
        value = values[key]
        path = value[int(place)] if isinstance(value, tuple) else value
        if paths.setdefault(name, path) != path:
            raise UsageError(f"{found.path}: two files are called {name}", hint="they are keys of one Secret: name them apart")


# ---- a part


def _part(name: str, flags: Settings, values: Values, files: Mapping[str, str], namespace: str) -> Part:
    needed = {setting: key for setting, key in files.items() if setting.startswith(OPENS[name])}
    secret: str = getattr(flags, f"{name}_files")
    if needed and not secret:
        setting, key = next(iter(needed.items()))
        raise UsageError(
            f"{setting.partition('[')[0]} names a file, and nothing says which Secret has it for {name}",
            hint=f"kubectl create secret generic NAME --from-file={key}=FILE, then --{name}-files NAME",
        )
    if secret and not needed:
        raise UsageError(f"--{name}-files says nothing: the installation file names no file for {name}", hint="leave it out")
    return Part(
        name=name,
        cron=_cron(flags, name),
        environment=getattr(flags, f"{name}_env"),
        files=secret,
        keys=tuple(dict.fromkeys(needed.values())),
        annotations=dict(_annotations(getattr(flags, f"{name}_annotations"), f"--{name}-annotation")),
        rules={} if name == PRUNE else _rules(values, namespace, name, f"{flags.name}-{name}", shards=bool(flags.shards)),
    )


def _annotations(pairs: tuple[str, ...], word: str) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        key, is_pair, value = pair.partition("=")
        if not (is_pair and key and value):
            raise UsageError(f"{word}: {pair!r} is no KEY=VALUE")
        yield key, value


def _rules(values: Values, namespace: str, part: str, cron_job: str, *, shards: bool = False) -> dict[str, tuple[Rule, ...]]:
    """Namespace → the rights that a part needs there by these settings; "" for all namespaces."""
    where = "" if values.get("allNamespaces") else namespace
    found = {namespace: [*named("lrs-identity", namespaces=namespace)]}
    if values.get("notify.events", True):
        found[namespace] += named("lrs-events", cronjobs=cron_job)
    if shards and part == BACKUP:
        found[namespace] += named("lrs-segments")
    found.setdefault(where, []).extend(ROLES[_about_lrs(values, part)])
    taken = _levels(values)
    if part == BACKUP and values.get("images.pullSecrets") and (taken["images"] != NONE or values.get("check.images")):
        found[where] += named("lrs-pull-secrets")
    by_uri = "mongo.uri" in values or "mongo.uriFile" in values
    if not by_uri and (taken["mongo"] != NONE or values.get("check.mongo")):
        names = {"secrets": values.get("mongo.secret"), "services": values.get("mongo.service")}
        told = {kind: name for kind, name in names.items() if name}
        found.setdefault(values.get("mongo.namespace", namespace), []).extend(named("lrs-mongo", **told))
    return {place: merged(tuple(rules)) for place, rules in found.items()}


def _about_lrs(values: Values, part: str) -> str:
    """The Role that a part needs for the LRS themselves. A rehearsal has the server judge their creation, by a dry run."""
    if part == PROVE:
        return "lrs-restore"
    return "lrs-clean-spark" if values.get("nightly.cleanSpark") else "lrs-backup"
