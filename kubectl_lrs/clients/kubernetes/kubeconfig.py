"""Which API server to talk to, and as whom: kubeconfig files, kubectl's generic flags, or a pod's service account.

The same precedence and the same refusals as client-go (`tools/clientcmd`). The `kubernetes` package has a loader of
its own; it knows neither the flags nor impersonation nor a token that expires in mid-run, and importing it takes
longer than a small backup, so it is not used for this.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from kubectl_lrs.clients.kubernetes import kubeconfig_files
from kubectl_lrs.clients.kubernetes.kubeconfig_files import DIRECTORY, Entry
from kubectl_lrs.model.errors import UnreachableError, UsageError
from kubectl_lrs.model.guard import Guard
from kubectl_lrs.runtime.paths import is_file

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

EXEC_V1 = "client.authentication.k8s.io/v1"
EXEC_V1BETA1 = "client.authentication.k8s.io/v1beta1"
INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")
PROXY_SCHEMES = ("http", "https", "socks5")
"""What client-go accepts in a proxy-url."""


@dataclass(frozen=True, kw_only=True)
class KubeFlags:
    """kubectl's generic flags, empty where they were not given.

    `default_context` and `default_namespace`: in place of those that the kubeconfig has by itself. `guard`: which cluster it
    must be.
    """

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
    default_context: str = ""
    default_namespace: str = ""
    guard: Guard | None = None

    @property
    def names_namespace(self) -> bool:
        """Whether the namespace is not the one that the kubeconfig has by itself."""
        return bool(self.namespace or self.default_namespace)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where to connect and with which credentials.

    `*_data` are PEM bytes; `exec` is the kubeconfig's own section, only where it is to be used; `impersonate` holds the
    headers with their values as they go over the wire (UTF-8 read as Latin-1). `told_uid` is that of the cluster as whoever
    calls knows it, where the server does not tell it.
    """

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
    told_uid: str = ""


def load(flags: KubeFlags, environment: Mapping[str, str], *, service_account: Path = SERVICE_ACCOUNT) -> Connection:
    """The connection that kubectl would use with these flags in this environment.

    UsageError: flags or files are wrong. UnreachableError: there is no configuration at all. `service_account` is the
    folder that a pod finds its own token, CA and namespace in.
    """
    merged = kubeconfig_files.read(flags.kubeconfig, environment)
    in_pod = _is_in_pod(environment, service_account)
    # A pod has no contexts: what a file of settings calls its cluster elsewhere says nothing there.
    default_context = "" if in_pod and not merged.contexts else flags.default_context
    context_name = flags.context or default_context or merged.current_context
    context = _named(merged.contexts, context_name, "context")
    user = _part(merged.users, flags.user, context.get("user", ""), "user", is_replaced=_has_credentials(flags))
    cluster = _part(merged.clusters, flags.cluster, context.get("cluster", ""), "cluster", is_replaced=bool(flags.server))
    server = flags.server or cluster.get("server") or environment.get("KUBERNETES_MASTER", "")
    named = flags.namespace or flags.default_namespace
    namespace = named or context.get("namespace") or (_pod_namespace(environment, service_account) if in_pod else "")
    if not server:
        if not in_pod:
            raise _no_cluster(merged)
        return _in_cluster(flags, environment, service_account, namespace or "default")
    _check_cluster(cluster, flags)
    _check_user(user, flags)
    url = _server(server)
    return Connection(
        server=url,
        namespace=namespace or "default",
        context=context_name,
        impersonate=_impersonate(flags, user),
        **_cluster_part(flags, cluster, url),
        **(_user_part(flags, user) if url.startswith("https:") else {}),
    )


def names(flags: KubeFlags, environment: Mapping[str, str], section: str) -> list[str]:
    """The names of all `contexts`, `clusters` or `users`, sorted."""
    entries: dict[str, Entry] = getattr(kubeconfig_files.read(flags.kubeconfig, environment), section)
    return sorted(entries)


# ---- which entries


def _named(entries: Mapping[str, Entry], name: str, what: str) -> Entry:
    if not name:
        return {}
    if name not in entries:
        known = f"the kubeconfig has {', '.join(sorted(entries))}" if entries else "the kubeconfig has none"
        raise UsageError(f"{what} {name!r} does not exist", hint=known)
    return entries[name]


def _part(entries: Mapping[str, Entry], flag: str, of_context: str, what: str, *, is_replaced: bool) -> Entry:
    """The entry that the flag names, else the context's; a context may name a missing one where flags stand in for it."""
    if not flag and is_replaced and of_context not in entries:
        return {}
    return _named(entries, flag or of_context, what)


def _has_credentials(flags: KubeFlags) -> bool:
    return bool(flags.token or flags.client_certificate or flags.username)


