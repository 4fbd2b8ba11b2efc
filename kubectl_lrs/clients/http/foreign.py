"""Sessions of `requests` for other libraries: theirs, which is given our trust, proxies, limits and log, or one of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubectl_lrs.clients.addresses import Zone, inmost, require_led
from kubectl_lrs.clients.http.sessions import adapter_class, cause
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls, read_pair
from kubectl_lrs.clients.wirelog import Exchange

if TYPE_CHECKING:
    import requests


def take_over(
    session: requests.Session, *, first: str, tls: Tls, proxies: Proxies, timeout: tuple[float, float], retries: int
) -> None:
    """From now on each request goes out as ours do. `first`: the URL that the user named; others are where it leads."""
    if session.cert:
        certificate, key = read_pair(session.cert, what="the storage's session_cert")
        tls, session.cert = replace(tls, certificate=certificate, key=key), None
    session.trust_env = False
    context = tls.context()

    def mounted(limit: Zone | None) -> Any:
        def look(url: str) -> None:
            require_led(first, url)

        return _adapter(adapter_class(context, limit), tls, proxies, timeout, look)(pool_maxsize=64, max_retries=retries)

    for scheme in ("http://", "https://"):
        session.mount(scheme, mounted(min(inmost(first), Zone.MACHINE)))
    session.mount(f"{urlsplit(first).scheme}://{urlsplit(first).netloc}/", mounted(None))


def session(*, tls: Tls, proxies: Proxies, timeout: tuple[float, float], retries: int) -> requests.Session:
    """One for a library that asks where the user's own configuration leads it, and nowhere else."""
    import requests

    made = requests.Session()
    made.trust_env = False
    kind = _adapter(adapter_class(tls.context(), None), tls, proxies, timeout, lambda _url: None)
    for scheme in ("http://", "https://"):
        made.mount(scheme, kind(max_retries=retries))
    return made


def _adapter(base: Any, tls: Tls, proxies: Proxies, timeout: tuple[float, float], look: Callable[[str], object]) -> Any:
    """Adapters that send as we do. `look` is asked about each URL first."""

    class Ours(base):  # type: ignore[misc]
        def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
            url = str(request.url)
            look(url)
            proxy = proxies.of(url)
            settings["proxies"] = {urlsplit(url).scheme: proxy.geturl()} if proxy else {}
            settings["verify"] = not tls.insecure
            settings["timeout"] = settings.get("timeout") or timeout
            return _logged(request, lambda: super(Ours, self).send(request, **settings))

    return Ours


def _logged(request: requests.PreparedRequest, send: Any) -> requests.Response:
    body = request.body if isinstance(request.body, bytes) else None
    headers = [(name, str(value)) for name, value in request.headers.items()]
    exchange = Exchange(str(request.method), str(request.url), headers, body)
    try:
        response: requests.Response = send()
    except OSError as error:
        exchange.failed(error, cause(error))
        raise
    else:
        exchange.answered(response.status_code, response.reason, response.headers.items())
        return response
    finally:
        exchange.show()
