"""What must be shown to nobody, taken out of whatever is shown: log lines, errors, `-v`. The one place that does.

Two nets: what is known to be a secret, because a client was handed it (`remember`), is masked wherever it turns up and
in each form that it may have; and what stands where secrets stand (a header, a key of a document, a part of a URL) is
masked whatever it is.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from kubectl_lrs.model.units import printable

MASK = "<masked>"
MAX_TEXT = 300
"""Characters of somebody else's words that are shown."""

SURE = 8
SHORTEST = 4
"""Characters: from SURE on a secret is masked even inside of a word; shorter ones only as words, the shortest not at all."""

# ---- where secrets stand

_NAME = re.compile(
    r"passw|passphrase|pwd$|secret|token|credential|authorization|cookie|signature|docker.?c(onfi|f)g|"
    r"(api|private|access|account|shared|encryption|customer).?key|connection.?string|^auths?$|^sas$",
    re.IGNORECASE,
)
"""Names of keys, headers, parameters and options that hold secrets, in anybody's documents."""

_PARAMETER = re.compile(
    r"^(sig|key|jwt|code|_?state|policy|assertion|delegation|authmechanismproperties|key-pair-id|upload_id|"
    r"awsaccesskeyid|googleaccessid|x-(amz|goog|oss|obs)-.*)$",
    re.IGNORECASE,
)
"""Parameters of URLs besides: those of presigned URLs, of OAuth, of WebHDFS, of MongoDB, of Google's uploads."""

_HEADER = re.compile(r"^x-(registry-(auth|config)|auth|amz-.*customer-key.*|guploader-uploadid)$", re.IGNORECASE)
"""Headers besides."""

_ADDRESSES = frozenset(("location", "content-location", "link", "referer"))
"""Headers that hold URLs."""

_OPTION = re.compile(r"key|secret|token|pass|sas|cred|connection", re.IGNORECASE)
"""Options of storages are each library's own: rather too many than one too few."""

OPAQUE = frozenset(("spec", "stringData", "binaryData", "annotations"))
"""Parts of Kubernetes' objects in which any string may be a credential: an LRS has them in its environment variables."""

OURS = ("SelfSubjectAccessReview",)  # no set: in a schema that is shown, what stands under `kind` is no text
"""Kinds whose spec is no secret: it is our own question."""


# ---- what is known

_known: dict[str, None] = {}
_lock = threading.Lock()


def remember(*secrets: str) -> None:
    """From now on these are masked wherever they turn up."""
    with _lock:
        for secret in secrets:
            if len(secret) >= SHORTEST and secret not in _known:
                _known.update(dict.fromkeys(_forms(secret)))


def remember_url(url: str) -> None:
    """The secrets in a URL: from now on masked wherever they turn up."""
    remember(*secrets_of_url(url))


def forget() -> None:
    """Nothing is known any more. For tests."""
    with _lock:
        _known.clear()


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    if len(secret) >= SURE:
        yield base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode()


def known(text: str, secrets: Collection[str] = ()) -> str:
    """The text without what is known to be secret, and without `secrets`."""
    with _lock:
        every = [*_known, *(form for secret in secrets if secret for form in _forms(secret))]
    for secret in sorted((each for each in every if each in text), key=len, reverse=True):
        text = text.replace(secret, MASK) if len(secret) >= SURE else re.sub(_as_word(secret), MASK, text)
    return text


def _as_word(secret: str) -> str:
    return rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"


# ---- words

_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://[^\s\"'<>]+")
_QUERY = re.compile(r"(?<=[^\s?])[?#][^\s'\")]+=[^\s'\")]*")


def text(value: object, secrets: Collection[str] = (), *, limit: int = MAX_TEXT) -> str:
    """Words of a server or a library: one line, no secrets, and no queries of URLs, which may hold some."""
    said = _masked_queries(_QUERY.sub("?...", known(str(value), secrets)))
    return _shortened(printable(" ".join(_URL.sub(_without_userinfo, said).split())), limit)


def shown(value: object, *, limit: int = MAX_TEXT) -> str:
    """A path, a name or a URL as it is: one line, no secrets."""
    return _shortened(printable(_URL.sub(_without_userinfo, known(str(value)))), limit)


def _shortened(said: str, limit: int) -> str:
    return said if len(said) <= limit else f"{said[:limit]}..."


def _without_userinfo(match: re.Match[str]) -> str:
    scheme, _, rest = match[0].partition("://")
    authority, rest = _authority(scheme, rest)
    info, at, host = authority.rpartition("@")
    user, colon, _ = info.partition(":")
    if scheme.lower() in ("http", "https") and at:
        return f"{scheme}://{MASK}@{host}{rest}"
    return f"{scheme}://{f'{user}:{MASK}' if colon else info}{at}{host}{rest}"


# ---- URLs


def url(value: str) -> str:
    """A URL with its query, in which the secrets are masked."""
    return known(_URL.sub(_without_userinfo, _masked_queries(value)))


_HOSTS = re.compile(r"((\[[^\]]*\]|[^:@\[\]]*)(:\d*)?(,|$))*")
_CHUNK = re.compile(r"(?<=[?&#;])[^&#\s]+")
_NAMED = re.compile(r"(?:^|[;?])([^=;?]+)=")


