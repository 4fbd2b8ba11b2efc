"""The door to image registries: the distribution API of OCI, bytes in and out, every failure one of ours.

It knows repositories, manifests, blobs and uploads by their digests; which images matter is not its business. Whatever
is read is held against its digest while it is read.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from enum import Enum
from typing import IO
from urllib.parse import quote, urlsplit

from kubectl_lrs.clients.http.answer import Answer, Body, CutError, TooLargeError
from kubectl_lrs.clients.http.client import Http, HttpOptions
from kubectl_lrs.model.errors import LrsError, UnreachableError
from kubectl_lrs.runtime import redact
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING, Policy, Tries
from kubectl_lrs.stores.images.registry.connection import DELETE, PUSH, Connection
from kubectl_lrs.stores.images.registry.content import (
    ACCEPT,
    MAX_MANIFEST,
    Manifest,
    MissingError,
    WrongContentError,
    digest_of,
    media_type_of,
)
from kubectl_lrs.stores.images.registry.credentials import Config, Keychain

STALLS = 4
CUTS = 100
"""How often a blob is asked for again without a single new byte, and at all."""

UPLOADS = Policy(attempts=4)
"""How often an upload is begun."""

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


class Push(str, Enum):
    """Whether a repository may be pushed to."""

    ALLOWED = "allowed"
    MISSING = "missing"
    DENIED = "denied"


Opener = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a blob anew for each attempt to upload it."""


class Registries:
    """The registries of a run, each by its name in references. `stop` ends the waits for them: with the run's, or alone."""

    def __init__(self, keychain: Keychain, options: HttpOptions, cancel: Cancel | None = None) -> None:
        self.stop = (cancel or Cancel()).child()
        self._http = Http(options, self.stop)
        self._keychain = keychain
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, Keychain], RegistryClient] = {}

    def add_logins(self, configs: Iterable[Config]) -> None:
        """Further places where credentials are looked for, after those that are known."""
        self._keychain.add(configs)

    def of(self, name: str, keychain: Keychain | None = None) -> RegistryClient:
        """The registry of this name, to which the logins of a keychain of its own are shown, or the run's."""
        keys = keychain or self._keychain
        with self._lock:
            if (name, keys) not in self._clients:
                self._clients[name, keys] = RegistryClient(Connection(name, self._http, keys))
            return self._clients[name, keys]


