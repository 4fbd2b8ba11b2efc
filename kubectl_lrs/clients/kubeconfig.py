"""Which API server to talk to, and as whom: kubeconfig files, kubectl's generic flags, or a pod's service account.

The same precedence as client-go (`tools/clientcmd`): flag over context over file order, first file wins. The
`kubernetes` package has a loader of its own; it knows neither the flags nor impersonation nor a token that expires
in mid-run, and importing it takes longer than a small backup, so it is not used for this.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kubectl_lrs.errors import UnreachableError, UsageError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, kw_only=True)
class KubeFlags:
    """kubectl's generic flags, empty where they were not given."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    certificate_authority: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    client_certificate: str = ""
    client_key: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    impersonate_user: str = ""
    impersonate_uid: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_extra: tuple[str, ...] = ()
    request_timeout: str = ""
    disable_compression: bool = False
    cache_dir: str = ""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where to connect and with which credentials. `*_data` are PEM bytes; `exec` is the kubeconfig's own section."""

    server: str
    namespace: str = "default"
    context: str = ""
    ca_data: bytes = b""
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    client_certificate_data: bytes = field(default=b"", repr=False)
    client_key_data: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    impersonate: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exec: Mapping[str, Any] | None = field(default=None, repr=False)
    exec_cwd: str = ""
    exec_cluster: Mapping[str, Any] = field(default_factory=dict, repr=False)


def load(flags: KubeFlags, environment: Mapping[str, str]) -> Connection:
    """The connection that kubectl would use with these flags in this environment."""
    merged = _merge(_files(flags, environment))
    if not merged.clusters and not flags.server:
        return _in_cluster(flags, environment)
    context_name = flags.context or merged.current_context
    context = _named(merged.contexts, context_name, "context")
    cluster = _named(merged.clusters, flags.cluster or context.get("cluster", ""), "cluster")
    user = _named(merged.users, flags.user or context.get("user", ""), "user")
    if not (flags.server or cluster.get("server")):
        raise UsageError(
            "the kubeconfig names no cluster to talk to: it has no current context",
            hint="choose one with --context, or with: kubectl config use-context NAME",
        )
    return Connection(
        namespace=flags.namespace or context.get("namespace") or "default",
        context=context_name,
        **_cluster_part(flags, cluster),
        **_user_part(flags, user),
    )


def context_names(flags: KubeFlags, environment: Mapping[str, str]) -> list[str]:
    """The names of all contexts, for completion."""
    return sorted(_merge(_files(flags, environment)).contexts)


@dataclass
class _Merged:
    """All kubeconfig files as one; each entry's relative paths are already resolved against its own file."""

    clusters: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)
    current_context: str = ""


def _files(flags: KubeFlags, environment: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    if flags.kubeconfig:
        path = Path(flags.kubeconfig)
        if not path.exists():
            raise UsageError(f"--kubeconfig {path}: no such file")
        yield path, _read(path)
        return
    listed = environment.get("KUBECONFIG", "")
    home = environment.get("HOME") or str(Path("~").expanduser())
    names = [name for name in listed.split(os.pathsep) if name] if listed else [f"{home}/.kube/config"]
    for path in map(Path, dict.fromkeys(names)):
        if path.exists():
            yield path, _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise UsageError(f"kubeconfig {path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"kubeconfig {path}: not YAML: {_first_line(error)}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"kubeconfig {path}: not a kubeconfig: it holds no mapping")
    return document


def _first_line(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).split("\n", 1)[0]


_PATH_FIELDS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
    "contexts": (),
}


def _merge(files: Iterator[tuple[Path, dict[str, Any]]]) -> _Merged:
    merged = _Merged()
    for path, document in files:
        for section, fields in _PATH_FIELDS.items():
            target: dict[str, dict[str, Any]] = getattr(merged, section)
            for name, entry in _entries(document, section, path):
                target.setdefault(name, {**entry, **_resolved(entry, fields, path), "_directory": str(path.parent)})
        merged.current_context = merged.current_context or str(document.get("current-context") or "")
    return merged


