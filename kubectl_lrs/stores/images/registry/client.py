"""The door to image registries: the distribution API of OCI, bytes in and out, every failure one of ours.

It knows repositories, manifests, blobs and uploads by their digests; which images matter is not its business. Whatever
is read is held against its digest while it is read.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from enum import Enum
from typing import IO, TYPE_CHECKING, NoReturn
from urllib.parse import quote, urljoin, urlsplit

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.stores.images.registry.auth import Authority
from kubectl_lrs.stores.images.registry.content import (
    ACCEPT,
    MAX_MANIFEST,
    Body,
    Manifest,
    MissingError,
    PushError,
    WrongContentError,
    digest_of,
    media_type_of,
)
from kubectl_lrs.stores.images.registry.credentials import Config, Keychain, Login
from kubectl_lrs.stores.images.registry.http import AGAIN, CHUNK, Http, HttpOptions, StoppedError, finish, finished, origin, words

if TYPE_CHECKING:
    import requests

HOSTS: Mapping[str, str] = {"docker.io": "registry-1.docker.io"}
"""Registries whose API is at another host than their name says."""
MAX_ERROR = 64 << 10
STALLS = 4
CUTS = 100
"""How often a blob is asked for again without a single new byte, and at all."""

UPLOADS = 4
"""How often an upload is begun."""

PULL, PUSH, DELETE = "pull", "pull,push", "pull,push,delete"
"""What a token is asked for: to give up an upload is a deletion."""

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class Push(str, Enum):
    """Whether a repository may be pushed to."""

    ALLOWED = "allowed"
    MISSING = "missing"
    DENIED = "denied"


Opener = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a blob anew for each attempt to upload it."""


