"""Clients of image registries: the distribution API of OCI, bytes in and out, every failure one of ours.

It knows repositories, manifests, blobs and uploads by their digests; which images matter is not its business. Whatever
is read is held against its digest while it is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from enum import Enum
from typing import IO
from urllib.parse import quote, urlsplit

from kubectl_lrs.clients.http.client import Http, HttpOptions
from kubectl_lrs.clients.http.response import Body, Response
from kubectl_lrs.model.errors import DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import PASSING, Policy, Tries
from kubectl_lrs.stores.images.registry.connection import DELETE, PUSH, Connection
from kubectl_lrs.stores.images.registry.content import (
    Manifest,
    MissingError,
    PushError,
)
from kubectl_lrs.stores.images.registry.credentials import Keychain
from kubectl_lrs.stores.images.registry.reading import RegistryReader

UPLOADS = Policy(attempts=4)
"""How often an upload is begun."""

LOOKS = Policy(attempts=4)
"""How often what was pushed is looked for before it is said not to be there."""


class Push(str, Enum):
    """Whether a repository may be pushed to."""

    ALLOWED = "allowed"
    MISSING = "missing"
    DENIED = "denied"


class Removal(str, Enum):
    """What became of a removal."""

    DONE = "done"
    ABSENT = "absent"
    REFUSED = "refused"


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

    def has_login(self, name: str, repository: str) -> bool:
        """Whether the run's own keychain has a login for a repository."""
        return self._keychain.login(name, repository) is not None

    def look(self, name: str) -> None:
        """UnreachableError where the registry of this name does not answer, or says of itself that it cannot."""
        self.of(name).look()

    def of(self, name: str, keychain: Keychain | None = None) -> RegistryClient:
        """The registry of this name, to which the logins of a keychain of its own are shown, or the run's."""
        keys = keychain or self._keychain
        with self._lock:
            if (name, keys) not in self._clients:
                self._clients[name, keys] = RegistryClient(Connection(name, self._http, keys))
            return self._clients[name, keys]


class RegistryClient(RegistryReader):
    """One registry, read and written. Safe to use from several threads."""

    def probe(self, repository: str) -> tuple[Push, str]:
        """Whether a repository may be pushed to, and what the registry says where not: an upload is begun and given up."""
        with self._begin_upload(repository) as answer:
            if answer.status == 202:
                self._give_up(answer, repository)
                return Push.ALLOWED, ""
            said = self._connection.said(answer)
            if self._connection.says_absent(answer):
                return Push.MISSING, said
            if answer.status in (401, 403, 405):
                return Push.DENIED, said
            raise self._connection.failure(answer, repository, is_write=answer.status != 404)

    def push_blob(self, repository: str, digest: str, size: int, opener: Opener, *, mount_from: str = "") -> bool:
        """Make a repository have a blob; whether it had to be sent. `mount_from`: another repository that may have it.

        PushError where it is not taken, or was taken and is not there afterwards.
        """
        if self._seems_to_have(repository, digest, size):
            return False
        is_sent = self._upload(repository, digest, size, opener, mount_from)
        if not self._comes_to_be(lambda: self.has_blob(repository, digest, size)):
            raise PushError(f"{self.name}/{repository}@{digest}: the registry took it and does not have it")
        return is_sent

    def _upload(self, repository: str, digest: str, size: int, opener: Opener, mount_from: str) -> bool:
        """Whether it was sent, not mounted."""
        tries = Tries(UPLOADS, self._connection.cancel)
        while True:
            is_first, is_last = tries.count == 1, tries.count == UPLOADS.attempts
            with self._begin_upload(repository, digest, mount_from if is_first else "") as answer:
                if answer.status == 201:
                    return False
                self._connection.require(answer, repository, (202,), is_write=True)
                session = self._connection.upload_url(answer)
            if self._put_blob(repository, session, digest, size, opener, last=is_last):
                return True
            tries.again()
            self._connection.cancel.require()

    def _comes_to_be(self, look: Callable[[], bool]) -> bool:
        """Whether what was taken is there: some storages behind a registry show it a moment later."""
        tries = Tries(LOOKS, self._connection.cancel)
        while not look():
            if not tries.again():
                self._connection.cancel.require()
                return False
        return True

    def _put_blob(self, repository: str, session: str, digest: str, size: int, opener: Opener, *, last: bool) -> bool:
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
                if last and not self._seems_to_have(repository, digest, size):
                    raise
                return self._seems_to_have(repository, digest, size)
        with answer:
            if answer.status in (*PASSING, 404, 416) and not last:  # the session is lost
                return self._seems_to_have(repository, digest, size)
            self._connection.require(answer, repository, (201, 202, 204), is_write=True)
        return True

    def push_manifest(self, repository: str, reference: str, manifest: Manifest) -> Manifest:
        """Put a manifest under a tag or its digest; what the registry gives under it afterwards, which may be another one.

        PushError where it is not taken, or was taken and is not there; UnclearError where the latter cannot be told.
        """
        answer = self._connection.send(
            "PUT",
            repository,
            f"manifests/{reference}",
            actions=PUSH,
            headers={"Content-Type": manifest.media_type},
            body=manifest.data,
        )
        with answer:
            self._connection.require(answer, repository, (201, 202), is_write=True)
        found: list[Manifest] = []

        def look() -> bool:
            with suppress(MissingError):
                found.append(self.manifest(repository, reference))
            return bool(found)

        if not self._comes_to_be(look):
            raise PushError(f"{self.name}/{repository}:{reference}: the registry took it and does not have it")
        return found[-1]

    def delete_manifest(self, repository: str, reference: str) -> tuple[Removal, str]:
        """Remove a tag, or a manifest by its digest with all its tags; what the registry says where it does not let it go.

        PushError where it took that and still has it, or answers in a way that does not tell.
        """
        with self._connection.send("DELETE", repository, f"manifests/{reference}", actions=DELETE) as answer:
            if self._connection.says_absent(answer):
                return Removal.ABSENT, ""
            if 400 <= answer.status < 500 and answer.status not in (404, *PASSING):
                return Removal.REFUSED, self._connection.said(answer)
            self._connection.require(answer, repository, (200, 202, 204), is_write=True)
        if not self._comes_to_be(lambda: not self.has(repository, reference)):
            raise PushError(f"{self.name}/{repository}: the registry took the removal of {reference} and still has it")
        return Removal.DONE, ""

    def _begin_upload(self, repository: str, digest: str = "", mount_from: str = "") -> Response:
        """202: an upload may go on; 201: the blob was mounted. Where it may not be mounted it is uploaded."""
        if mount_from:
            query = f"?mount={quote(digest)}&from={quote(mount_from, safe='')}"
            with suppress(DeniedError):  # a token server that gives nothing for both repositories may for the one
                answer = self._connection.send("POST", repository, f"blobs/uploads/{query}", actions=PUSH, mount_from=mount_from)
                if answer.status in (201, 202):
                    return answer
                answer.finish()
        return self._connection.send("POST", repository, "blobs/uploads/", actions=PUSH)

    def _give_up(self, answer: Response, repository: str) -> None:
        with suppress(LrsError):  # not every registry can; an upload that is not gone on with is cleared away in time
            url = self._connection.upload_url(answer)
            self._connection.authorised("DELETE", url, repository, actions=DELETE, repeat=False).finish()
