"""Who may ask a registry for an image: docker's own configuration for all, a namespace's pull secrets for what is named in it.

A registry that does not answer is not asked for the rest, nor a repository of one that answers and does nothing of what it is
asked. What failed for one image is that image's failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TypeVar

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.model.notes import Note, Remark
from kubectl_lrs.runtime.standstill import Standstill
from kubectl_lrs.stores.common.circuit_breaker import CircuitBreaker
from kubectl_lrs.stores.common.image_names.reference import Reference
from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.find import Allowed, Image
from kubectl_lrs.stores.images.pull_secrets import Keyring, Named, Secrets, named
from kubectl_lrs.stores.images.registry.client import Registries, RegistryClient
from kubectl_lrs.stores.images.registry.content import BusyError, MissingError, PushError, UnclearError
from kubectl_lrs.stores.images.registry.credentials import Keychain

R = TypeVar("R")

OF_ONE = (MissingError, UnclearError, PushError, UnreachableError, DeniedError)
"""Failures that are those of one image (or of its registry), and no reason to give up the others."""

REFUSALS = (MissingError, UnclearError, CredentialsError, DeniedError)
"""After which another login may do better: registries tell who may not see something in many ways."""

Domain = frozenset[str]
"""The namespaces whose pull secrets may be used."""

NOBODYS: Domain = frozenset()

ReadSecrets = Callable[[Mapping[str, Named]], Mapping[str, Secrets]]
"""What LRS name in each namespace → what these Secrets hold, by the same namespaces."""


class Doing(Enum):
    """What a registry is asked for. That one of them is done says nothing of the others."""

    READ = "read"
    WRITE = "write"
    CLEAR = "clear"
    """What a rehearsal has made is removed, whatever became of it."""


class Access:
    """The registries of a run, and who asks them. Safe to use from several threads once `log_in` is done.

    `lost`: those that do not answer, each with its failure; `notes`: Secrets that were passed over.
    """

    def __init__(
        self, registries: Registries, *, allowed: Allowed | None = None, read_secrets: ReadSecrets | None = None
    ) -> None:
        self.registries = registries
        self.stop = registries.stop
        self.allowed = allowed or Allowed()
        self.lost: dict[str, LrsError] = {}
        self.notes: list[Remark] = []
        self._read_secrets = read_secrets
        self._keyrings: Mapping[str, Keyring] = {}
        self._denied: Mapping[str, DeniedError] = {}
        self._domains: dict[Reference, Domain] = {}
        self._only: Domain = NOBODYS
        self._lock = threading.Lock()
        self._good: dict[tuple[str, str, Domain], Keychain | None] = {}
        self._breakers: dict[str, CircuitBreaker] = {}
        self._standstills: dict[tuple[str, Doing], Standstill] = {}

    @property
    def uses_secrets(self) -> bool:
        """Whether it matters whose an image is."""
        return self._read_secrets is not None

    def log_in(self, mentions: Iterable[Mention], images: Mapping[Reference, Image]) -> None:
        """Learn whose each image is, and what the pull secrets hold, where they are to be used. Before the first question.

        DeniedError: they may be read in none of the namespaces. In some of them: that is the failure of the images there.
        """
        if self._read_secrets is None:
            return
        names = named(mentions)
        secrets = self._read_secrets(names)
        self._denied = {namespace: each.denied for namespace, each in secrets.items() if each.denied}
        self._keyrings = {namespace: each.keyring for namespace, each in secrets.items() if each.keyring}
        if len(self._denied) == len(secrets) > 0 and not self._keyrings:
            raise next(iter(self._denied.values()))
        passed = [problem for each in secrets.values() for problem in each.problems]
        passed += [f"namespace {namespace}: {error}; {error.hint}" for namespace, error in self._denied.items()]
        self.notes = [Remark(why, Note.PULL_SECRETS_PASSED_OVER, is_warning=True) for why in passed]
        known = frozenset(self._keyrings) | frozenset(self._denied)
        self._domains = {each: image.namespaces & known for each, image in images.items()}
        # What only documents name is in no namespace. Where there is but one, it is that one's.
        self._only = known if len(names) == 1 else NOBODYS
        for reference, image in images.items():
            if not image.namespaces:
                self._domains[reference] = self._only

    def domain(self, reference: Reference) -> Domain:
        """Whose pull secrets may be used for an image, as the backup names it."""
        return self._domains.get(reference, self._only)

    def ask(
        self,
        registry: str,
        repository: str,
        domain: Domain,
        work: Callable[[RegistryClient], R],
        *,
        refusals: tuple[type[LrsError], ...] = REFUSALS,
        doing: Doing = Doing.READ,
    ) -> R:
        """The result of work with the first login that it succeeds with; whoever it was goes first from then on.

        `refusals`: after which another login is tried. Where none does, see `_verdict`.
        """
        if why := self.failure(registry, repository, doing):
            raise why
        began = time.monotonic()
        try:
            result = self._asked((registry, repository, domain), work, refusals)
        except LrsError as error:
            self._standstill(registry, doing).judge(error, repository, began=began)
            if isinstance(error, UnreachableError):
                self._note_trouble(registry, error)
            raise
        if result is not False:  # it was there already, and nothing was written
            self._standstill(registry, doing).judge(None)
        return result

    def failure(self, registry: str, repository: str, doing: Doing) -> LrsError | None:
        """Why nothing of a repository needs to be tried: the registry is lost, or does nothing of that; else None."""
        if registry in self.lost:
            return self.lost[registry]
        if failure := self._standstill(registry, doing).failure(repository):
            return UnreachableError(f"{registry}/{repository}: {failure}", hint=failure.hint)
        return None

    def _standstill(self, registry: str, doing: Doing) -> Standstill:
        with self._lock:
            return self._standstills.setdefault((registry, doing), Standstill())

    def _asked(
        self, key: tuple[str, str, Domain], work: Callable[[RegistryClient], R], refusals: tuple[type[LrsError], ...]
    ) -> R:
        (registry, repository, domain), failures = key, list[tuple[bool, LrsError]]()
        for keychain in self._in_turn(key):
            try:
                result = work(self.registries.of(registry, keychain))
            except refusals as error:
                failures.append((keychain is not None or self.registries.has_login(registry, repository), error))
                if isinstance(error, BusyError):
                    break
                continue
            self._note_success(key, keychain)
            return result
        raise self._judged(failures, domain)

    def _in_turn(self, key: tuple[str, str, Domain]) -> Iterator[Keychain | None]:
        """What was good before, docker's own login, those of the Secrets; as nobody comes last. None: docker's, or nobody's."""
        registry, repository, domain = key
        with self._lock:
            is_known, good = key in self._good, self._good.get(key)
        if is_known:
            yield good
        rings = [self._keyrings[namespace] for namespace in sorted(domain) if namespace in self._keyrings]
        secrets = [each for ring in rings for each in ring.keychains(registry, repository)]
        own = [None] if not secrets or self.registries.has_login(registry, repository) else []
        for keychain in (*own, *secrets, *([] if own else [None])):
            if not (is_known and keychain is good):
                yield keychain

    def _judged(self, failures: Sequence[tuple[bool, LrsError]], domain: Domain) -> LrsError:
        """The verdict; where a Secret might have helped that may not be read, nobody has said that the image is missing."""
        error = _verdict(failures)
        denied = [self._denied[namespace] for namespace in sorted(domain) if namespace in self._denied]
        is_sure = isinstance(error, MissingError) and any(is_somebody for is_somebody, _ in failures)
        if not denied or is_sure or not isinstance(error, (MissingError, DeniedError)):
            return error
        return DeniedError(f"{error}; and {denied[0]}", hint=denied[0].hint)

    def _note_success(self, key: tuple[str, str, Domain], keychain: Keychain | None) -> None:
        with self._lock:
            self._good[key] = keychain

    def _note_trouble(self, registry: str, error: UnreachableError) -> None:
        """It may mean this one thing: the registry is lost where it says so of itself, or does not answer."""
        with self._lock:
            breaker = self._breakers.setdefault(registry, CircuitBreaker(partial(self.registries.look, registry)))
        breaker.judge(error, is_answer=isinstance(error, BusyError))
        if breaker.failure:
            self.lost[registry] = breaker.failure


def _verdict(failures: Sequence[tuple[bool, LrsError]]) -> LrsError:
    """What the answers come to, each to somebody or to nobody. Missing is what one who was let in was told, and nobody denied.

    A login that is not let in at all says nothing; but then what nobody in particular was told may be a refusal in disguise.
    """
    missing = [(is_somebody, error) for is_somebody, error in failures if isinstance(error, MissingError)]
    others = [error for _, error in failures if not isinstance(error, MissingError)]
    is_told = not others or any(is_somebody for is_somebody, _ in missing)
    if missing and is_told and all(isinstance(error, CredentialsError) for error in others):
        return missing[0][1]
    return others[0]