def _no_cluster(merged: kubeconfig_files.Merged) -> UsageError | UnreachableError:
    if merged.clusters:
        return UsageError(
            "the kubeconfig names no cluster to talk to: it has no current context",
            hint="choose one with --context, or with: kubectl config use-context NAME",
        )
    return UnreachableError(
        "no cluster is configured: no kubeconfig was found, and this is not a pod",
        hint="set KUBECONFIG, or give --kubeconfig or --server",
    )


# ---- the server


def _check_cluster(cluster: Entry, flags: KubeFlags) -> None:
    if flags.certificate_authority and flags.insecure_skip_tls_verify:
        raise UsageError("--certificate-authority and --insecure-skip-tls-verify exclude each other")
    if flags.certificate_authority or flags.insecure_skip_tls_verify:
        return  # either of them takes the place of what the kubeconfig says
    ways = [key for key in ("certificate-authority", "certificate-authority-data") if cluster.get(key)]
    if len(ways) > 1:
        raise UsageError("kubeconfig: the cluster has both certificate-authority and certificate-authority-data")
    if ways and cluster.get("insecure-skip-tls-verify"):
        raise UsageError(f"kubeconfig: the cluster has both {ways[0]} and insecure-skip-tls-verify")


def _cluster_part(flags: KubeFlags, cluster: Entry, url: str) -> dict[str, Any]:
    """A flag for the CA or against checking takes the place of both in the file; --server drops the file's server name."""
    if flags.certificate_authority:
        insecure, ca_data = False, _read_pem(flags.certificate_authority, "--certificate-authority")
    elif flags.insecure_skip_tls_verify:
        insecure, ca_data = True, b""
    else:
        insecure, ca_data = bool(cluster.get("insecure-skip-tls-verify")), _data_or_file(cluster, "certificate-authority")
    part = {
        "ca_data": ca_data,
        "insecure": insecure,
        "tls_server_name": flags.tls_server_name or ("" if flags.server else cluster.get("tls-server-name", "")),
        "proxy_url": _proxy_url(cluster.get("proxy-url", "")),
        "disable_compression": flags.disable_compression or bool(cluster.get("disable-compression")),
    }
    return {**part, "exec_cluster": _exec_cluster(cluster, url, part)}


def _server(text: str) -> str:
    """The URL of a server as kubectl understands it: `host:port` is http, blanks and a last slash do not count."""
    url = text.strip()
    if "://" not in url:
        url = f"http://{url}"
    return url.rstrip("/")


def _proxy_url(url: str) -> str:
    if url and urlsplit(url).scheme not in PROXY_SCHEMES:
        raise UsageError(f"kubeconfig: proxy-url {url!r}: not a URL of {', '.join(PROXY_SCHEMES)}")
    return url


