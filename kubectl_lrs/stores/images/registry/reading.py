"""Reading from one registry: manifests and blobs by their digests, held against these while they are read.

What is there, what is not, and what cannot be told are three answers: see `content`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from kubectl_lrs.clients.http.response import CutError, Response, TooLargeError
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime import redact
from kubectl_lrs.stores.images.registry.connection import Connection
from kubectl_lrs.stores.images.registry.content import (
    ACCEPT,
    MAX_MANIFEST,
    Manifest,
    MissingError,
    UnclearError,
    WrongContentError,
    digest_of,
    media_type_of,
)

STALLS = 4
CUTS = 100
"""How often a blob is asked for again without a single new byte, and at all."""

MAX_PAGE = 8 << 20
MOST_PAGES = 10_000
"""Bounds of a list of tags: bytes of one page, and pages."""

_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@dataclass(frozen=True)
class Tags:
    """Those of a repository, and the registry's time when it said so; 0 where it does not tell."""

    names: frozenset[str]
    now: float


class RegistryReader:
    """One registry. Safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def look(self) -> None:
        """UnreachableError where the registry itself does not answer, or says that it cannot."""
        self._connection.look()

    def has(self, repository: str, reference: str) -> bool:
        """Whether there is a manifest of this tag or digest. UnclearError where that cannot be told.

        A HEAD is enough to know that it is there: Docker Hub counts each GET. That it is not there is believed of a GET alone.
        """
        with self._connection.send("HEAD", repository, f"manifests/{reference}", headers={"Accept": ACCEPT}) as answer:
            said = answer.headers.get("Docker-Content-Digest", "") if answer.status == 200 else ""
        if said and said == (reference if ":" in reference else said):
            return True
        return bool(self.digest_of(repository, reference))

    def digest_of(self, repository: str, reference: str) -> str:
        """The digest of what a tag (or a digest) stands for, from its bytes; empty where the registry says that it has none.

        UnclearError where it cannot be told. By GET: some registries and proxies answer HEAD with 404, or out of a cache.
        """
        try:
            return self.manifest(repository, reference).digest
        except MissingError:
            return ""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest.

        MissingError where the registry says that it has none; UnclearError where that cannot be told, or where what it
        gives is larger than any or not what it should be.
        """
        what = f"{self.name}/{repository}{'@' if ':' in reference else ':'}{reference}"
        with self._connection.send("GET", repository, f"manifests/{reference}", headers={"Accept": ACCEPT}) as answer:
            self._connection.require(answer, repository, (200,))
            data = self._manifest_of(answer, what)
            said = answer.headers.get("Docker-Content-Digest", "")
            content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        wanted = reference if ":" in reference else said
        digest = digest_of(data, wanted.partition(":")[0] if wanted else "sha256")
        if wanted and digest != wanted:
            raise WrongContentError(f"{what}: the registry gives a manifest whose digest is {digest}, not {redact.text(wanted)}")
        return Manifest(data, digest, media_type_of(data, content_type, what))

    def _manifest_of(self, answer: Response, what: str) -> bytes:
        try:
            return answer.read(MAX_MANIFEST)
        except TooLargeError:
            raise WrongContentError(f"{what}: its manifest is larger than {MAX_MANIFEST >> 20} MiB") from None
        except CutError as error:
            raise UnreachableError(f"{self.name}: {error}") from error

    def tags(self, repository: str) -> Tags:
        """All tags of a repository, none where the registry says that it is not there; UnclearError where that cannot be told."""
        url, names, now = f"{self._connection.base()}/v2/{repository}/tags/list", set[str](), 0.0
        for _ in range(MOST_PAGES):
            with self._connection.authorised("GET", url, repository) as answer:
                if self._connection.says_absent(answer):
                    return Tags(frozenset(), _instant(answer))
                self._connection.require(answer, repository, (200,))
                names.update(_tags_in(answer.read(MAX_PAGE), f"{self.name}/{repository}"))
                now, more = _instant(answer), _NEXT.search(answer.headers.get("Link", ""))
            if not more:
                return Tags(frozenset(names), now)
            url = urljoin(url, more[1])
        raise UnclearError(f"{self.name}/{repository}: its list of tags has no end")

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
        kind: type[LrsError]
        while at < size or not cuts:
            before = at
            try:
                for data in self._from(repository, digest, at):
                    at += len(data)
                    if at > size:
                        raise WrongContentError(f"{what}: longer than the {size} bytes that it has")
                    yield data
                if at == size:
                    return
                kind, reason = WrongContentError, "it ends too early"
            except CutError as error:
                kind, reason = UnreachableError, str(error)
            cuts, stalls = cuts + 1, 0 if at > before else stalls + 1
            if stalls >= STALLS or cuts >= CUTS:
                raise kind(f"{what}: it breaks off after {at} of {size} bytes: {reason}")
            self._connection.pause(stalls)

    def _from(self, repository: str, digest: str, at: int) -> Iterator[bytes]:
        """The bytes from there on; CutError where they end too early for what the server said."""
        headers = {"Range": f"bytes={at}-"} if at else {}
        with self._connection.send("GET", repository, f"blobs/{digest}", headers=headers) as answer:
            if answer.status == 416:  # all of it is here already
                return
            self._connection.require(answer, repository, (200, 206))
            skip = at if answer.status == 200 else self._skip(answer, at)
            left = answer.length
            for data in answer.stream():
                left -= len(data)
                fresh = data[skip:]
                skip = max(0, skip - len(data))
                if fresh:
                    yield fresh
            if left > 0:
                raise CutError(f"{left} bytes are missing")

    def _skip(self, answer: Response, at: int) -> int:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not match or int(match[1]) > at:
            raise UnreachableError(f"{self.name}: it answers a range of a blob with another one")
        return at - int(match[1])

    def has_blob(self, repository: str, digest: str, size: int) -> bool:
        """Whether a repository has a blob, of this size. UnclearError where that cannot be told, or where it has another size.

        As with manifests, only a GET is believed that it is not there.
        """
        with self._connection.send("HEAD", repository, f"blobs/{digest}") as answer:
            if answer.status == 200 and answer.length == size:
                return True
        with self._connection.send("GET", repository, f"blobs/{digest}", headers={"Range": "bytes=0-0"}) as answer:
            if self._connection.says_absent(answer):
                return False
            self._connection.require(answer, repository, (200, 206, 416))
            given = _whole_length(answer)
        if given not in (size, None):
            raise WrongContentError(f"{self.name}/{repository}@{digest}: it has {given} bytes there, not {size}")
        return True

    def _seems_to_have(self, repository: str, digest: str, size: int) -> bool:
        """Whether a blob need not be sent. Where that cannot be told it is sent: under its digest nothing else can lie."""
        with self._connection.send("HEAD", repository, f"blobs/{digest}") as answer:
            self._connection.require(answer, repository, (200, 404, 405))
            return answer.status == 200 and answer.length in (0, size)


def _whole_length(answer: Response) -> int | None:
    """What the server says that all of it has, of which a part was asked for; None where it does not say."""
    if answer.status == 200:
        return answer.length or None
    text = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() else None


def _tags_in(data: bytes, what: str) -> list[str]:
    try:
        found = json.loads(data)["tags"] or []
        if all(isinstance(each, str) for each in found):
            return list(found)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UnclearError(f"{what}: the registry gives something else than a list of tags")


def _instant(answer: Response) -> float:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
