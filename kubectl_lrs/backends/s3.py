"""Bytes in a bucket that speaks S3."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubectl_lrs.backends import s3_client
from kubectl_lrs.backends.base import (
    CHUNK,
    OTHER_BYTES,
    EmptyRangeError,
    KeyExistsError,
    KeyNotFoundError,
    NotTheStorageError,
    OnSkipped,
    PassingError,
    Reading,
    Stat,
    Upload,
    Versions,
    deleted_each,
    refuse_unreadable,
)
from kubectl_lrs.backends.obstore_ import TELLS_NO_ENCRYPTION
from kubectl_lrs.backends.obstore_errors import Unfit
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_answers import KEPT, MODIFIED, contradicts, date_of, etag_of, instant_of, is_sum, range_of, stat_of
from kubectl_lrs.backends.s3_client import S3Client
from kubectl_lrs.backends.s3_errors import BARE, of_code
from kubectl_lrs.backends.s3_upload import Uploads
from kubectl_lrs.model.errors import CredentialsError, LrsError, UnreachableError
from kubectl_lrs.runtime.redact import shown

MAX_KEY = 1024
SETTLED = 2.0
"""Seconds after which what is changed gets another time, which a list tells in whole ones."""

PIECE = CHUNK // 2
"""Bytes of a large object that one request reads: each is in memory twice while the library hands it over."""
MOST_AT_ONCE = 1000
"""Keys of one DeleteObjects."""

OF_A_LIST = ("IsTruncated", "KeyCount", "MaxKeys", "Name")
"""What a list says of itself, whether or not there is anything in it."""

FULL = 100
"""A list of so many keys, or of a multiple, may have ended with a page. Servers are known that know nothing of how a list goes
on (before ListObjectsV2), or forget to say that it does, and the library that is quicker does not see the former.
"""


def opened(place: StorageLocation) -> S3:
    """The bucket and prefix of an `s3:` URL."""
    prefix = place.host_and_path[1]
    return S3(s3_client.opened(place), f"{prefix}/" if prefix else "")


class S3:
    """The objects of a bucket whose keys begin with `prefix`, which is empty or ends with `/`."""

    keeps = frozenset(KEPT)
    batch = 1

    def __init__(self, client: S3Client, prefix: str) -> None:
        self.url = client.url
        bucket, inner = client.bucket, prefix.rstrip("/")
        full = f"{bucket}/{inner}".rstrip("/")
        self.roots: tuple[str, ...] = (inner, full, f"s3://{full}", f"s3a://{full}")
        self._client = client
        self._prefix = prefix
        self._uploads = Uploads(client, prefix, self._look)

    def tells_content(self, etag: str) -> bool:
        """Where the server gave an ETag; a time says nothing of two writes within its second."""
        return bool(etag) and not etag.startswith(MODIFIED)

    # ---- reading

    def list(self, prefix: str = "", *, after: str = "", skipped: OnSkipped = refuse_unreadable) -> Iterator[Stat]:  # noqa: ARG002
        """In the order of the keys. What ends with a full page may be cut there, and nobody says so: it is asked on."""
        while True:
            count = 0
            for found in self._listed(prefix, after):
                yield found
                after = found.key
                count += 1
            if not count or count % FULL:
                return

    def _listed(self, prefix: str, after: str) -> Iterator[Stat]:
        """As the server gives it; of our own keys the quick way, for as long as that goes.

        What is empty that way may be no list at all: the quick library takes any page for one.
        """
        if self._client.is_ours and (not prefix or prefix.endswith("/")):
            is_told = False
            try:
                for found in self._quick_list(prefix, after):
                    yield found
                    after, is_told = found.key, True
            except Unfit as unfit:
                self._client.is_unfit(unfit)
            else:
                if is_told:
                    return
        yield from self._pages(prefix, after)

    def _quick_list(self, prefix: str, after: str) -> Iterator[Stat]:
        """Unfit where an entry may be of a key that ends with `/`, which this way does not show."""
        tries, last = self._client.tries(), after
        while True:
            try:
                for page in self._client.listed(self._prefix + prefix, self._prefix + last if last else ""):
                    tries = self._client.tries()
                    for each in page:
                        found = self._entry(each)
                        if found.key.encode() <= last.encode() or (found.size == 0 and not self._has(found.key)):
                            raise Unfit
                        yield found
                        last = found.key
            except PassingError:
                if not tries.again():
                    raise
            else:
                return

    def _has(self, key: str) -> bool:
        try:
            self.stat(key)
        except KeyNotFoundError:
            return False
        return True

    def _entry(self, each: Mapping[str, Any], settled: float = 0.0) -> Stat:
        """`settled`: the server's time before which a change shows in the time of what is changed."""
        made = instant_of(each)
        is_settled = made is not None and made < settled
        return Stat(each["Key"][len(self._prefix) :], int(each["Size"]), etag_of(each), made, is_settled=is_settled)

    def _pages(self, prefix: str, after: str) -> Iterator[Stat]:
        """Page by page. A server that knows nothing of where a list is to begin, begins with the first key."""
        following: dict[str, Any] = {"StartAfter": self._prefix + after} if after else {}
        last = after.encode("utf-8", "surrogatepass")
        while True:
            page = self._page(Prefix=self._prefix + prefix, MaxKeys=1000, **following)
            settled = (date_of(page) or 0.0) - SETTLED if self._client.dates_attributes else 0.0
            for each in page.get("Contents") or ():
                found = self._entry(each, settled)
                if found.key and found.key.encode("utf-8", "surrogatepass") > last:
                    yield found
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated"):
                return
            if not token or token == following.get("ContinuationToken"):
                raise UnreachableError(f"{self.url}: the server's list has no end that can be asked for")
            following = {"ContinuationToken": token}

    def _page(self, **request: Any) -> dict[str, Any]:
        """An answer that says of itself that it is a list: a page to sign in, or an empty one, would be a list of nothing."""
        page = self._client.call("list_objects_v2", "a list", **request)
        if not any(name in page for name in OF_A_LIST):
            raise NotTheStorageError(self.url, "what is answered is no list")
        return page

    def stat(self, key: str) -> Stat:
        """By a HEAD; that there is none, or that we may not, is only believed of a GET, which says why."""
        return self._look(key)[0]

    def _look(self, key: str) -> tuple[Stat, Mapping[str, Any]]:
        try:
            answer = self._client.call("head_object", key, Key=self._prefix + key)
        except (KeyNotFoundError, *BARE):
            return self._look_closely(key)
        if not (etag_of(answer) and "ContentLength" in answer):
            raise NotTheStorageError(f"{self.url}: {shown(key)}")
        return stat_of(key, answer), answer

    def _look_closely(self, key: str) -> tuple[Stat, Mapping[str, Any]]:
        """Proxies and gateways are known that answer a HEAD with 404 for what a GET gives."""
        try:
            answer, data = self._client.get(key, Key=self._prefix + key, Range="bytes=0-0")
        except EmptyRangeError:
            answer, data = self._client.get(key, Key=self._prefix + key)
        said = range_of(answer)
        return stat_of(key, answer, said[2] if said else len(data)), answer

    def read(self, wanted: Stat, sink: Callable[[bytes], object]) -> Reading:
        """In ranges of one and the same version of the object."""
        if wanted.size == 0:
            found = self.stat(wanted.key)
            return Reading(found, found.size == 0)
        seen: Stat | None = None
        start, size = 0, wanted.size
        answer: Mapping[str, Any] = {}
        digest = hashlib.md5(usedforsecurity=False)
        while start < size:
            try:
                now, answer, data = self._range(wanted.key, start, min(PIECE, size - start), seen)
            except (KeyExistsError, EmptyRangeError):
                return Reading(seen or wanted, is_steady=False)
            if not data or (seen is not None and (now.etag, now.size) != (seen.etag, seen.size)):
                return Reading(now, is_steady=False)
            seen, size = now, now.size
            if is_sum(seen.etag):
                digest.update(data)
            sink(data)
            start += len(data)
        if seen is None or start != seen.size:
            return Reading(seen or wanted, is_steady=False)
        return Reading(seen, is_steady=True, is_damaged=self._is_damaged(answer, seen, digest.hexdigest()))

    def _is_damaged(self, answer: Mapping[str, Any], seen: Stat, md5: str) -> bool:
        """By the server's own sum; whether the etag is one, not every answer says."""
        if contradicts(answer, seen.etag, md5) and TELLS_NO_ENCRYPTION in answer:
            answer = self._client.ask("head_object", seen.key, Key=self._prefix + seen.key)
        return contradicts(answer, seen.etag, md5)

    def _range(self, key: str, start: int, length: int, seen: Stat | None) -> tuple[Stat, Mapping[str, Any], bytes]:
        """A part, of the version that was seen before; KeyExistsError where that is no more."""
        same = {"IfMatch": f'"{seen.etag}"'} if seen is not None and self.tells_content(seen.etag) else {}
        wanted = {"Key": self._prefix + key, "Range": f"bytes={start}-{start + length - 1}", **same}
        answer, data = self._client.get(key, **wanted)
        said = range_of(answer) or self._as_a_whole(key, data)
        if said[:2] != (start, len(data)) or len(data) > length:
            raise NotTheStorageError(f"{self.url}: {shown(key)}", OTHER_BYTES)
        found = stat_of(key, answer, said[2])
        # A change shows in the etag; a time would say that it is young, and have it read twice.
        return Stat(key, found.size, found.etag, None, found.attributes), answer, data

    def _as_a_whole(self, key: str, data: bytes) -> tuple[int, int, int]:
        """What an answer without a range is about: all of the object, where a HEAD says that it has as many bytes."""
        return 0, len(data) if self.stat(key).size == len(data) else -1, len(data)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """By one request."""
        try:
            return self._range(key, start, length, None)[2]
        except EmptyRangeError:
            return b""

    # ---- writing

    def upload(self, key: str, size: int, chunks: Iterator[bytes], attributes: Mapping[str, Any], *, replace: bool) -> Upload:
        """In one request, or in parts."""
        return self._uploads.begin(key, size, chunks, attributes, replace=replace)

    def sync(self) -> None:
        """What the server has said yes to is kept."""

    def delete(self, key: str) -> None:
        """DeleteObject; some servers answer that there is none."""
        with suppress(KeyNotFoundError):
            self._client.call("delete_object", key, Key=self._prefix + key)

    def delete_many(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        """DeleteObjects, a thousand at a time; one by one where a server does not know it."""
        left: dict[str, LrsError] = {}
        for start in range(0, len(keys), MOST_AT_ONCE):
            left |= self._delete_batch(keys[start : start + MOST_AT_ONCE])
        return left

    def _delete_batch(self, keys: Sequence[str]) -> Mapping[str, LrsError]:
        wanted = [{"Key": self._prefix + key} for key in keys]
        try:
            answer = self._client.call("delete_objects", "several objects", Delete={"Objects": wanted, "Quiet": False})
        except (UnreachableError, CredentialsError) as error:
            return dict.fromkeys(keys, error)
        except LrsError:
            return deleted_each(self.delete, keys)
        left = self._refused(answer.get("Errors") or (), set(keys))
        told = {
            str(each.get("Key") or "")[len(self._prefix) :]
            for each in (*(answer.get("Deleted") or ()), *(answer.get("Errors") or ()))
        }
        return {**left, **deleted_each(self.delete, [key for key in keys if key not in told and key not in left])}

    def _refused(self, errors: Sequence[Mapping[str, Any]], keys: set[str]) -> Mapping[str, LrsError]:
        """What an answer says of each; where one of a key that was not asked about comes, it is of no use."""
        left: dict[str, LrsError] = {}
        for each in errors:
            key = str(each.get("Key") or "")[len(self._prefix) :]
            left[key] = of_code(str(each.get("Code") or ""), str(each.get("Message") or ""), f"{self.url}: {shown(key)}")
        left = {key: error for key, error in left.items() if not isinstance(error, KeyNotFoundError)}
        unknown = left.keys() - keys
        return dict.fromkeys(keys, left[unknown.pop()]) if unknown else left

    def directory(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        """There are none."""
        return {}

    def make_directory(self, key: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        """There are none."""
        return ()

    def refuses(self, key: str) -> str:
        """A key is any UTF-8 of up to 1,024 bytes."""
        try:
            encoded = (self._prefix + key).encode()
        except UnicodeEncodeError:
            return "its path is not UTF-8, which a key must be"
        if not key or len(encoded) > MAX_KEY or "\0" in key:
            return "its key would be longer than 1,024 bytes, or hold a NUL"
        return "a part of its path is '.' or '..'" if {".", ".."} & set(key.split("/")) else ""

    def probe(self, *, large: bool = False) -> None:
        """The requests of a write, made so that nothing is stored."""
        self._uploads.probe(large=large)

    def is_alive(self) -> bool:
        """Whether it gives a list."""
        try:
            self._page(Prefix=self._prefix, MaxKeys=1)
        except LrsError:
            return False
        return True

    def free(self) -> int | None:
        """S3 does not say."""
        return None

    def versions(self) -> Versions:
        """By what the bucket says of itself; of a lock only one that every new object gets. Not everybody may ask for both."""
        with suppress(LrsError, AttributeError):
            lock = self._client.ask("get_object_lock_configuration", "its lock").get("ObjectLockConfiguration") or {}
            if (lock.get("Rule") or {}).get("DefaultRetention"):
                return Versions.LOCKED
        try:
            is_kept = self._client.ask("get_bucket_versioning", "its versions").get("Status") == "Enabled"
        except UnreachableError:
            raise
        except LrsError:
            return Versions.UNKNOWN
        return Versions.KEPT if is_kept else Versions.GONE

    def now(self) -> float:
        """The Date of an answer."""
        answer = self._page(Prefix=self._prefix, MaxKeys=1)
        if (found := date_of(answer)) is None:
            raise LrsError(f"{self.url}: the server does not say what time it is (there is no Date in its answer)")
        return found
