"""Who is asked for whose image: where the Secrets of a namespace may not be read, that is the failure of its images alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.common.image_names.recognise import Why
from kubectl_lrs.stores.common.image_names.reference import Reference, parse
from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.find import Image, ImageMention
from kubectl_lrs.stores.images.pull_secrets import AuthEntry, Keyring, Named, Secrets
from kubectl_lrs.stores.images.registry.content import MissingError, UnclearError
from kubectl_lrs.stores.images.registry.credentials import Keychain, Login

HERS, HIS, THEIRS = (parse(f"r.io/{who}/app:x") for who in ("alice", "bob", "both"))
DENIED = DeniedError('secrets is forbidden: User "u" cannot get it in the namespace "bob"', hint="needs get on secrets")


class Registries:
    """Gives who asks in place of a client. `docker`: whether docker's own configuration has a login."""

    def __init__(self, *, docker: bool = False) -> None:
        self.stop = Cancel()
        self.docker = docker

    def of(self, registry: str, keychain: Keychain | None) -> str:
        login = keychain.login(registry, "x/y") if keychain else None
        return login.username if login else "docker" if self.docker else ""

    def look(self, _registry: str) -> None:
        """It answers."""

    def has_login(self, _registry: str, _repository: str) -> bool:
        return self.docker


def _access(secrets: Mapping[str, Secrets], *, docker: bool = False, others: int = 0) -> Access:
    def read(names: Mapping[str, Named]) -> dict[str, Secrets]:
        return {name: secrets.get(name, Secrets(Keyring(()))) for name in names}

    made: dict[Reference, Image] = {}
    for reference, namespaces in {HERS: ("alice",), HIS: ("bob",), THEIRS: ("alice", "bob")}.items():
        made[reference] = Image(reference)
        for namespace in namespaces:
            made[reference].add(ImageMention("lrs", f"{namespace}/app", "spec.image", Why.FIELD))
    access = Access(Registries(docker=docker), read_secrets=read)  # type: ignore[arg-type]
    access.log_in([Mention("lrs", f"{name}/app", "", "") for name in (*secrets, *map(str, range(others)))], made)
    return access


def _held(user: str) -> Secrets:
    return Secrets(Keyring([AuthEntry("r.io", Login(user, "pw"))]))


NOT_READ = Secrets(Keyring(()), denied=DENIED)


def _ask(access: Access, reference: Reference, answers: Mapping[str, Any]) -> str:
    def work(user: Any) -> str:
        if isinstance(answer := answers[user], LrsError):
            raise answer
        return f"{user} had {answer}"

    return access.ask(reference.registry, reference.repository, access.domain(reference), work)


MISSING, REFUSED = MissingError("not there"), CredentialsError("who are you?")


def test_the_images_of_the_others_are_had() -> None:
    access = _access({"alice": _held("alice"), "bob": NOT_READ})
    assert _ask(access, HERS, {"alice": "it", "": REFUSED}) == "alice had it"
    assert _ask(access, THEIRS, {"alice": "it", "": REFUSED}) == "alice had it"
    assert [str(each) for each in access.notes] == [f"warning: namespace bob: {DENIED}; needs get on secrets"]


@pytest.mark.parametrize("said", [MISSING, REFUSED, DeniedError("no")])
def test_its_own_are_refused_with_the_reason_and_never_called_missing(said: LrsError) -> None:
    access = _access({"alice": _held("alice"), "bob": NOT_READ})
    with pytest.raises(DeniedError, match='cannot get it in the namespace "bob"') as caught:
        _ask(access, HIS, {"": said})
    assert str(caught.value).startswith(str(said))
    assert caught.value.hint == "needs get on secrets"
    assert not isinstance(caught.value, CredentialsError)


def test_who_needs_no_secret_has_them_all_the_same() -> None:
    access = _access({"alice": _held("alice"), "bob": NOT_READ})
    assert _ask(access, HIS, {"": "it"}) == " had it"
    with_docker = _access({"alice": _held("alice"), "bob": NOT_READ}, docker=True)
    assert _ask(with_docker, HIS, {"docker": "it"}) == "docker had it"


def test_what_somebody_was_told_is_so() -> None:
    access = _access({"alice": _held("alice"), "bob": NOT_READ}, docker=True)
    with pytest.raises(MissingError):
        _ask(access, HIS, {"docker": MISSING})


@pytest.mark.parametrize("said", [UnreachableError("away"), UnclearError("?")])
def test_what_has_nothing_to_do_with_it_stays_what_it_is(said: LrsError) -> None:
    access = _access({"alice": _held("alice"), "bob": NOT_READ})
    with pytest.raises(type(said)) as caught:
        _ask(access, HIS, {"": said})
    assert caught.value is said


def test_what_could_be_read_of_a_namespace_is_used() -> None:
    partly = Secrets(Keyring([AuthEntry("r.io", Login("bob", "pw"))]), denied=DENIED)
    access = _access({"alice": NOT_READ, "bob": partly})
    assert _ask(access, HIS, {"bob": "it", "": REFUSED}) == "bob had it"
    with pytest.raises(DeniedError, match='the namespace "bob"'):
        _ask(access, HIS, {"bob": REFUSED, "": REFUSED})


@pytest.mark.parametrize("namespaces", [("bob",), ("alice", "bob")])
def test_where_none_may_be_read_the_right_is_missing(namespaces: tuple[str, ...]) -> None:
    with pytest.raises(DeniedError) as caught:
        _access(dict.fromkeys(namespaces, NOT_READ))
    assert caught.value is DENIED


def test_where_one_may_be_read_and_holds_nothing_the_run_goes_on() -> None:
    access = _access({"bob": NOT_READ}, others=1)
    with pytest.raises(DeniedError, match="who are you"):
        _ask(access, HIS, {"": REFUSED})
    with pytest.raises(CredentialsError):
        _ask(access, HERS, {"": REFUSED})
