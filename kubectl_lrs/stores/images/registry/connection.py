"""Requests to one registry: where it is, logged in as far as it asks for it, its refusals as errors of ours.

It knows HTTP and logging in; what is asked for is `client`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import urlencode, urljoin, urlsplit

from kubectl_lrs.clients.http.client import POLICY, Http, Request, origin
from kubectl_lrs.clients.http.response import Body, Response
from kubectl_lrs.clients.http.sessions import NoResponseError
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING
from kubectl_lrs.stores.images.registry.auth import MAX_TOKEN, Authority
from kubectl_lrs.stores.images.registry.content import BusyError, MissingError, PushError, Said, UnclearError, said_in
from kubectl_lrs.stores.images.registry.credentials import Keychain, Login

HOSTS: Mapping[str, str] = {"docker.io": "registry-1.docker.io"}
"""Registries whose API is at another host than their name says."""

MAX_ERROR = 64 << 10
MOST_LOGINS = 16
"""How many credentials are tried for one request at most."""

SERVER_ERROR = 500
LOOKS = 3
"""How often it is asked whether it is there, when something else has failed time after time."""

_LATER = "the registry is overloaded or starting; try again later"

PULL, PUSH, DELETE = "pull", "pull,push", "pull,push,delete"
"""What a token is asked for: to give up an upload is a deletion."""


class Connection:
    """One registry as whoever its keychain has. Safe to use from several threads."""

    def __init__(self, name: str, http: Http, keychain: Keychain) -> None:
        self.name = name
        self._host = HOSTS.get(name, name)
        self._http = http
        self._keychain = keychain
        self._lock = threading.Lock()
        self._url = ""
        self._authority = Authority(
            name,
            lambda repository: keychain.logins(name, repository),
            self._ask_token_server,
            lambda url: http.may_go_to(url, self.base()),
        )

    @property
    def cancel(self) -> Cancel:
        """What ends every wait for it."""
        return self._http.cancel

    def pause(self, attempt: int) -> None:
        """Wait before something is tried anew; CancelledError where the run is to end."""
        self._http.pause(attempt)

    def base(self) -> str:
        """Its URL without a path."""
        with self._lock:
            if not self._url:
                self._url = f"{'http' if self._http.speaks_plain(self._host) else 'https'}://{self._host}"
            return self._url

    def upload_url(self, answer: Response) -> str:
        """Where an upload goes on. A registry behind a proxy may say http of itself; what was https stays so."""
        url = urljoin(answer.url or self.base(), answer.headers.get("Location", ""))
        if urlsplit(url).netloc == urlsplit(self.base()).netloc:
            return urlsplit(url)._replace(scheme=urlsplit(self.base()).scheme).geturl()
        if not self._http.may_go_to(url, self.base()):
            raise UnreachableError(f"{self.name}: it wants an upload at another host, without TLS")
        return url

    # ---- sending

    def look(self) -> None:
        """UnreachableError where the registry does not answer, or answers of itself that it cannot; a refusal is an answer."""
        with self._sent(Request(method="GET", url=f"{self.base()}/v2/", attempts=LOOKS)) as answer:
            if answer.status >= SERVER_ERROR:
                raise BusyError(f"{self.name}: {self.said(answer)}", hint=_LATER)

    def send(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        actions: str = PULL,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        mount_from: str = "",
    ) -> Response:
        """`authorised` for a path below a repository."""
        url = f"{self.base()}/v2/{repository}/{path}"
        return self.authorised(method, url, repository, actions=actions, headers=headers, body=body, mount_from=mount_from)

    def authorised(
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
    ) -> Response:
        """Send; again with another credential where the one at hand (or none) was refused. The registry's own answer."""
        scope = f"repository:{repository}:{actions}" + (f" repository:{mount_from}:pull" if mount_from else "")
        is_ours = origin(url) == origin(self.base())
        authorization = self._authority.header(repository, scope) if is_ours else ""
        for turn in range(MOST_LOGINS):
            answer = self._sent(
                Request(
                    method=method,
                    url=url,
                    headers=headers or {},
                    authorization=authorization,
                    body=body,
                    attempts=POLICY.attempts if repeat else 1,
                    led_by="" if is_ours else self.base(),
                )
            )
            if answer.status != 401 or not is_ours or origin(answer.url) != origin(url):
                break
            another = self._another(answer.headers.get("WWW-Authenticate", ""), repository, scope, authorization, turn)
            if not another:
                break
            answer.finish()
            authorization = another
            if isinstance(body, Body):
                body.rewind()
        return answer

    def _sent(self, request: Request) -> Response:
        """CancelledError where the run is to end: what failed meanwhile says nothing of the registry."""
        try:
            answer = self._http.send(request)
        except NoResponseError:
            self.cancel.require()
            raise
        if answer.status in PASSING:
            self.cancel.require()
        return answer

    def _another(self, offered: str, repository: str, scope: str, refused: str, turn: int) -> str:
        """Another credential than the one that was refused; a helper is asked again, as what it gave may have expired."""
        if not offered:
            return ""
        if found := self._authority.answer(offered, repository, scope, refused=refused, turn=turn):
            return found
        self._keychain.forget()
        return self._authority.answer(offered, repository, scope, refused=refused) if turn == 0 else ""

    def _ask_token_server(self, method: str, url: str, login: Login | None, form: Mapping[str, str] | None) -> tuple[int, bytes]:
        answer = self._sent(
            Request(
                method=method,
                url=url,
                headers={"Content-Type": "application/x-www-form-urlencoded"} if form else {},
                authorization=f"Basic {login.basic}" if login and login.password else "",
                body=urlencode(form).encode() if form else None,
                led_by=self.base(),
                read=MAX_TOKEN,
            )
        )
        return answer.status, answer.read(MAX_TOKEN)

    # ---- failures

    def require(self, answer: Response, repository: str, wanted: tuple[int, ...], *, is_write: bool = False) -> None:
        """An error where the answer's status is none of these."""
        if answer.status not in wanted:
            raise self.failure(answer, repository, is_write=is_write)

    def failure(self, answer: Response, repository: str, *, is_write: bool) -> LrsError:
        """What an answer that was not wanted means. That something is missing is only what a read is told in so many words."""
        status, said = answer.status, self.said(answer)
        what = f"{self.name}/{repository}"
        if status == 401:
            return self._refused(what, repository, said)
        if status == 403:
            return DeniedError(f"{what}: not allowed: {said}")
        if not is_write and self.says_absent(answer):
            return MissingError(f"{what}: {said}")
        if status in PASSING:
            return BusyError(f"{what}: {said}", hint=_LATER)
        if status == 413:
            return PushError(f"{what}: {said}", hint="a proxy before the registry limits the size of what is sent to it")
        if is_write and 400 <= status < 500:
            return PushError(f"{what}: {said}")
        return UnclearError(f"{what}: {said}, which does not tell whether it is there", hint="a proxy may answer in its place")

    def _refused(self, what: str, repository: str, said: str) -> CredentialsError:
        login = self._authority.login(repository)
        if login:
            return CredentialsError(f"{what}: refused with the credentials from {login.source}: {said}")
        return CredentialsError(
            f"{what}: refused without credentials: {said}",
            hint=f"log in with: docker login {self.name}, or see --registry-pull-secrets",
        )

    def says_absent(self, answer: Response) -> bool:
        """Whether, with a 404, it is the registry's own word that it does not have something."""
        return answer.status == 404 and self._words(answer).is_absence

    def said(self, answer: Response) -> str:
        """The registry's own words where it has any; a HEAD has none, and a proxy answers in HTML."""
        head, words = f"HTTP {answer.status}", redact.text(self._words(answer).text)
        return f"{words} ({head})" if words else head

    def _words(self, answer: Response) -> Said:
        try:
            return said_in(answer.read(MAX_ERROR))
        except LrsError:
            return Said()
