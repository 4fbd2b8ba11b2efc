"""Connections through `requests`: whom they trust, which proxy they take, how near they may lead.

Its adapters are used, not its sessions: these read .netrc, variables and cookies, and the whole body of each redirect.
`requests` is imported when a connection is first needed, so that help does not wait for it.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kubectl_lrs.clients.addresses import Zone, zone_of
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime import redact

if TYPE_CHECKING:
    import requests
    from requests.adapters import HTTPAdapter

_PREFIX = re.compile(r"^(.*Failed to establish a new connection: )?(\[[^]]*\] )?")
_UNKNOWN_NAME = re.compile(r"^.*Failed to resolve '([^']*)' \((?:\[[^]]*\] )?(.*)\)$")
"""Whose name it is, the server's or a proxy's, is to be said."""

POOL = 64
"""Connections to one host that are kept."""


class NearError(OSError):
    """The address that a name led to is nearer than it may be."""


class Connections:
    """Kept-alive connections, for all threads. `limit`: how near the other end may be; None: anywhere."""

    def __init__(self, tls: Tls, proxies: Proxies) -> None:
        self._tls = tls
        self._proxies = proxies
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._adapters: dict[Zone | None, HTTPAdapter] = {}

    def send(self, request: requests.PreparedRequest, limit: Zone | None, timeout: tuple[float, float]) -> requests.Response:
        """Once; the body of the answer is not read yet. Its errors are those of `requests`."""
        url = str(request.url)
        proxy = self._proxies.of(url)
        proxies = {url.partition(":")[0]: proxy.geturl()} if proxy else {}
        verify = not self._tls.insecure
        return self._adapter(limit).send(request, stream=True, timeout=timeout, verify=verify, proxies=proxies)

    def _adapter(self, limit: Zone | None) -> HTTPAdapter:
        with self._lock:
            if self._context is None:
                self._context = self._tls.context()
                if self._tls.insecure:
                    import urllib3

                    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            if limit not in self._adapters:
                self._adapters[limit] = adapter_class(self._context, limit)(pool_maxsize=POOL)
            return self._adapters[limit]


def adapter_class(context: ssl.SSLContext, limit: Zone | None) -> type[HTTPAdapter]:
    """Adapters of `requests` that trust what `context` does, and connect to nothing nearer than `limit`."""
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **kwargs)
            if limit is not None:
                self.poolmanager.pool_classes_by_scheme = _guarded(limit)

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, ssl_context=context, proxy_ssl_context=context, **kwargs)

        def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
            """The context knows whom to trust; `requests` would add authorities of its own."""

    return Adapter


def _guarded(limit: Zone) -> dict[str, type]:
    """The pools of urllib3, with connections that look where they have come to before anything is sent."""
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    def guard(base: Any) -> Any:
        class Guarded(base):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                if zone_of(str(self.sock.getpeername()[0])) > limit:
                    self.close()
                    raise NearError("its name leads inside")

        return Guarded

    def pool(base: Any) -> type:
        return type("Guarded", (base,), {"ConnectionCls": guard(base.ConnectionCls)})

    return {"http": pool(HTTPConnectionPool), "https": pool(HTTPSConnectionPool)}


# ---- why there is no answer


class NoResponseError(UnreachableError):
    """No whole answer came. `sent`: the request may have arrived, and been acted on. `cause`: why, in a few words.

    `may_pass`: it may not happen again.
    """

    def __init__(self, message: str, *, hint: str, sent: bool, cause: str, may_pass: bool) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent
        self.cause = cause
        self.may_pass = may_pass


def is_passing(error: Exception) -> bool:
    """Whether it may not happen again."""
    from requests import exceptions as known

    if isinstance(error, (known.SSLError, known.ProxyError, known.InvalidURL)) or isinstance(_inmost(error), NearError):
        return False
    return isinstance(error, (known.ConnectionError, known.Timeout, known.ChunkedEncodingError))


def was_never_sent(error: Exception) -> bool:
    """Whether a connection was not even made."""
    from requests import exceptions as known
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, (known.ConnectTimeout, known.SSLError, known.ProxyError, known.InvalidURL, known.MissingSchema)):
        return True
    return isinstance(getattr(error.args[0], "reason", None) if error.args else None, NewConnectionError)


def is_untrusted(error: BaseException) -> bool:
    """Whether the other end speaks TLS, and its certificate is not accepted."""
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in _layers(error))


def cause(error: BaseException) -> str:
    """The innermost reason of an error of `requests`, in a few words."""
    from requests import exceptions as known

    if isinstance(error, known.ConnectTimeout):
        return "connection timed out"
    reason = _inmost(error)
    said = str(reason.args[-1] if reason.args and isinstance(reason.args[-1], str) else reason)
    return redact.text(_PREFIX.sub("", _UNKNOWN_NAME.sub(r"no address for \1: \2", said)))


def _inmost(error: BaseException) -> BaseException:
    """The error that all others are made of."""
    return list(_layers(error))[-1]


def _layers(error: BaseException) -> Iterator[BaseException]:
    """The error, what it is made of, and so on."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = _inner(inner)


def _inner(error: BaseException) -> BaseException | None:
    """What another error is made of."""
    parts = (getattr(error, "reason", None), *reversed(error.args))
    return next((part for part in parts if isinstance(part, BaseException)), None)