def _entries(document: Mapping[str, Any], section: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        for item in document.get(section) or ():
            yield str(item["name"]), dict(item.get(section[:-1]) or {})
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UsageError(f"kubeconfig {path}: {section}: not a list of named entries") from error


def _resolved(entry: Mapping[str, Any], fields: tuple[str, ...], path: Path) -> dict[str, str]:
    return {name: str(path.parent.resolve() / entry[name]) for name in fields if entry.get(name)}


def _named(entries: Mapping[str, dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    if not name:
        return {}
    if name not in entries:
        known = f"the kubeconfig has {', '.join(sorted(entries))}" if entries else "the kubeconfig has none"
        raise UsageError(f"{what} {name!r} does not exist", hint=known)
    return entries[name]


def _cluster_part(flags: KubeFlags, cluster: Mapping[str, Any]) -> dict[str, Any]:
    insecure = flags.insecure_skip_tls_verify or bool(cluster.get("insecure-skip-tls-verify"))
    if flags.certificate_authority:
        if flags.insecure_skip_tls_verify:
            raise UsageError("--certificate-authority and --insecure-skip-tls-verify exclude each other")
        insecure, ca_data = False, _read_pem(flags.certificate_authority, "--certificate-authority")
    elif insecure:
        ca_data = b""
    else:
        ca_data = _data_or_file(cluster, "certificate-authority")
    return {
        "server": _server(flags.server or str(cluster.get("server", ""))),
        "ca_data": ca_data,
        "insecure": insecure,
        "tls_server_name": flags.tls_server_name or str(cluster.get("tls-server-name") or ""),
        "proxy_url": str(cluster.get("proxy-url") or ""),
        "disable_compression": flags.disable_compression or bool(cluster.get("disable-compression")),
        "exec_cluster": _exec_cluster(cluster),
    }


def _server(text: str) -> str:
    """The URL of a server as kubectl understands it: `host:port` is http, blanks and a last slash do not count."""
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    return url.rstrip("/")


def _exec_cluster(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """`spec.cluster` of an ExecCredential, for plugins that ask for it with provideClusterInfo."""
    facts = {key: value for key, value in cluster.items() if key not in ("_directory", "extensions", "certificate-authority")}
    if not facts.get("certificate-authority-data") and cluster.get("certificate-authority"):
        pem = _read_pem(str(cluster["certificate-authority"]), "certificate-authority")
        facts["certificate-authority-data"] = base64.b64encode(pem).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            facts["config"] = extension.get("extension")
    return facts


def _user_part(flags: KubeFlags, user: Mapping[str, Any]) -> dict[str, Any]:
    if user.get("auth-provider") and not (flags.token or user.get("token")):
        name = (user["auth-provider"] or {}).get("name", "")
        raise UsageError(
            f"the kubeconfig's user wants the auth-provider {name!r}, which is not supported",
            hint="use an exec credential plugin, or give --token",
        )
    token = flags.token or str(user.get("token") or "")
    return {
        "client_certificate_data": _pem_of(flags.client_certificate, user, "client-certificate"),
        "client_key_data": _pem_of(flags.client_key, user, "client-key"),
        "token": token,
        "token_file": "" if flags.token else str(user.get("tokenFile") or ""),
        "username": flags.username or str(user.get("username") or ""),
        "password": flags.password or str(user.get("password") or ""),
        "impersonate": _impersonate(flags, user),
        "exec": None if token else user.get("exec"),
        "exec_cwd": str(user.get("_directory", "")),
    }


def _impersonate(flags: KubeFlags, user: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The Impersonate-* headers, each with its values."""
    headers: dict[str, tuple[str, ...]] = {}
    if name := flags.impersonate_user or user.get("as"):
        headers["Impersonate-User"] = (str(name),)
    if uid := flags.impersonate_uid or user.get("as-uid"):
        headers["Impersonate-Uid"] = (str(uid),)
    if groups := flags.impersonate_groups or tuple(user.get("as-groups") or ()):
        headers["Impersonate-Group"] = tuple(map(str, groups))
    for key, values in _extra(flags, user).items():
        headers[f"Impersonate-Extra-{key}"] = values
    if headers and "Impersonate-User" not in headers:
        raise UsageError("--as-uid, --as-group and --as-user-extra need --as", hint="name the user with --as")
    return headers


def _extra(flags: KubeFlags, user: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if not flags.impersonate_extra:
        return {str(k): tuple(map(str, v)) for k, v in (user.get("as-user-extra") or {}).items()}
    extra: dict[str, tuple[str, ...]] = {}
    for item in flags.impersonate_extra:
        key, separator, value = item.partition("=")
        if not separator:
            raise UsageError(f"--as-user-extra {item!r}: write it as key=value")
        extra[key] = (*extra.get(key, ()), value)
    return extra


def _pem_of(flag: str, user: Mapping[str, Any], name: str) -> bytes:
    return _read_pem(flag, f"--{name}") if flag else _data_or_file(user, name)


def _data_or_file(entry: Mapping[str, Any], name: str) -> bytes:
    if inline := entry.get(f"{name}-data"):
        try:
            return base64.b64decode(str(inline), validate=False)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"kubeconfig: {name}-data is not base64") from error
    return _read_pem(str(entry[name]), name) if entry.get(name) else b""


def _read_pem(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{what} {path}: cannot be read: {error.strerror}") from error


def _in_cluster(flags: KubeFlags, environment: Mapping[str, str]) -> Connection:
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not (host and port and (SERVICE_ACCOUNT / "token").exists()):
        raise UnreachableError(
            "no cluster is configured: no kubeconfig was found, and this is not a pod",
            hint="set KUBECONFIG, or give --kubeconfig or --server",
        )
    own_namespace = SERVICE_ACCOUNT / "namespace"
    return Connection(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=flags.namespace or (own_namespace.read_text().strip() if own_namespace.exists() else "default"),
        ca_data=(SERVICE_ACCOUNT / "ca.crt").read_bytes(),
        token=flags.token,
        token_file="" if flags.token else str(SERVICE_ACCOUNT / "token"),
        impersonate=_impersonate(flags, {}),
        disable_compression=flags.disable_compression,
    )
