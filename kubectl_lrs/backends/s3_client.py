"""The requests of S3 itself, over the connection, credentials and retries of s3fs; errors are ours. Nothing is cached.

fsspec's view of paths loses some keys (`a//b`, `a/`, `a?versionId=b`) and what stands beside the content.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.backends.place import Place
from kubectl_lrs.backends.s3_errors import GarbledError, translated
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import anchors_file
from kubectl_lrs.model.errors import UnreachableError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of
from kubectl_lrs.runtime.redact import text as heard
from kubectl_lrs.runtime.retry import Policy, insist, is_any

AWS = "https://s3.amazonaws.com"
"""Where requests go without an endpoint, as far as rules for proxies are concerned."""

TIMES = Policy(attempts=3, first=0.0)
"""How often a request is sent whose body breaks off, or that came garbled."""


def opened(place: Place) -> S3Client:
    """The bucket of an `s3:` URL; credentials from the options, else as every AWS tool finds them."""
    import s3fs
    from botocore.exceptions import BotoCoreError

    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    files = ExitStack()
    try:
        system = s3fs.S3FileSystem(**_options(place, files))
    except (TypeError, ValueError, KeyError, BotoCoreError) as error:
        raise UsageError(f"{place.flags}-options: {heard(error, hidden)}") from None
    system.retries = 1  # botocore's own are enough
    weakref.finalize(system, files.close)  # it reads them when it connects, which may be again; at the end of the run at last
    bucket, prefix = place.host_and_path
    return S3Client(system, bucket, f"s3://{bucket}/{prefix}".rstrip("/"), hidden)


def _options(place: Place, files: ExitStack) -> dict[str, Any]:
    """As s3fs takes them; `files` that are made for it stay as long as it does."""
    options = dict(place.options)
    client = {**(options.pop("client_kwargs", None) or {})}
    config = {"retries": {"max_attempts": 3, "mode": "standard"}, "connect_timeout": 10, "read_timeout": 60}
    config |= _no_trailers()
    config |= {"max_pool_connections": max(10, 2 * place.workers), **(options.pop("config_kwargs", None) or {})}
    if place.endpoint:
        options["endpoint_url"] = place.endpoint
    if place.ca_file:
        client["verify"] = files.enter_context(anchors_file(place.ca_file, what=f"{place.flags}-ca-file"))
    where = place.endpoint or str(options.get("endpoint_url") or client.get("endpoint_url") or AWS)
    proxy = Proxies(os.environ).of(where)
    config.setdefault("proxies", {urlsplit(where).scheme: proxy.geturl()} if proxy else {})
    fixed = {"use_listings_cache": False, "skip_instance_cache": True}
    return {**options, **fixed, "client_kwargs": client, "config_kwargs": config}


def _no_trailers() -> dict[str, str]:
    """Over TLS the library's own checksums come after the body, as `Content-Encoding: aws-chunked`.

    Not every server takes that for what it is; some keep it with the object. An MD5 goes with every body instead.
    """
    from botocore.config import Config

    return {"request_checksum_calculation": "when_required"} if "request_checksum_calculation" in Config.OPTION_DEFAULTS else {}


class _BrokenOffError(Exception):
    """Not all of a body came."""


class S3Client:
    """Requests about one bucket; safe to use from several threads, which one loop of the library serves."""

    def __init__(self, system: Any, bucket: str, url: str, hidden: tuple[str, ...]) -> None:
        from fsspec.asyn import sync

        self.bucket = bucket
        self.url = url
        self.sums_itself = bool((getattr(system, "s3_additional_kwargs", None) or {}).get("ChecksumAlgorithm"))
        """Whether the user wants the library's checksums, beside which no MD5 may stand."""
        self._system = system
        self._hidden = hidden
        self._sync = sync

    def call(self, method: str, what: str, **request: Any) -> dict[str, Any]:
        """One request, and its answer without a body. `what`: the key that it is about, as it was given to us.

        Servers that answer before they have read a body leave the rest of it in the connection, to be taken for the next
        request: that one is sent again.
        """
        return insist(lambda _attempt: self._logged(method, what, request), policy=TIMES, may_pass=is_any(GarbledError))

    def _logged(self, method: str, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        body = request.get("Body")
        sent = len(body) if isinstance(body, bytes) else None
        with wirelog.logged(f"S3 {method} s3://{self.bucket}/{request.get('Key', request.get('Prefix', ''))}", sent=sent):
            return self._translated(lambda: self._system.call_s3(method, Bucket=self.bucket, **request), what)

    def get(self, what: str, **request: Any) -> tuple[dict[str, Any], bytes]:
        """GetObject and all of its body; one that breaks off is asked for again."""
        try:
            return insist(lambda _attempt: self._whole(what, request), policy=TIMES, may_pass=is_any(_BrokenOffError))
        except _BrokenOffError:
            said = "the connection breaks off again and again, or what comes is not what the server says it is"
            raise UnreachableError(f"{self.url}: {heard(what, ())}: {said}", hint="check the network") from None

    def _whole(self, what: str, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        answer = self.call("get_object", what, **request)
        data = self._body(answer)
        if data is None or len(data) != answer.get("ContentLength", len(data)):
            raise _BrokenOffError
        return answer, data

    def _body(self, answer: Mapping[str, Any]) -> bytes | None:
        body = answer["Body"]

        async def read() -> bytes:
            async with body as opened_body:
                data: bytes = await opened_body.read()
                return data

        try:
            data: bytes = self._sync(self._system.loop, read)
        except Exception:  # noqa: BLE001  each HTTP library has its own words for a connection that breaks off
            return None
        return data

    def _translated(self, act: Callable[[], Any], what: str) -> dict[str, Any]:
        from aiohttp import ClientError
        from botocore.exceptions import BotoCoreError

        try:
            answer: dict[str, Any] = act()
        except (OSError, BotoCoreError, RuntimeError, ClientError) as error:
            raise translated(error, self.url, what, self._hidden) from error
        return answer
