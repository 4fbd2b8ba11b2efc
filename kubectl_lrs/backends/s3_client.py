"""The requests of S3 itself, over the connection, credentials and retries of s3fs; errors are ours. Nothing is cached.

fsspec's view of paths loses some keys (`a//b`, `a/`, `a?versionId=b`) and what stands beside the content.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.backends.base import KeyExistsError, MaybeOursError, PassingError
from kubectl_lrs.backends.obstore_ import Quick, is_here
from kubectl_lrs.backends.obstore_ import opened as open_quick
from kubectl_lrs.backends.obstore_errors import Unfit
from kubectl_lrs.backends.place import Place, require
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption
from kubectl_lrs.backends.s3_errors import GarbledError, is_second_try, translated
from kubectl_lrs.backends.s3_reach import reach
from kubectl_lrs.clients import wirelog
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import BUNDLES, anchors_file, system_file
from kubectl_lrs.model.errors import UnreachableError, UsageError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown
from kubectl_lrs.runtime.redact import text as heard
from kubectl_lrs.runtime.retry import Outage, Policy, Tries, insist, is_any

AWS = "https://s3.amazonaws.com"
"""Where requests go without an endpoint, as far as rules for proxies are concerned."""

TIMES = Policy(attempts=3, first=0.0)
"""How often a request is sent whose body breaks off."""

PATIENT = Policy(attempts=4, longest=5.0)
"""How often one is sent that came garbled, or that may do better soon."""


def opened(place: Place) -> S3Client:
    """The bucket of an `s3:` URL; credentials from the options, else as every AWS tool finds them."""
    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    system = _System(place, hidden)
    quick = _quick(place)
    if quick is None or not place.is_ours:
        system.ready()
    bucket, prefix = place.host_and_path
    url = f"s3://{bucket}/{prefix}".rstrip("/")
    return S3Client(system, bucket, url, hidden, quick=quick, encryption=place.encryption, is_ours=place.is_ours)


def _quick(place: Place) -> Quick | None:
    """The library that is faster, where it is here and knows how to reach the bucket."""
    found = reach(place) if is_here() else None
    return open_quick(found, place.encryption, sums=place.is_ours) if found is not None else None


class _System:
    """The file system of s3fs, which is opened when it is needed: a second of work."""

    def __init__(self, place: Place, hidden: tuple[str, ...]) -> None:
        self.s3_additional_kwargs = place.options.get("s3_additional_kwargs")
        self._place = place
        self._hidden = hidden
        self._lock = threading.Lock()
        self._opened: Any = None

    def ready(self) -> Any:
        """UsageError where the options are not right."""
        with self._lock:
            if self._opened is None:
                self._opened = self._made()
            return self._opened

    def _made(self) -> Any:
        require("s3fs", "s3", "s3")
        import s3fs
        from botocore.exceptions import BotoCoreError

        files = ExitStack()
        try:
            system = s3fs.S3FileSystem(**_options(self._place, files))
        except (TypeError, ValueError, KeyError, BotoCoreError) as error:
            raise UsageError(f"{self._place.said.options}: {heard(error, self._hidden)}") from None
        system.retries = 1  # botocore's own are enough
        weakref.finalize(system, files.close)  # it reads them when it connects, which may be again; at the end of the run at last
        return system

    @property
    def loop(self) -> Any:
        """In which it works."""
        return self.ready().loop

    def call_s3(self, method: str, **request: Any) -> Any:
        """A request."""
        return self.ready().call_s3(method, **request)


def _options(place: Place, files: ExitStack) -> dict[str, Any]:
    """As s3fs takes them; `files` that are made for it stay as long as it does."""
    options = dict(place.options)
    client = {**(options.pop("client_kwargs", None) or {})}
    config = {"retries": {"total_max_attempts": 1, "mode": "standard"}, "connect_timeout": 10, "read_timeout": 60}
    config |= _no_trailers()
    config |= {"max_pool_connections": max(10, 2 * place.workers), **(options.pop("config_kwargs", None) or {})}
    if place.endpoint:
        options["endpoint_url"] = place.endpoint
    if place.ca_file:
        client["verify"] = files.enter_context(anchors_file(place.ca_file, what=place.said.ca_file))
    elif "verify" not in client and (bundle := _bundle(options, files)):
        client["verify"] = bundle
    where = place.endpoint or str(options.get("endpoint_url") or client.get("endpoint_url") or AWS)
    proxy = Proxies(os.environ).of(where)
    config.setdefault("proxies", {urlsplit(where).scheme: proxy.geturl()} if proxy else {})
    fixed = {"use_listings_cache": False, "skip_instance_cache": True}
    return {**options, **fixed, "client_kwargs": client, "config_kwargs": config}


def _bundle(options: Mapping[str, Any], files: ExitStack) -> str:
    """Whom everybody trusts: the bundle that the environment names, else the system's. Empty: what AWS' own settings say."""
    import botocore.session
    from botocore.exceptions import BotoCoreError

    with suppress(BotoCoreError):  # a profile that is not there is said by the first request
        if botocore.session.Session(profile=options.get("profile")).get_config_variable("ca_bundle"):
            return ""
    for name in BUNDLES:
        if path := os.environ.get(name):
            return files.enter_context(anchors_file(path, what=name))
    return system_file()


def _no_trailers() -> dict[str, str]:
    """Over TLS the library's own checksums come after the body, as `Content-Encoding: aws-chunked`.

    Not every server takes that for what it is; some keep it with the object. An MD5 goes with every body instead.
    """
    from botocore.config import Config

    return {"request_checksum_calculation": "when_required"} if "request_checksum_calculation" in Config.OPTION_DEFAULTS else {}


def _maybe_ours(error: KeyExistsError) -> MaybeOursError:
    return MaybeOursError(str(error), hint=error.hint)


class _BrokenOffError(Exception):
    """Not all of a body came."""


class S3Client:
    """Requests about one bucket; safe to use from several threads, which one loop of the library serves.

    `quick` makes those that it can. `is_ours`: the keys are made by us, as those of a repository are.
    """

    def __init__(
        self,
        system: Any,
        bucket: str,
        url: str,
        hidden: tuple[str, ...],
        *,
        quick: Quick | None = None,
        encryption: Encryption = BY_THE_BUCKET,
        is_ours: bool = False,
    ) -> None:
        from fsspec.asyn import sync

        self.bucket = bucket
        self.url = url
        self.encryption = encryption
        self.is_ours = is_ours
        self.quick = quick
        self.sums_itself = bool((getattr(system, "s3_additional_kwargs", None) or {}).get("ChecksumAlgorithm"))
        """Whether the user wants the library's checksums, beside which no MD5 may stand."""
        self._system = system
        self._hidden = hidden
        self._sync = sync
        self._outage = Outage()

    def call(self, method: str, what: str, *, once: bool = False, **request: Any) -> dict[str, Any]:
        """One request, and its answer without a body. `what`: the key that it is about, as it was given to us.

        `once`: it is not sent a second time, whatever comes of it.
        """
        return self._insist(lambda: self._quickly(method, what, request, once=once), once=once)

    def ask(self, method: str, what: str, **request: Any) -> dict[str, Any]:
        """The same, by the library that tells all of an answer."""
        return self._insist(lambda: self._slowly(method, what, request))

    def _insist(self, act: Callable[[], dict[str, Any]], *, once: bool = False) -> dict[str, Any]:
        """Servers that answer before they have read a body leave the rest of it in the connection, to be taken for the next
        request: that one is sent again, as what may pass is.
        """

        def attempt(count: int) -> dict[str, Any]:
            try:
                found = act()
            except PassingError:
                self._outage.failed()
                raise
            except KeyExistsError as error:
                if count > 1 or is_second_try(error):
                    raise _maybe_ours(error) from error
                raise
            self._outage.succeeded()
            return found

        passing = is_any(GarbledError, PassingError)
        return attempt(1) if once else insist(attempt, policy=PATIENT, may_pass=passing, outage=self._outage)

    def _quickly(self, method: str, what: str, request: Mapping[str, Any], *, once: bool) -> dict[str, Any]:
        quick = self.quick
        if quick is None or not quick.takes(method, request):
            return self._slowly(method, what, request)
        try:
            with self._logged(method, request):
                return quick.call(method, request, f"{self.url}: {shown(what)}")
        except Unfit as unfit:
            self.is_unfit(unfit)
            was_sent = unfit.sent
        if was_sent and once:
            said = f"{self.url}: {shown(what)}: the answer cannot be understood, and it is not asked for twice"
            raise UnreachableError(said, hint="look whether it is there")
        try:
            return self._slowly(method, what, request)
        except KeyExistsError as error:
            if was_sent:
                raise _maybe_ours(error) from error
            raise

    def is_unfit(self, unfit: Unfit) -> None:
        """The quick library cannot do something: perhaps nothing at all here."""
        if unfit.for_good:
            self.quick = None

    def tries(self) -> Tries:
        """The attempts of what is tried again piece by piece."""
        return Tries(PATIENT, None, outage=self._outage)

    def listed(self, prefix: str, after: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The keys below a prefix that ends with `/`, page by page, by the quick library. Unfit, PassingError."""
        if self.quick is None:
            raise Unfit
        pages = self.quick.listed(prefix, after, f"{self.url}: a list")
        while True:
            with self._logged("list_objects_v2", {"Prefix": prefix}):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _slowly(self, method: str, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._logged(method, request):
            return self._translated(lambda: self._system.call_s3(method, Bucket=self.bucket, **request), what)

    def _logged(self, method: str, request: Mapping[str, Any]) -> AbstractContextManager[None]:
        body = request.get("Body")
        sent = len(body) if isinstance(body, bytes) else None
        return wirelog.logged(f"S3 {method} s3://{self.bucket}/{request.get('Key', request.get('Prefix', ''))}", sent=sent)

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
        if isinstance(body, bytes):
            return body

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
