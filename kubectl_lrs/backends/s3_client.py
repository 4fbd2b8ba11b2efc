"""The requests of S3 itself: by obstore those that it can make, by botocore all others; errors are ours. Nothing is cached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from kubectl_lrs.backends.base import KeyExistsError, MaybeOursError, PassingError
from kubectl_lrs.backends.obstore_ import Quick, is_here
from kubectl_lrs.backends.obstore_ import opened as open_quick
from kubectl_lrs.backends.obstore_errors import Unfit
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_encryption import BY_THE_BUCKET, Encryption
from kubectl_lrs.backends.s3_errors import GarbledError, is_second_try, translated
from kubectl_lrs.backends.s3_library import Library
from kubectl_lrs.backends.s3_reach import reach
from kubectl_lrs.clients import wirelog
from kubectl_lrs.model.errors import UnreachableError
from kubectl_lrs.runtime.redact import remember, secrets_of, shown
from kubectl_lrs.runtime.redact import text as heard
from kubectl_lrs.runtime.retry import Outage, Policy, Tries, insist, is_any

TIMES = Policy(attempts=3, first=0.0)
"""How often a request is sent whose body breaks off."""

PATIENT = Policy(attempts=4, longest=5.0)
"""How often one is sent that came garbled, or that may do better soon."""


def opened(place: StorageLocation) -> S3Client:
    """The bucket of an `s3:` URL; credentials from the options, else as every AWS tool finds them."""
    hidden = tuple(secrets_of(place.options))
    remember(*hidden)
    library = Library(place, hidden)
    quick = _quick(place, library)
    if quick is None or not place.is_ours:
        library.ready()
    bucket, prefix = place.host_and_path
    url = f"s3://{bucket}/{prefix}".rstrip("/")
    return S3Client(library, bucket, url, hidden, quick=quick, encryption=place.encryption, is_ours=place.is_ours)


def _quick(place: StorageLocation, library: Library) -> Quick | None:
    """The library that is faster, where it is here and knows how to reach the bucket."""
    found = reach(place, library.options, library.session) if is_here() else None
    return open_quick(found, place.encryption) if found is not None else None


def _maybe_ours(error: KeyExistsError) -> MaybeOursError:
    return MaybeOursError(str(error), hint=error.hint)


class _BrokenOffError(Exception):
    """Not all of a body came."""


class S3Client:
    """Requests about one bucket; safe to use from several threads.

    `quick` makes those that it can. `is_ours`: the keys are made by us, as those of a repository are.
    """

    def __init__(
        self,
        library: Library,
        bucket: str,
        url: str,
        hidden: tuple[str, ...],
        *,
        quick: Quick | None = None,
        encryption: Encryption = BY_THE_BUCKET,
        is_ours: bool = False,
    ) -> None:
        self.bucket = bucket
        self.url = url
        self.encryption = encryption
        self.is_ours = is_ours
        self.quick = quick
        self.sums_itself = library.sums_itself
        self._library = library
        self._hidden = hidden
        self._outage = Outage()

    @property
    def dates_attributes(self) -> bool:
        """Whether an object whose metadata is changed gets another time. Amazon's do, as every change there is a new object;
        gateways are known that change it in place.
        """
        return self._library.is_amazons

    def call(
        self, method: str, what: str, *, once: bool = False, beside: Callable[[], Mapping[str, Any]] = dict, **request: Any
    ) -> dict[str, Any]:
        """One request, and its answer without a body. `what`: the key that it is about, as it was given to us.

        `once`: it is not sent a second time, whatever comes of it. `beside`: the sum of the body, for the library that sends
        none by itself.
        """
        return self._insist(lambda: self._quickly(method, what, request, beside, once=once), once=once)

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

    def _quickly(
        self, method: str, what: str, request: Mapping[str, Any], beside: Callable[[], Mapping[str, Any]], *, once: bool
    ) -> dict[str, Any]:
        quick = self.quick
        if quick is None or not quick.takes(method, request):
            return self._slowly(method, what, {**request, **beside()})
        try:
            with self._logged(method, request):
                return quick.call(method, request, lambda: f"{self.url}: {shown(what)}")
        except Unfit as unfit:
            self.is_unfit(unfit)
            was_sent = unfit.sent
        if was_sent and once:
            said = f"{self.url}: {shown(what)}: the answer cannot be understood, and it is not asked for twice"
            raise UnreachableError(said, hint="look whether it is there")
        try:
            return self._slowly(method, what, {**request, **beside()})
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
            return self._translated(lambda: self._library.call(method, {"Bucket": self.bucket, **request}), what)

    def _logged(self, method: str, request: Mapping[str, Any]) -> AbstractContextManager[None]:
        if not wirelog.is_on():
            return nullcontext()
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
        try:
            with body:
                data: bytes = body.read()
        except Exception:  # noqa: BLE001  each library below has its own words for a connection that breaks off
            return None
        return data

    def _translated(self, act: Callable[[], Any], what: str) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = act()
        except (OSError, BotoCoreError, ClientError, ResponseParserError) as error:
            raise translated(error, self.url, what, self._hidden) from error
        return answer