class Registries:
    """The registries of a run, each by its name in references. Setting `stop` ends every wait."""

    def __init__(self, keychain: Keychain, options: HttpOptions, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self._http = Http(options, self.stop)
        self._keychain = keychain
        self._lock = threading.Lock()
        self._clients: dict[str, RegistryClient] = {}

    def add_logins(self, configs: Iterable[Config]) -> None:
        """Further places where credentials are looked for, after those that are known."""
        self._keychain.add(configs)

    def of(self, name: str) -> RegistryClient:
        """The registry of this name."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = RegistryClient(name, self._http, self._keychain)
            return self._clients[name]


class RegistryClient:
    """One registry. Safe to use from several threads."""

    def __init__(self, name: str, http: Http, keychain: Keychain) -> None:
        self.name = name
        self._host = HOSTS.get(name, name)
        self._http = http
        self._keychain = keychain
        self._lock = threading.Lock()
        self._url = ""
        self._authority = Authority(name, self._login, self._ask_token_server, http.may_go_to)

    def __repr__(self) -> str:
        return f"RegistryClient({self.name})"

    def _login(self, repository: str) -> Login | None:
        return self._keychain.login(self.name, repository)

    # ---- reading

    def digest_of(self, repository: str, reference: str) -> str:
        """The digest that a tag (or a digest) stands for; empty where the registry does not have it."""
        response = self._send("HEAD", repository, f"manifests/{reference}", headers={"Accept": ACCEPT})
        with finished(response):
            if response.status_code == 404:
                return ""
            self._require(response, repository, (200,))
            digest = response.headers.get("Docker-Content-Digest", "")
        if digest:
            return digest
        try:
            return self.manifest(repository, reference).digest
        except MissingError:
            return ""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest. MissingError, WrongContentError where it is larger than any or not what it should be."""
        what = f"{self.name}/{repository}{'@' if ':' in reference else ':'}{reference}"
        with finished(self._send("GET", repository, f"manifests/{reference}", headers={"Accept": ACCEPT})) as response:
            self._require(response, repository, (200,))
            data = self._bounded(response, MAX_MANIFEST, f"{what}: its manifest")
            said = response.headers.get("Docker-Content-Digest", "")
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        wanted = reference if ":" in reference else said
        digest = digest_of(data, wanted.partition(":")[0] if wanted else "sha256")
        if wanted and digest != wanted:
            raise WrongContentError(f"{what}: the registry gives a manifest whose digest is {digest}, not {words(wanted)}")
        return Manifest(data, digest, media_type_of(data, content_type, what))

    def blob(self, repository: str, digest: str, size: int, *, written: Callable[[], str] | None = None) -> Iterator[bytes]:
        """The bytes of a blob, checked while they pass: WrongContentError at the end where they are not those of the digest.

        `written`: gives the SHA-256 of what the caller has done with them so far, so that it is not computed twice.
        """
        algorithm = digest.partition(":")[0]
        hashing = None if written and algorithm == "sha256" else hashlib.new(algorithm)
        for data in self._resumed(repository, digest, size):
            if hashing:
                hashing.update(data)
            yield data
        actual = hashing.hexdigest() if hashing else written() if written else ""
        if f"{algorithm}:{actual}" != digest:
            raise WrongContentError(f"{self.name}/{repository}@{digest}: what the registry gives is not that blob")

    def _resumed(self, repository: str, digest: str, size: int) -> Iterator[bytes]:
        """So many bytes of a blob; where the connection breaks, what is left is asked for."""
        what = f"{self.name}/{repository}@{digest}"
        at, cuts, stalls = 0, 0, 0
        while at < size or not cuts:
            before = at
            try:
                for data in self._from(repository, digest, at):
                    at += len(data)
                    if at > size:
                        raise WrongContentError(f"{what}: longer than the {size} bytes that it has")
                    yield data
                reason = "" if at == size else "it ends too early"
            except _CutError as error:
                reason = str(error)
            if not reason:
                return
            cuts, stalls = cuts + 1, 0 if at > before else stalls + 1
            if stalls >= STALLS or cuts >= CUTS:
                kind = WrongContentError if reason == "it ends too early" else UnreachableError
                raise kind(f"{what}: it breaks off after {at} of {size} bytes: {reason}")
            self._http.pause(stalls)

    def _from(self, repository: str, digest: str, at: int) -> Iterator[bytes]:
        """The bytes from there on; _CutError where they end too early for what the server said."""
        headers = {"Range": f"bytes={at}-"} if at else {}
        with finished(self._send("GET", repository, f"blobs/{digest}", headers=headers)) as response:
            if response.status_code == 416:  # all of it is here already
                return
            self._require(response, repository, (200, 206))
            skip = at if response.status_code == 200 else self._skip(response, at)
            left = _length(response)
            for data in self._raw(response):
                left -= len(data)
                fresh = data[skip:]
                skip = max(0, skip - len(data))
                if fresh:
                    yield fresh
            if left > 0:
                raise _CutError(f"{left} bytes are missing")

    def _raw(self, response: requests.Response) -> Iterator[bytes]:
        """The bytes as they were sent: storage behind a registry may call a layer gzip-encoded, and it is not to be unpacked."""
        from urllib3.exceptions import HTTPError

        try:
            for data in response.raw.stream(CHUNK, decode_content=False):
                if self._http.stop.is_set():
                    raise StoppedError("stopped")
                yield data
        except (HTTPError, OSError) as error:
            raise _CutError(self._http.cause(error)) from error

    def _skip(self, response: requests.Response, at: int) -> int:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or int(match[1]) > at:
            raise UnreachableError(f"{self.name}: it answers a range of a blob with another one")
        return at - int(match[1])

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has a blob."""
        with finished(self._send("HEAD", repository, f"blobs/{digest}")) as response:
            if response.status_code == 404:
                return False
            self._require(response, repository, (200,))
            return True

    # ---- writing

    def probe(self, repository: str) -> tuple[Push, str]:
        """Whether a repository may be pushed to, and what the registry says where not: an upload is begun and given up."""
        with finished(self._begin_upload(repository)) as response:
            said = self._said(response)
            if response.status_code == 404:
                return Push.MISSING, said
            if response.status_code in (401, 403, 405):
                return Push.DENIED, said
            self._require(response, repository, (202,))
            self._give_up(response, repository)
        return Push.ALLOWED, ""

    def push_blob(self, repository: str, digest: str, opener: Opener, *, mount_from: str = "") -> bool:
        """Make a repository have a blob; whether it had to be sent. `mount_from`: another repository that may have it."""
        if self.has_blob(repository, digest):
            return False
        for attempt in range(1, UPLOADS + 1):
            with finished(self._begin_upload(repository, digest, mount_from if attempt == 1 else "")) as response:
                if response.status_code == 201:
                    return False
                self._require(response, repository, (202,))
                session = self._session_url(response)
            if self._put_blob(repository, session, digest, opener, last=attempt == UPLOADS):
                return True
            self._http.pause(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _put_blob(self, repository: str, session: str, digest: str, opener: Opener, *, last: bool) -> bool:
        """The whole blob in one request; False where it broke off in a way that may pass, unless this is the last attempt."""
        url = f"{session}{'&' if urlsplit(session).query else '?'}digest={quote(digest)}"
        headers = {"Content-Type": "application/octet-stream"}
        with opener() as file:
            try:
                body = Body(file, self._http.stop)
                response = self._authorised("PUT", url, repository, actions=PUSH, headers=headers, body=body, repeat=False)
            except UnreachableError:
                # Some registries break off in place of an answer; a blob that arrived all the same shows at the next look.
                if last and not self.has_blob(repository, digest):
                    raise
                return self.has_blob(repository, digest)
        with finished(response):
            if response.status_code in (*AGAIN, 404, 416) and not last:  # the session is lost
                return self.has_blob(repository, digest)
            self._require(response, repository, (201, 202, 204))
        return True

    def push_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Put a manifest under a tag or its digest. PushError where it is not taken."""
        response = self._send(
            "PUT",
            repository,
            f"manifests/{reference}",
            actions=PUSH,
            headers={"Content-Type": manifest.media_type},
            body=manifest.data,
        )
        with finished(response):
            self._require(response, repository, (201, 202))
            said = response.headers.get("Docker-Content-Digest", "")
        if said and said != manifest.digest:
            raise WrongContentError(f"{self.name}/{repository}:{reference}: pushed as {manifest.digest}, taken as {words(said)}")

    def _begin_upload(self, repository: str, digest: str = "", mount_from: str = "") -> requests.Response:
        """202: an upload may go on; 201: the blob was mounted. Where it may not be mounted it is uploaded."""
        if mount_from:
            query = f"?mount={quote(digest)}&from={quote(mount_from, safe='')}"
            response = self._send("POST", repository, f"blobs/uploads/{query}", actions=PUSH, mount_from=mount_from)
            if response.status_code in (201, 202):
                return response
            finish(response)
        return self._send("POST", repository, "blobs/uploads/", actions=PUSH)

    def _session_url(self, response: requests.Response) -> str:
        """Where an upload goes on. A registry behind a proxy may say http of itself; what was https stays so."""
        url = urljoin(response.url or self._base(), response.headers.get("Location", ""))
        if urlsplit(url).netloc == urlsplit(self._base()).netloc:
            return urlsplit(url)._replace(scheme=urlsplit(self._base()).scheme).geturl()
        if not self._http.may_go_to(url):
            raise UnreachableError(f"{self.name}: it wants an upload at another host, without TLS")
        return url

    def _give_up(self, response: requests.Response, repository: str) -> None:
        with suppress(LrsError):  # not every registry can; an upload that is not gone on with is cleared away in time
            finish(self._authorised("DELETE", self._session_url(response), repository, actions=DELETE, repeat=False))

    # ---- HTTP

    def _base(self) -> str:
        with self._lock:
            if not self._url:
                self._url = f"{'http' if self._http.speaks_plain(self._host) else 'https'}://{self._host}"
            return self._url

    def _send(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        actions: str = PULL,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        mount_from: str = "",
    ) -> requests.Response:
        url = f"{self._base()}/v2/{repository}/{path}"
        return self._authorised(method, url, repository, actions=actions, headers=headers, body=body, mount_from=mount_from)

    def _authorised(
        self,
        method: str,
        url: str,
        repository: str,
        *,
        actions: str = PULL,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        repeat: bool = True,
        mount_from: str = "",
    ) -> requests.Response:
        """Send; once more with another credential where the one at hand (or none) was refused. The registry's own answer."""
        scope = f"repository:{repository}:{actions}" + (f" repository:{mount_from}:pull" if mount_from else "")
        is_ours = origin(url) == origin(self._base())
        authorization = self._authority.header(repository, scope) if is_ours else ""
        for is_last in (False, True):
            response = self._http.send(
                method,
                url,
                headers=headers or {},
                authorization=authorization,
                body=body,
                repeat=repeat,
                secrets=self._authority.secrets,
            )
            if response.status_code != 401 or is_last or not is_ours or origin(response.url) != origin(url):
                break
            another = self._another(response.headers.get("WWW-Authenticate", ""), repository, scope, authorization)
            if not another:
                break
            finish(response)
            authorization = another
            if isinstance(body, Body):
                body.rewind()
        return response

    def _another(self, offered: str, repository: str, scope: str, refused: str) -> str:
        """Another credential than the one that was refused; a helper is asked again, as what it gave may have expired."""
        if not offered:
            return ""
        if found := self._authority.answer(offered, repository, scope, refused=refused):
            return found
        self._keychain.forget()
        return self._authority.answer(offered, repository, scope, refused=refused)

    def _ask_token_server(self, method: str, url: str, login: Login | None, form: Mapping[str, str] | None) -> requests.Response:
        from urllib.parse import urlencode

        return self._http.send(
            method,
            url,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if form else {},
            authorization=f"Basic {login.secrets[-1]}" if login and login.password else "",
            body=urlencode(form).encode() if form else None,
            secrets=self._authority.secrets,
        )

    def _bounded(self, response: requests.Response, limit: int, what: str) -> bytes:
        data = bytearray()
        try:
            for part in response.iter_content(CHUNK):
                data += part
                if len(data) > limit:
                    raise WrongContentError(f"{what} is larger than {limit >> 20} MiB")
        except OSError as error:
            raise UnreachableError(f"{self.name}: the connection breaks off: {self._http.cause(error)}") from error
        if _length(response) > len(data):
            raise UnreachableError(f"{self.name}: the connection breaks off: {_length(response) - len(data)} bytes are missing")
        return bytes(data)

    # ---- failures

    def _require(self, response: requests.Response, repository: str, wanted: tuple[int, ...]) -> None:
        if response.status_code not in wanted:
            self._refuse(response, repository)

    def _refuse(self, response: requests.Response, repository: str) -> NoReturn:
        status, said = response.status_code, self._said(response)
        what = f"{self.name}/{repository}"
        if status == 401:
            login = self._login(repository)
            if login is None:
                raise CredentialsError(
                    f"{what}: refused without credentials: {said}",
                    hint=f"log in with: docker login {self.name}, or see --registry-pull-secrets",
                )
            raise CredentialsError(f"{what}: refused with the credentials from {login.source}: {said}")
        if status == 403:
            raise DeniedError(f"{what}: not allowed: {said}")
        if status == 404:
            raise MissingError(f"{what}: {said}")
        if status in AGAIN:
            raise UnreachableError(f"{what}: {said}", hint="the registry is overloaded or starting; try again later")
        if 400 <= status < 500:
            raise PushError(f"{what}: {said}")
        raise UnreachableError(f"{what}: what answers is not a registry: {said}")

    def _said(self, response: requests.Response) -> str:
        """The registry's own words where it has any; a HEAD has none, and a proxy answers in HTML."""
        head = f"HTTP {response.status_code}"
        try:
            errors = json.loads(self._bounded(response, MAX_ERROR, "an answer"))["errors"]
            said = "; ".join(f"{each['code']}: {each.get('message', '')}" for each in errors[:3])
        except (LrsError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = ""
        return f"{words(said, self._authority.secrets)} ({head})" if said else head


class _CutError(Exception):
    """A body ended before its end."""


def _length(response: requests.Response) -> int:
    """What the server says that the body has; 0 where it does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else 0
