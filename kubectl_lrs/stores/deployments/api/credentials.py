"""Which DataRobot API to talk to, and as whom: URL and token always come from one and the same source.

A token is never taken from the command line, and it appears in no message, repr or file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.paths import expanded, is_file
from kubectl_lrs.stores.deployments.flags import ApiOptions

PAIRS = (("LRS_DATAROBOT_URL", "LRS_DATAROBOT_API_TOKEN"), ("DATAROBOT_ENDPOINT", "DATAROBOT_API_TOKEN"))
"""Environment variables that hold URL and token: the vendor's page, and the wider ecosystem's."""

CONFIG_VARIABLE = "DATAROBOT_CONFIG_FILE"
CONFIG_FILE = ".config/datarobot/drconfig.yaml"
API_PATH = "/api/v2"
MAX_FILE = 1 << 20

if TYPE_CHECKING:
    from kubectl_lrs.clients.tls import Tls

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_CONFIG = re.compile(r"^\s*(endpoint|token)\s*:", re.MULTILINE)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:_-]+")

Ask = Callable[[str], str]
"""Asks the person at the terminal for a secret; what it is told is the question."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """One API as one user. `endpoint` ends in `/api/v2`; `source` says where URL and token are from, for messages, and
    `token_source` where the token is, if that has a name of its own.

    `verify` is True, False, or the path of a CA bundle, which `verify_source` names. `scheme` is one of `flags.SCHEMES`.
    """

    endpoint: str
    token: str = field(repr=False)
    source: str
    token_source: str = ""
    verify: bool | str = True
    verify_source: str = "--api-ca-file"
    scheme: str = "auto"

    def tls(self, environment: Mapping[str, str]) -> Tls:
        """Whose certificates are accepted; UsageError where a bundle cannot be used."""
        from kubectl_lrs.clients.tls import Tls, from_files

        if self.verify is False:
            return Tls(insecure=True)
        return from_files(self.verify if isinstance(self.verify, str) else "", environment, flag=self.verify_source)

    @property
    def is_in_clear(self) -> bool:
        """Whether others on the network can read the token."""
        from kubectl_lrs.clients.addresses import host_of, is_loopback

        return self.endpoint.startswith("http://") and not is_loopback(host_of(self.endpoint))


def accesses(flags: ApiOptions, environment: Mapping[str, str], *, home: Path, ask: Ask | None) -> list[Access]:
    """One per token. `ask` is None where there is nobody to ask. UsageError where there is none at all."""
    found = _from_flags(flags, environment, home, ask) if flags.url or flags.token_files else _found(environment, home, ask)
    if not found:
        names = " and ".join(PAIRS[0])
        raise UsageError(
            "no DataRobot API is named, and no token for it",
            hint=f"set {names}, or give --url with --org-token-file",
        )
    made = [
        replace(
            each,
            verify=flags.ca_file or each.verify,
            verify_source="--api-ca-file" if flags.ca_file else each.verify_source,
            scheme=flags.scheme,
        )
        for each in found
    ]
    for each in made:
        each.tls(environment)  # a bundle that cannot be used is said before anything is asked
    return made


def is_given(flags: ApiOptions, environment: Mapping[str, str]) -> bool:
    """Whether the user named an API for this call; a configuration file that merely lies in the home folder does not."""
    names = [name for pair in PAIRS for name in pair] + [CONFIG_VARIABLE]
    return bool(flags.url or flags.token_files or any(environment.get(name, "").strip() for name in names))


def _from_flags(flags: ApiOptions, environment: Mapping[str, str], home: Path, ask: Ask | None) -> list[Access]:
    if flags.token_files:
        url, named_by = _url_of(flags, environment)
        return [_from_token_file(Path(name), url, named_by) for name in flags.token_files]
    endpoint = normalise(flags.url, what="--url")
    same = [each for each in _found(environment, home, None, lenient=True) if each.endpoint == endpoint]
    if same:
        return same
    if ask is None:
        raise UsageError(
            f"--url {endpoint}: there is no token for it; one that belongs to another URL is never sent there",
            hint="name a file that holds it with --org-token-file",
        )
    return [Access(endpoint=endpoint, token=_checked(ask(f"API token for {endpoint}"), "the token"), source="--url")]


def _url_of(flags: ApiOptions, environment: Mapping[str, str]) -> tuple[str, str]:
    """(URL, what names it): the flag, or what the user has exported; that is a word for where tokens go, and is shown."""
    exported = ((environment.get(name, "").strip(), name) for name, _ in PAIRS)
    return (flags.url, "--url") if flags.url else next((each for each in exported if each[0]), ("", ""))


def _from_token_file(path: Path, url: str, named_by: str) -> Access:
    """A file with nothing but the token, which goes to the URL that is named; or one like drconfig.yaml, with its own URL."""
    text = _read(path)
    where = f"token file {path}"
    if _CONFIG.search(text):
        access = _from_config(path, text)
        if url and named_by == "--url" and access.endpoint != normalise(url, what=named_by):
            raise UsageError(f"{where}: it belongs to {access.endpoint}, and --url names another", hint="give one of the two")
        return access
    if not url:
        raise UsageError(
            f"{where}: it holds a token and no URL, and neither --url nor {PAIRS[0][0]} is given",
            hint=f"give --url, export {PAIRS[0][0]}, or write endpoint: and token: into the file",
        )
    source = where if named_by == "--url" else f"{where}, URL of {named_by}"
    return Access(endpoint=normalise(url, what=named_by), token=_checked(text, where), source=source)


def _found(environment: Mapping[str, str], home: Path, ask: Ask | None, *, lenient: bool = False) -> list[Access]:
    """The first source that names anything; `lenient` passes over a pair of which one half is missing."""
    for pair in PAIRS:
        if any(environment.get(name, "").strip() for name in pair):
            access = _from_pair(pair, environment, None if lenient else ask)
            if access is None and not lenient:
                there, missing = sorted(pair, key=lambda name: not environment.get(name, "").strip())
                raise UsageError(
                    f"{there} is set and {missing} is not", hint="URL and token come from one source; set both or neither"
                )
            if access:
                return [access]
    if named := environment.get(CONFIG_VARIABLE, "").strip():
        return [_from_config(expanded(named), _read(expanded(named)))]
    default = home / CONFIG_FILE
    return [_from_config(default, _read(default))] if is_file(default) else []


def _from_pair(pair: tuple[str, str], environment: Mapping[str, str], ask: Ask | None) -> Access | None:
    url, token = (environment.get(name, "").strip() for name in pair)
    if not url or not (token or ask):
        return None
    endpoint = normalise(url, what=pair[0])
    if not token and ask:
        token = ask(f"API token for {endpoint}")
    return Access(endpoint=endpoint, token=_checked(token, pair[1]), source=pair[0], token_source=pair[1])


def _from_config(path: Path, text: str) -> Access:
    """`endpoint`, `token` and `ssl_verify` of a file like drconfig.yaml."""
    from kubectl_lrs.formats import yaml_reader

    try:
        document = yaml_reader.load(text.encode(), aliases=True)
    except yaml_reader.NotYamlError:  # its own message may quote the line, and so the token
        raise UsageError(f"{path}: not YAML") from None
    if not isinstance(document, dict) or not document.get("endpoint") or not document.get("token"):
        raise UsageError(f"{path}: it must hold endpoint: and token:")
    verify = document.get("ssl_verify", True)
    return Access(
        endpoint=normalise(str(document["endpoint"]), what=f"{path}: endpoint"),
        token=_checked(str(document["token"]), f"{path}: token"),
        source=str(path),
        verify=verify if isinstance(verify, (bool, str)) else True,
        verify_source=f"{path}: ssl_verify:",
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text") from None


def _checked(token: str, what: str) -> str:
    """The token without blanks around it; what it must not hold would be a second header, or end up in an error."""
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{what}: {'empty' if not token else 'it holds blanks or characters that no token has'}")
    return token


def normalise(url: str, *, what: str) -> str:
    """A URL as users write it (host alone, with or without `/api/v2`, slashes, blanks) → `https://host[:port][/prefix]/api/v2`."""
    text = url.strip()
    parts = urlsplit("" if re.search(r"\s", text) else text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or port == -1 or not _HOST.fullmatch(parts.netloc):
        shown = "it holds a password" if "@" in parts.netloc else repr(text)
        raise UsageError(f"{what}: {shown}: not an http or https URL", hint="write it like https://datarobot.example.com")
    if parts.query or parts.fragment:
        raise UsageError(f"{what}: {text!r}: a URL of an API has neither ? nor #")
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/").removesuffix(API_PATH)
    default = {"http": 80, "https": 443}[parts.scheme.lower()]
    host = parts.hostname.lower()
    netloc = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme.lower(), netloc if port in (None, default) else f"{netloc}:{port}", path + API_PATH, "", ""))


def require_distinct(found: Sequence[Access]) -> None:
    """UsageError where one token was given twice, or not all belong to one API."""
    if len({each.token for each in found}) < len(found):
        raise UsageError("the same token was given twice", hint="one --org-token-file for each organisation")
    if len({each.endpoint for each in found}) > 1:
        raise UsageError(
            f"the token files belong to different URLs: {', '.join(sorted({each.endpoint for each in found}))}",
            hint="run it once for each of them",
        )
