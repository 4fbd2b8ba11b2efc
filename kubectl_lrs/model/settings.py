"""Settings: what an installation file may say, by the flags that say the same; from its document to values. Pure.

One table for all of it: a flag that has a `key` is a setting. A file is held against it as a whole, whatever the call is about:
an unknown key, a value of another kind and a secret are errors. No value is quoted in a message: it may be a secret in the
wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Flag, Source
from kubectl_lrs.model.guard import Guard

Table = Mapping[str, Flag]
"""Key → the flag that says the same."""

CONTEXT, UID, NAMESPACE_UID, NAMESPACE = "cluster.context", "cluster.uid", "cluster.namespaceUid", "namespace"
ACKNOWLEDGED = "acknowledged"

ABOUT_CLUSTER: Table = {
    CONTEXT: Flag(names=("--context",), default="", key=CONTEXT, help="The kubeconfig's context; a pod has none."),
    UID: Flag(
        names=("cluster.uid",),
        default="",
        key=UID,
        help="Uid of the namespace kube-system: the file is refused for any other cluster.",
    ),
    NAMESPACE_UID: Flag(
        names=("cluster.namespaceUid",),
        default="",
        key=NAMESPACE_UID,
        help="Uid of the namespace of the LRS, which tells the cluster where kube-system may not be read.",
    ),
    NAMESPACE: Flag(names=("--namespace",), default="", key=NAMESPACE, help="The namespace, in place of the context's."),
    ACKNOWLEDGED: Flag(
        names=(ACKNOWLEDGED,),
        default=(),
        key=ACKNOWLEDGED,
        help="Ids of notes and warnings that are known here, and not printed; schema notes lists them.",
    ),
}
"""What a file says of its cluster, and what is known there. The uids and notes are no flags: they are of an installation."""

SECRETS = "secrets stand in files of their own: mongo.uriFile, api.tokenFiles, files.optionsFile, repository.optionsFile"

_SECRET_KEY = re.compile(r"passw|passphrase|secret|token|credential|(api|access|private)_?key", re.IGNORECASE)
_SECRET_VALUES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"://[^/\s@]*:[^/\s@]*@|://[^/\s@:\[]*:(?!\d*[/,?])[^\s@]*@"), "a password in a URL"),
    (re.compile(r"://.*[?&][^=&]*(passw|passphrase|secret|token|signature|\bsig)[^=&]*=", re.IGNORECASE), "a secret in a URL"),
    (re.compile(r"://.*[?&]authMechanismProperties=.*(token|secret|password)", re.IGNORECASE), "a secret in a URL"),
    (re.compile(r"-----BEGIN "), "a key or a certificate"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\."), "a token"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), "an access key"),
    (re.compile(r"^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+=_-]{32,}$"), "a token"),
)
"""What a value looks like that is a secret → what it is called."""

_IS_URL = re.compile(r"[a-z][a-z0-9+.-]*:/|(?:file|s3|gs|az|abfss?|hdfs|webhdfs|https?|ftp):", re.IGNORECASE)
"""As `runtime/paths` has it for the command line: `s3:bucket` was meant to be one, and is no folder of this machine."""


def values_of(document: object, table: Table, *, acts: Mapping[str, str], where: str) -> dict[str, Any]:
    """Key → value, as the command line would give it. `acts`: names that are no settings → their flags. UsageError."""
    if not isinstance(document, dict):
        raise UsageError(f"{where}: not a mapping of settings", hint="config schema prints what it may say")
    found = dict(_walk(document, "", table, acts, where))
    for one, other in EXCLUSIVE:
        if one in found and other in found:
            raise UsageError(f"{where}: {one} and {other} say two things about the same", hint="leave one of the two out")
    return found


EXCLUSIVE = (
    ("mongo.uri", "mongo.uriFile"),
    *(
        (uri, f"mongo.{name}")
        for uri in ("mongo.uri", "mongo.uriFile")
        for name in ("namespace", "service", "secret", "secretKey", "user", "authSource", "port", "tls", "caFile")
    ),
)
"""Keys that cannot stand beside each other."""


def _walk(section: Mapping[Any, Any], above: str, table: Table, acts: Mapping[str, str], where: str) -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        key = f"{above}{name}"
        if key in table:
            yield key, _value(table[key], value, f"{where}: {key}")
        elif any(known.startswith(f"{key}.") for known in table):
            if not isinstance(value, dict):
                raise UsageError(f"{where}: {key} is a section: settings stand below it")
            yield from _walk(value, f"{key}.", table, acts, where)
        else:
            raise _unknown(key, table, acts, where)


def _unknown(key: str, table: Table, acts: Mapping[str, str], where: str) -> UsageError:
    last = key.rpartition(".")[2]
    if flag := acts.get(last) or acts.get(key):
        return UsageError(f"{where}: {key}: no setting; {flag} counts for one call alone", hint=f"say {flag} when it is meant")
    if _SECRET_KEY.search(last):
        return UsageError(f"{where}: {key}: no setting, and no place for a secret", hint=SECRETS)
    sections = {".".join(known.split(".")[:1]) for known in table}
    same = [known for known in table if known.rpartition(".")[2].lower() == last.lower()]
    near = same or get_close_matches(key, [*table, *sections], 3, 0.6) or get_close_matches(last, [*table, *sections], 3, 0.6)
    hint = f"did you mean {' or '.join(sorted(near)[:3])}?" if near else "config schema prints all settings"
    return UsageError(f"{where}: unknown setting {key!r}", hint=hint)


def nested(values: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """As a file has it, in the order of the table."""
    made: dict[str, Any] = {}
    for key in (key for key in table if key in values):
        *sections, name = key.split(".")
        below = made
        for section in sections:
            below = below.setdefault(section, {})
        value = values[key]
        below[name] = list(value) if isinstance(value, tuple) else value
    return made


def kind_of(flag: Flag) -> str:
    """What a value is: `yes` (true or false), `number`, `list`, `map`, `text`."""
    if flag.is_boolean:
        return "yes"
    if flag.is_number:
        return "number"
    if flag.is_repeated:
        return "map" if "=" in flag.metavar else "list"
    return "text"


def choices_of(flag: Flag) -> list[str]:
    """What a text may be; empty where it may be any."""
    return [str(each.value if isinstance(each, Enum) else each) for each in flag.choices]


def _value(flag: Flag, value: object, where: str) -> Any:
    kind = kind_of(flag)
    if kind == "yes":
        if not isinstance(value, bool):
            raise UsageError(f"{where}: neither true nor false")
        return value
    if kind == "number":
        return _number(flag, value, where)
    if kind == "map" and isinstance(value, dict):
        return tuple(f"{_text(old, where)}={_text(new, where)}" for old, new in value.items())
    if kind in ("list", "map"):
        if not isinstance(value, list):
            raise UsageError(f"{where}: not a {'mapping' if kind == 'map' else 'list'}")
        return tuple(_text(each, where) for each in value)
    text = _text(value, where)
    if flag.choices and text not in choices_of(flag):
        raise UsageError(f"{where}: it is one of: {', '.join(choices_of(flag))}")
    return text


def _number(flag: Flag, value: object, where: str) -> int:
    least, most = flag.least or 0, flag.most
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        raise UsageError(f"{where}: not a number that it takes: {f'{least} or more' if most is None else f'{least} to {most}'}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{where}: not text", hint="put it in quotes")
    if not value.strip():
        raise UsageError(f"{where}: an empty value names nothing", hint="leave it out")
    if "\0" in value:  # no command line or variable can hold one
        raise UsageError(f"{where}: it holds a NUL, which no name or path has")
    if what := looks_secret(value):
        raise UsageError(f"{where}: it looks like {what}, and no secret may stand in a file of settings", hint=SECRETS)
    return value


def looks_secret(value: str) -> str:
    """What a secret in a value looks like, in words; empty where there is none."""
    return next((what for pattern, what in _SECRET_VALUES if pattern.search(value)), "")


def is_path(flag: Flag, value: str) -> bool:
    """Whether a value is the path of something: it begins at the folder of the file then."""
    may_be = flag.source in (Source.FILE, Source.DIRECTORY) or flag.key == "files.url"
    return may_be and not _IS_URL.match(value)


def schema(table: Table, *, notes: Sequence[str] = ()) -> dict[str, Any]:
    """What a file may say, as JSON Schema. `notes`: the ids of all that can be acknowledged."""
    made: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Installation file of kubectl lrs",
        "type": "object",
        "additionalProperties": False,
        "properties": {},
    }
    for key, flag in table.items():
        *sections, name = key.split(".")
        below = made
        for section in sections:
            fresh = {"type": "object", "additionalProperties": False, "properties": {}}
            below = below["properties"].setdefault(section, fresh)
        below["properties"][name] = _schema_of(flag)
    if notes and ACKNOWLEDGED in table:
        made["properties"][ACKNOWLEDGED]["items"] = {"enum": list(notes)}
    return made


def _schema_of(flag: Flag) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string", "minLength": 1}
    if choices := choices_of(flag):
        text = {"enum": choices}
    number: dict[str, Any] = {"type": "integer", "minimum": flag.least or 0}
    if flag.most is not None:
        number["maximum"] = flag.most
    texts: dict[str, Any] = {"type": "array", "items": text}
    kinds: dict[str, dict[str, Any]] = {
        "yes": {"type": "boolean"},
        "number": number,
        "list": texts,
        "map": {"anyOf": [{"type": "object", "additionalProperties": text}, texts]},
        "text": text,
    }
    said = f"{flag.word}: {flag.help}" if flag.word.startswith("-") else flag.help
    return {**kinds[kind_of(flag)], "description": said}


class Origin(str, Enum):
    """What says a value, the first one first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True)