def _exec_cluster(cluster: Entry, url: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """`spec.cluster` of an ExecCredential, for plugins that ask for it with provideClusterInfo."""
    ca_data = base64.b64encode(part["ca_data"]).decode()
    facts = {
        "server": url,
        "tls-server-name": part["tls_server_name"],
        "insecure-skip-tls-verify": part["insecure"],
        "certificate-authority-data": ca_data,
        "proxy-url": part["proxy_url"],
        "disable-compression": part["disable_compression"],
    }
    config = None
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            config = extension.get("extension")
    return {**{key: value for key, value in facts.items() if value}, "config": config}


# ---- the user


def _check_user(user: Entry, flags: KubeFlags) -> None:
    """What client-go refuses: two ways to authenticate, half a certificate, an exec section that says too little."""
    methods = ["token"] if flags.token or user.get("token") else []
    methods += ["basic auth"] if any((flags.username, flags.password, user.get("username"), user.get("password"))) else []
    if len(methods) > 1:
        raise UsageError(f"more than one authentication method: {' and '.join(methods)}; only one is allowed")
    _check_certificate(user, flags)
    if "exec" in user:
        _check_exec(user["exec"])
    if user.get("auth-provider") and not (flags.token or user.get("token")):
        raise UsageError(
            f"the kubeconfig's user wants the auth-provider {user['auth-provider'].get('name', '')!r}, which is not supported",
            hint="use an exec credential plugin, or give --token",
        )


def _check_certificate(user: Entry, flags: KubeFlags) -> None:
    if not (flags.client_certificate or user.get("client-certificate") or user.get("client-certificate-data")):
        return
    for name, flag in (("client-certificate", flags.client_certificate), ("client-key", flags.client_key)):
        if not flag and user.get(name) and user.get(f"{name}-data"):
            raise UsageError(f"kubeconfig: the user has both {name} and {name}-data")
    if not (flags.client_key or user.get("client-key") or user.get("client-key-data")):
        raise UsageError("there is a client certificate, but no key for it", hint="name it with --client-key")


def _check_exec(section: Entry) -> None:
    where = "kubeconfig: the user's exec section"
    if not section.get("command"):
        raise UsageError(f"{where} names no command")
    version = section.get("apiVersion")
    if version not in (EXEC_V1, EXEC_V1BETA1):
        raise UsageError(f"{where}: apiVersion {version!r} is not one of {EXEC_V1}, {EXEC_V1BETA1}")
    mode = section.get("interactiveMode") or ("IfAvailable" if version == EXEC_V1BETA1 else "")
    if mode not in INTERACTIVE_MODES:
        raise UsageError(f"{where}: interactiveMode {mode!r} is not one of {', '.join(INTERACTIVE_MODES)}")
    if not all(variable.get("name") for variable in section.get("env") or ()):
        raise UsageError(f"{where}: env has a variable without a name")


def _user_part(flags: KubeFlags, user: Entry) -> dict[str, Any]:
    """Credentials, for https only. An exec plugin is asked where there is nothing else, as client-go does it."""
    part = {
        "client_certificate_data": _pem_of(flags.client_certificate, user, "client-certificate"),
        "client_key_data": _pem_of(flags.client_key, user, "client-key"),
        "token": flags.token or user.get("token", ""),
        "token_file": "" if flags.token else user.get("tokenFile", ""),
        "username": flags.username or user.get("username", ""),
        "password": flags.password or user.get("password", ""),
    }
    others = ("client_certificate_data", "token", "token_file", "username")
    return {
        **part,
        "exec": None if any(part[name] for name in others) else user.get("exec"),
        "exec_cwd": user.get(DIRECTORY, ""),
    }


def _impersonate(flags: KubeFlags, user: Entry) -> dict[str, tuple[str, ...]]:
    """The Impersonate-* headers, each with its values."""
    headers: dict[str, tuple[str, ...]] = {}
    if name := flags.impersonate_user or user.get("as"):
        headers["Impersonate-User"] = (name,)
    if uid := flags.impersonate_uid or user.get("as-uid"):
        headers["Impersonate-Uid"] = (uid,)
    if groups := flags.impersonate_groups or user.get("as-groups"):
        headers["Impersonate-Group"] = tuple(groups)
    for key, values in _extra(flags, user).items():
        headers[f"Impersonate-Extra-{quote(key, safe=_HEADER_SAFE)}"] = values
    if headers and "Impersonate-User" not in headers:
        raise UsageError("--as-uid, --as-group and --as-user-extra need --as", hint="name the user with --as")
    return {header: tuple(_header_value(value, header) for value in values) for header, values in headers.items()}


_HEADER_SAFE = "!#$&'*+-.^_`|~"
"""What may stand in a header's name beside letters and digits; the rest is percent-encoded, as the server expects it."""


def _header_value(text: str, header: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise UsageError(f"{text!r} cannot be sent as {header}: it has control characters")
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _extra(flags: KubeFlags, user: Entry) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    for item in flags.impersonate_extra:
        key, separator, value = item.partition("=")
        if not separator:
            raise UsageError(f"--as-user-extra {item!r}: write it as key=value")
        extra[key] = (*extra.get(key, ()), value)
    return {key: tuple(values) for key, values in (user.get("as-user-extra") or {}).items()} | extra


def _pem_of(flag: str, user: Entry, name: str) -> bytes:
    return _read_pem(flag, f"--{name}") if flag else _data_or_file(user, name)


def _data_or_file(entry: Entry, name: str) -> bytes:
    if inline := entry.get(f"{name}-data"):
        return base64.b64decode(inline)
    return _read_pem(entry[name], name) if entry.get(name) else b""


def _read_pem(path: str, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{what} {path}: cannot be read: {error.strerror}") from error


# ---- in a pod


def _is_in_pod(environment: Mapping[str, str], service_account: Path) -> bool:
    address = environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBERNETES_SERVICE_PORT")
    return bool(address) and os.path.isfile(service_account / "token")  # noqa: PTH113  never raises


def _pod_namespace(environment: Mapping[str, str], service_account: Path) -> str:
    """The pod's own; it is also the default beside a kubeconfig whose context names none."""
    if named := environment.get("POD_NAMESPACE"):
        return named
    try:
        return (service_account / "namespace").read_text().strip()
    except OSError:
        return ""


def pod_namespace(environment: Mapping[str, str], *, service_account: Path = SERVICE_ACCOUNT) -> str:
    """That of the pod that this is; empty where it is none."""
    return _pod_namespace(environment, service_account)


def _in_cluster(flags: KubeFlags, environment: Mapping[str, str], service_account: Path, namespace: str) -> Connection:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    own_ca = service_account / "ca.crt"
    if flags.certificate_authority:
        ca_data = _read_pem(flags.certificate_authority, "--certificate-authority")
    else:
        ca_data = own_ca.read_bytes() if is_file(own_ca) else b""
    return Connection(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=namespace,
        ca_data=ca_data,
        token=flags.token,
        token_file="" if flags.token else str(service_account / "token"),
        impersonate=_impersonate(flags, {}),
        disable_compression=flags.disable_compression,
    )
