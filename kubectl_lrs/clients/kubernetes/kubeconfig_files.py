"""Kubeconfig files: read, checked against the types that client-go gives every field, merged. They are only read.

The first file that names a cluster, user or context decides all of it; a file that is not there does not count.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import paths

Entry = dict[str, Any]

DIRECTORY = "_directory"
"""Key of an entry under which the folder of its file is kept."""


@dataclass
class Merged:
    """All kubeconfig files as one; each entry's relative paths are already resolved against its own file."""

    clusters: dict[str, Entry] = field(default_factory=dict)
    users: dict[str, Entry] = field(default_factory=dict)
    contexts: dict[str, Entry] = field(default_factory=dict)
    current_context: str = ""


def read(explicit: str, environment: Mapping[str, str]) -> Merged:
    """The file that --kubeconfig names, else those of KUBECONFIG, else ~/.kube/config; UsageError for a broken one."""
    merged = Merged()
    for path, document in _documents(explicit, environment):
        for section, fields in _SECTIONS.items():
            target: dict[str, Entry] = getattr(merged, section)
            for name, entry in _entries(document, section, fields, path):
                target.setdefault(name, entry)
        merged.current_context = merged.current_context or _string(document, "current-context", f"kubeconfig {path}")
    return merged


def _documents(explicit: str, environment: Mapping[str, str]) -> Iterator[tuple[Path, Entry]]:
    if explicit:
        document = _document(Path(explicit))
        if document is None:
            raise UsageError(f"--kubeconfig {explicit}: no such file")
        yield Path(explicit), document
        return
    listed = environment.get("KUBECONFIG", "")
    home = environment.get("HOME") or str(paths.home())
    names = listed.split(os.pathsep) if listed else [f"{home}/.kube/config"]
    for path in (Path(name) for name in dict.fromkeys(names) if name):
        if (document := _document(path)) is not None:
            yield path, document


def _document(path: Path) -> Entry | None:
    """None where there is no such file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"kubeconfig {path}: cannot be read: {error.strerror}") from error
    document = _parsed(data, path)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"kubeconfig {path}: not a kubeconfig: it holds no mapping")
    if (document.get("kind") or "Config", document.get("apiVersion") or "v1") != ("Config", "v1"):
        raise UsageError(f"kubeconfig {path}: not a kubeconfig: it holds a {document.get('kind') or 'Config'}")
    return document


def _parsed(data: bytes, path: Path) -> Any:
    """JSON, which may be indented with tabs as YAML may not, or the first YAML document."""
    if data.lstrip().startswith(b"{"):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            pass
    from kubectl_lrs.formats import yaml_reader

    try:
        return yaml_reader.load(data, aliases=True, more=True)
    except yaml_reader.NotYamlError as error:
        raise UsageError(f"kubeconfig {path}: {error}") from error


def _entries(document: Entry, section: str, fields: Mapping[str, _Check], path: Path) -> Iterator[tuple[str, Entry]]:
    where = f"kubeconfig {path}: {section}"
    items = document.get(section) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError(f"{where}: not a list of named entries")
    seen: set[str] = set()
    for item in items:
        name = _string(item, "name", where)
        if name in seen:
            raise UsageError(f"{where}: {name!r} is there twice", hint="remove one of them, or give it another name")
        seen.add(name)
        entry = item.get(section[:-1]) or {}
        if not isinstance(entry, dict):
            raise UsageError(f"{where}: {name!r}: not a mapping")
        for key, check in fields.items():
            if entry.get(key) is not None:
                check(entry[key], f"{where}: {name!r}: {key}")
        yield name, _located(entry, path)


_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def _located(entry: Entry, path: Path) -> Entry:
    directory = os.path.abspath(path.parent)  # noqa: PTH100  as client-go: links are not followed
    resolved = {key: os.path.join(directory, entry[key]) for key in _PATHS if entry.get(key)}  # noqa: PTH118
    return {**{key: value for key, value in entry.items() if value is not None}, **resolved, DIRECTORY: directory}


_Check = Callable[[Any, str], None]


def _is(kind: type | tuple[type, ...], words: str) -> _Check:
    def check(value: Any, where: str) -> None:
        if not isinstance(value, kind):
            raise UsageError(f"{where}: not {words}", hint="put it in quotes" if kind is str else "")

    return check


def _base64(value: Any, where: str) -> None:
    _text(value, where)
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{where}: not base64") from error


def _list_of(check_item: _Check) -> _Check:
    def check(value: Any, where: str) -> None:
        _is(list, "a list")(value, where)
        for item in value:
            check_item(item, where)

    return check


_text = _is(str, "a string")
_flag = _is(bool, "true or false")
_mapping = _is(dict, "a mapping")
_texts = _list_of(_text)


def _extra(value: Any, where: str) -> None:
    _mapping(value, where)
    for key, values in value.items():
        _text(key, where)
        _texts(values, where)


def _exec(value: Any, where: str) -> None:
    _mapping(value, where)
    for key, check in _EXEC.items():
        if value.get(key) is not None:
            check(value[key], f"{where}: {key}")


def _variable(value: Any, where: str) -> None:
    _mapping(value, where)
    for key in ("name", "value"):
        _text(value.get(key) or "", where)


_EXEC: Mapping[str, _Check] = {
    "command": _text,
    "args": _texts,
    "env": _list_of(_variable),
    "apiVersion": _text,
    "installHint": _text,
    "provideClusterInfo": _flag,
    "interactiveMode": _text,
}

_SECTIONS: Mapping[str, Mapping[str, _Check]] = {
    "clusters": {
        "server": _text,
        "tls-server-name": _text,
        "insecure-skip-tls-verify": _flag,
        "certificate-authority": _text,
        "certificate-authority-data": _base64,
        "proxy-url": _text,
        "disable-compression": _flag,
        "extensions": _list_of(_mapping),
    },
    "users": {
        "client-certificate": _text,
        "client-certificate-data": _base64,
        "client-key": _text,
        "client-key-data": _base64,
        "token": _text,
        "tokenFile": _text,
        "as": _text,
        "as-uid": _text,
        "as-groups": _texts,
        "as-user-extra": _extra,
        "username": _text,
        "password": _text,
        "auth-provider": _mapping,
        "exec": _exec,
    },
    "contexts": {"cluster": _text, "user": _text, "namespace": _text},
}
"""What client-go accepts in each field. Source: client-go, `tools/clientcmd/api/v1/types.go`."""


def _string(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    _text(value, f"{where}: {key}")
    return str(value)
