"""Images and their registries, from their options, docker's configuration and the cluster's Secrets to what works on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.clients.http.client import HttpOptions
from kubectl_lrs.clients.kubernetes.client import KubeClient, Resource
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import DeniedError, LrsError, NotFoundError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.base import BackupContext, RestoreContext
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.common.mentions import Mention
from kubectl_lrs.stores.images.collect import ImagesTier
from kubectl_lrs.stores.images.find import Wanted
from kubectl_lrs.stores.images.flags import BackupOptions, RegistryOptions, RestoreOptions, WhichImages
from kubectl_lrs.stores.images.pull_secrets import named
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.credentials import Keychain, docker_config, pull_secrets
from kubectl_lrs.stores.images.restore import ImagesRestorer
from kubectl_lrs.stores.images.saved import Level

SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret")
SERVICE_ACCOUNTS = Resource(group="", version="v1", plural="serviceaccounts", kind="ServiceAccount")


FIRST_ATTEMPTS = 3
"""How often a request is sent at most to a host that has never answered: an LRS may name any."""


def registries(options: RegistryOptions, stop: Cancel | None = None) -> Registries:
    """The registries as the options and docker's configuration say."""
    keychain = Keychain([docker_config(os.environ, Path(os.environ.get("HOME") or "/nonexistent"))], environment=os.environ)
    return Registries(keychain, http_options(ca_file=options.ca_file, plain=options.plain), stop)


def http_options(*, ca_file: str = "", plain: Iterable[str] = ()) -> HttpOptions:
    """How registries are spoken to; `plain`: hosts that are without TLS."""
    return HttpOptions(
        tls=from_files(ca_file, os.environ, flag="--registry-ca-file", beside=True),
        proxies=Proxies(os.environ),
        plain=frozenset(host.strip().lower() for host in plain),
        first_attempts=FIRST_ATTEMPTS,
        ca_hint="give the authority of its certificate with --registry-ca-file; one without TLS: --registry-plain-http",
        plain_hint="if that host is trusted, name it with --registry-plain-http",
    )


def wanted(options: WhichImages) -> Wanted:
    """Which images are meant."""
    return Wanted(also=options.also, excluded=options.excluded)


def collector(options: BackupOptions, context: BackupContext) -> ImagesTier:
    """The images' part of a backup."""
    found = registries(options, context.kube.stop)
    return ImagesTier(
        found,
        Level(context.level),
        wanted=wanted(options),
        workers=options.parallel,
        log_in=log_in(context.kube, found, {}, is_wanted=options.pull_secrets),
    )


def restorer(options: RestoreOptions, context: RestoreContext) -> ImagesRestorer:
    """The images' part of a restore."""
    found = registries(options, context.stop)
    return ImagesRestorer(
        context.folder,
        found,
        mapping=registry_map(options.registry_maps),
        existing=options.existing,
        workers=options.parallel,
        log_in=log_in(context.kube, found, context.namespaces, is_wanted=options.pull_secrets),
    )


def log_in(
    kube: KubeClient, found: Registries, namespaces: Mapping[str, str], *, is_wanted: bool
) -> Callable[[Iterable[Mention]], None]:
    """Gives the registries what the pull secrets hold, where that is wanted."""

    def give(mentions: Iterable[Mention]) -> None:
        if is_wanted:
            names = named(mentions)
            secrets = {(namespaces.get(namespace, namespace), name) for namespace, name in names.secrets}
            for namespace, name in names.accounts:
                secrets.update(_of_account(kube, namespaces.get(namespace, namespace), name))
            found.add_logins(pull_secrets(secrets, lambda namespace, name: _object(kube, SECRETS, namespace, name)))

    return give


def _of_account(kube: KubeClient, namespace: str, name: str) -> Iterator[tuple[str, str]]:
    """The pull secrets of a service account."""
    for each in _object(kube, SERVICE_ACCOUNTS, namespace, name).get("imagePullSecrets") or ():
        if each.get("name"):
            yield namespace, str(each["name"])


def _object(kube: KubeClient, resource: Resource, namespace: str, name: str) -> Mapping[str, Any]:
    """An object, empty where it is not there: Kubernetes passes over a pull secret that is missing too."""
    try:
        return kube.get(resource, name, namespace)
    except NotFoundError:
        return {}
    except DeniedError as error:
        raise _needs(error) from error


def _needs(error: DeniedError) -> LrsError:
    error.hint = "--registry-pull-secrets needs get on secrets and serviceaccounts; docker login does without"
    return error