class Shown:
    """A setting as a call has it. `by`: the flag, the variable or the file that says so, or why the file's does not count."""

    key: str
    flag: Flag
    value: Any
    origin: Origin
    by: str


UID_OF = "kubectl get namespace kube-system -o jsonpath={.metadata.uid}"


@dataclass(frozen=True)
class Installation:
    """A file that was read. `values`: key → value, as the command line would give it."""

    path: Path
    values: Mapping[str, Any]

    @property
    def uids(self) -> frozenset[str]:
        """What tells its cluster."""
        return frozenset(str(self.values[key]) for key in (UID, NAMESPACE_UID) if key in self.values)

    @property
    def cluster(self) -> str:
        """What its cluster is called where it is to be told from others; empty where the file does not say."""
        return str(self.values.get(UID) or self.values.get(NAMESPACE_UID) or "")

    @property
    def guard(self) -> Guard:
        """Which cluster it must be; UsageError where the file does not say."""
        if not self.uids:
            raise UsageError(
                f"{self.path}: cluster.uid is not there, so nothing tells that this is the cluster that the settings are of",
                hint=f"write the uid of the cluster into it: {UID_OF}",
            )
        return Guard(
            uids=self.uids,
            file=str(self.path),
            namespace=self.namespace,
            names_system=UID in self.values,
            names_own=NAMESPACE_UID in self.values,
            system=str(self.values.get(UID) or ""),
        )

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """The ids of notes that are known here."""
        return tuple(self.values.get(ACKNOWLEDGED, ()))

    @property
    def context(self) -> str:
        """The context to use where the call names none."""
        return str(self.values.get(CONTEXT, ""))

    @property
    def namespace(self) -> str:
        """That which takes the place of the context's."""
        return str(self.values.get(NAMESPACE, ""))