def _authority(scheme: str, rest: str) -> tuple[str, str]:
    """(what stands before the path, the path and all that follows).

    A password may hold a bare "/", "?" or "#", wrong as that is: what stands in the place of a port and is none is one.
    """
    end = len(re.split("[/?#]", rest, maxsplit=1)[0])
    before, _, behind = rest.partition("?")
    is_mongo = scheme.lower().startswith("mongodb")  # what follows its hosts has no "@"
    is_odd = "@" not in rest[:end] and not _HOSTS.fullmatch(rest[:end])
    at = before.rfind("@") if is_mongo or is_odd else -1
    if at < 0 and is_odd and "@" in behind:
        at = rest.rfind("@")
    if at > end:
        end = at + len(re.split("[/?#]", rest[at:], maxsplit=1)[0])
    return rest[:end], rest[end:]


def _masked_queries(value: str) -> str:
    return _CHUNK.sub(_masked_chunk, value)


def _masked_chunk(match: re.Match[str]) -> str:
    """What stands between two `&`. Some readers part it at `;` too: so all behind the name of a secret may be that secret."""
    for start in _secret_values(match[0]):
        return f"{match[0][:start]}{MASK}"
    return match[0]


def _secret_values(chunk: str) -> Iterator[int]:
    """Where values begin that are secret."""
    return (named.end() for named in _NAMED.finditer(chunk) if is_parameter(named[1]))


def is_parameter(name: str) -> bool:
    """Whether a parameter of a URL holds a secret."""
    name = unquote(name)
    return bool(_PARAMETER.search(name) or _NAME.search(name))


def secrets_of_url(value: str) -> list[str]:
    """What in a URL is secret: a password before its host, the values of parameters that hold one."""
    scheme, _, rest = value.partition("://")
    authority, rest = _authority(scheme, rest)
    found = [authority.rpartition("@")[0].partition(":")[2]]
    for chunk in _CHUNK.findall(rest):
        for named in _NAMED.finditer(chunk):
            if is_parameter(named[1]):
                whole = chunk[named.end() :]
                found += [part for text_ in (whole, whole.partition(";")[0]) for part in _parts(unquote(named[1]), text_)]
    meant = (form for secret in found for form in (secret, unquote(secret), unquote_plus(secret)))
    return [secret for secret in dict.fromkeys(meant) if secret]


def _parts(name: str, value: str) -> Iterator[str]:
    """`authMechanismProperties` are several pairs, of which those may be shown that hold no secret."""
    if name.lower() != "authmechanismproperties":
        yield value
        return
    for pair in (*value.split(","), *unquote(value).split(",")):
        key, _, secret = pair.partition(":")
        if _NAME.search(key):
            yield secret


def origin(value: str) -> str:
    """A URL's scheme, host and port, and nothing else of it."""
    parts = urlsplit(value)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = None
    return shown(f"{parts.scheme}://{host}{f':{port}' if port else ''}")


# ---- headers, documents, bodies


def headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of a request or an answer."""
    return [(name, _header(name, value)) for name, value in pairs]


def is_header(name: str) -> bool:
    """Whether a header holds a secret."""
    return bool(_HEADER.search(name) or _NAME.search(name))


def _header(name: str, value: str) -> str:
    if not is_header(name):
        return url(value) if name.lower() in _ADDRESSES else value
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {MASK}" if rest and name.lower().endswith("authorization") else MASK


def credentials_of(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The secrets of a request's headers as they stand, so that an answer which says them back does not show them."""
    found = [value.partition(" ")[2] or value for name, value in pairs if is_header(name)]
    return [secret for secret in found if len(secret) >= SURE]


def body(data: bytes | None) -> str:
    """A JSON body with its secrets masked; anything else is counted only, as nothing tells what it holds."""
    try:
        found = json.loads(data or b"")
    except (ValueError, RecursionError):
        return f"({len(data or b'')} bytes that are not JSON)"
    return known(json.dumps(document(found), separators=(",", ":"), ensure_ascii=False))


def document(value: Any, *, is_opaque: bool = False) -> Any:
    """The same document with every string that may be a credential masked: by the name of its key, or where it stands."""
    if isinstance(value, Mapping):
        patch = "op" in value and "path" in value
        return {key: _member(value, str(key), is_opaque=is_opaque or (patch and key == "value")) for key in value}
    if isinstance(value, list):
        return [document(each, is_opaque=is_opaque) for each in value]
    if is_opaque and not isinstance(value, bool) and value is not None:
        return MASK
    return url(value) if isinstance(value, str) else value


def _member(whole: Mapping[str, Any], key: str, *, is_opaque: bool) -> Any:
    member = whole[key]
    hidden = key in OPAQUE and whole.get("kind") not in OURS
    hidden = hidden or (key == "data" and isinstance(member, Mapping)) or _NAME.search(key) is not None
    return document(member, is_opaque=is_opaque or hidden)


def secrets_of(options: Any, name: str = "") -> Iterator[str]:
    """The values in the options of a storage that may be shown to nobody."""
    if isinstance(options, Mapping):
        for key, value in options.items():
            yield from secrets_of(value, f"{name}.{key}")
    elif isinstance(options, (list, tuple)):
        for value in options:
            yield from secrets_of(value, name)
    elif isinstance(options, str) and len(options) >= SHORTEST and _OPTION.search(name):
        yield options