class RegistryClient:
    """One registry. Safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self.name = connection.name
        self._connection = connection

    def __repr__(self) -> str:
        return f"RegistryClient({self.name})"

    # ---- reading

    def digest_of(self, repository: str, reference: str) -> str:
        """The digest that a tag (or a digest) stands for; empty where the registry does not have it.

        Only the answer to a GET says so: there are registries that do not know the HEAD of a manifest.
        """
        digest = ""
        with self._connection.send("HEAD", repository, f"manifests/{reference}", headers={"Accept": ACCEPT}) as answer:
            if answer.status != 404:
                self._connection.require(answer, repository, (200,))
                digest = answer.headers.get("Docker-Content-Digest", "")
        if digest:
            return digest
        try:
            return self.manifest(repository, reference).digest
        except MissingError:
            return ""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest by tag or digest. MissingError, WrongContentError where it is larger than any or not what it should be."""
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

    def _manifest_of(self, answer: Answer, what: str) -> bytes:
        try:
            return answer.read(MAX_MANIFEST)
        except TooLargeError:
            raise WrongContentError(f"{what}: its manifest is larger than {MAX_MANIFEST >> 20} MiB") from None
        except CutError as error:
            raise UnreachableError(f"{self.name}: {error}") from error

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
            except CutError as error:
                reason = str(error)
            if not reason:
                return
            cuts, stalls = cuts + 1, 0 if at > before else stalls + 1
            if stalls >= STALLS or cuts >= CUTS:
                kind = WrongContentError if reason == "it ends too early" else UnreachableError
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

    def _skip(self, answer: Answer, at: int) -> int:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not match or int(match[1]) > at:
            raise UnreachableError(f"{self.name}: it answers a range of a blob with another one")
        return at - int(match[1])

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether a repository has a blob."""
        with self._connection.send("HEAD", repository, f"blobs/{digest}") as answer:
            if answer.status == 404:
                return False
            self._connection.require(answer, repository, (200,))
            return True

    # ---- writing

    def probe(self, repository: str) -> tuple[Push, str]:
        """Whether a repository may be pushed to, and what the registry says where not: an upload is begun and given up."""
        with self._begin_upload(repository) as answer:
            said = self._connection.said(answer)
            if answer.status == 404:
                return Push.MISSING, said
            if answer.status in (401, 403, 405):
                return Push.DENIED, said
            self._connection.require(answer, repository, (202,))
            self._give_up(answer, repository)
        return Push.ALLOWED, ""

    def push_blob(self, repository: str, digest: str, opener: Opener, *, mount_from: str = "") -> bool:
        """Make a repository have a blob; whether it had to be sent. `mount_from`: another repository that may have it."""
        if self.has_blob(repository, digest):
            return False
        tries = Tries(UPLOADS, self._connection.cancel)
        while True:
            is_first, is_last = tries.count == 1, tries.count == UPLOADS.attempts
            with self._begin_upload(repository, digest, mount_from if is_first else "") as answer:
                if answer.status == 201:
                    return False
                self._connection.require(answer, repository, (202,))
                session = self._connection.upload_url(answer)
            if self._put_blob(repository, session, digest, opener, last=is_last):
                return True
            tries.again()
            self._connection.cancel.require()

    def _put_blob(self, repository: str, session: str, digest: str, opener: Opener, *, last: bool) -> bool:
        """The whole blob in one request; False where it broke off in a way that may pass, unless this is the last attempt."""
        url = f"{session}{'&' if urlsplit(session).query else '?'}digest={quote(digest)}"
        headers = {"Content-Type": "application/octet-stream"}
        with opener() as file:
            try:
                body = Body(file, self._connection.cancel)
                answer = self._connection.authorised(
                    "PUT", url, repository, actions=PUSH, headers=headers, body=body, repeat=False
                )
            except UnreachableError:
                # Some registries break off in place of an answer; a blob that arrived all the same shows at the next look.
                if last and not self.has_blob(repository, digest):
                    raise
                return self.has_blob(repository, digest)
        with answer:
            if answer.status in (*PASSING, 404, 416) and not last:  # the session is lost
                return self.has_blob(repository, digest)
            self._connection.require(answer, repository, (201, 202, 204))
        return True

    def push_manifest(self, repository: str, reference: str, manifest: Manifest) -> None:
        """Put a manifest under a tag or its digest. PushError where it is not taken."""
        answer = self._connection.send(
            "PUT",
            repository,
            f"manifests/{reference}",
            actions=PUSH,
            headers={"Content-Type": manifest.media_type},
            body=manifest.data,
        )
        with answer:
            self._connection.require(answer, repository, (201, 202))
            said = answer.headers.get("Docker-Content-Digest", "")
        if said and said != manifest.digest:
            raise WrongContentError(
                f"{self.name}/{repository}:{reference}: pushed as {manifest.digest}, taken as {redact.text(said)}"
            )

    def _begin_upload(self, repository: str, digest: str = "", mount_from: str = "") -> Answer:
        """202: an upload may go on; 201: the blob was mounted. Where it may not be mounted it is uploaded."""
        if mount_from:
            query = f"?mount={quote(digest)}&from={quote(mount_from, safe='')}"
            answer = self._connection.send("POST", repository, f"blobs/uploads/{query}", actions=PUSH, mount_from=mount_from)
            if answer.status in (201, 202):
                return answer
            answer.finish()
        return self._connection.send("POST", repository, "blobs/uploads/", actions=PUSH)

    def _give_up(self, answer: Answer, repository: str) -> None:
        with suppress(LrsError):  # not every registry can; an upload that is not gone on with is cleared away in time
            url = self._connection.upload_url(answer)
            self._connection.authorised("DELETE", url, repository, actions=DELETE, repeat=False).finish()
