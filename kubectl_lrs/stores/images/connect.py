"""Images and their registries, from their options, docker's configuration and the cluster's Secrets to what works on them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.clients.http.client import HttpOptions
from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import SECRETS, SERVICE_ACCOUNTS, Resource
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import from_files
from kubectl_lrs.model.errors import CredentialsError, DeniedError, NotFoundError
from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.workloads import GROUP, PLURAL
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.base import BackupContext, RestoreContext
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.common.image_names.recognise import parsed
from kubectl_lrs.stores.common.image_names.reference import Reference, named_repository
from kubectl_lrs.stores.common.mentions import of_lrs, strings
from kubectl_lrs.stores.images.access import Access, ReadSecrets
from kubectl_lrs.stores.images.collect import ImagesCollector
from kubectl_lrs.stores.images.find import ImageFilter, allowed
from kubectl_lrs.stores.images.flags import BackupOptions, RegistryOptions, RehearseOptions, RestoreOptions, SpokenTo, WhichImages
from kubectl_lrs.stores.images.pull_secrets import AuthEntry, Keyring, Named, Secrets, entries
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.credentials import Keychain, docker_config
from kubectl_lrs.stores.images.rehearse import ImagesTrial
from kubectl_lrs.stores.images.restore import ImagesRestorer
from kubectl_lrs.stores.images.saved import TIER, Level, saved
from kubectl_lrs.stores.images.scratch import FLAG, ImagesScratch

FIRST_ATTEMPTS = 3
"""How often a request is sent at most to a host that has never answered: an LRS may name any."""


def registries(options: SpokenTo, stop: Cancel | None = None) -> Registries:
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


def wanted(options: WhichImages) -> ImageFilter:
    """Which images are meant."""
    return ImageFilter(also=options.also, excluded=options.excluded, registries=allowed(options.hosts))


def access(options: RegistryOptions, kube: KubeClient, namespaces: Mapping[str, str], stop: Cancel | None = None) -> Access:
    """The registries, and who asks them. `namespaces`: where those of the LRS are now, as far as they are elsewhere."""
    return Access(
        registries(options, stop),
        allowed=allowed(options.hosts),
        read_secrets=_reader(kube, namespaces) if options.pull_secrets else None,
    )


def collector(options: BackupOptions, context: BackupContext) -> ImagesCollector:
    """The images' part of a backup."""
    return ImagesCollector(
        access(options, context.kube, {}, context.kube.stop),
        Level(context.level),
        wanted=wanted(options),
        workers=options.parallel,
    )


def restorer(options: RestoreOptions, context: RestoreContext) -> ImagesRestorer:
    """The images' part of a restore."""
    return ImagesRestorer(
        context.folder,
        access(options, context.kube, context.namespaces, context.stop),
        mapping=registry_map(options.registry_maps),
        existing=options.existing,
        workers=options.parallel,
        only=context.only,
    )


def rehearsal(options: RehearseOptions, context: RestoreContext) -> ImagesTrial:
    """The images' part of a rehearsal."""
    if not options.scratch:
        return ImagesTrial(context.folder, stop=context.stop)
    return ImagesScratch(
        context.folder,
        named_repository(options.scratch, FLAG),
        connect=lambda cancel: Access(registries(options, cancel)),
        users=lambda where: _users(context, where),
        stop=context.stop,
    )


def _users(context: RestoreContext, where: Reference) -> Iterator[str | Finding]:
    """The LRS of now that name a repository; what keeps that from being known."""
    resource = context.kube.discover(GROUP, PLURAL)
    if resource is None:
        return
    try:
        yield from _naming(context.kube, resource, None, where)
    except DeniedError:
        saved_in = context.folder.catalog.tiers.get("resources", {}).get("namespaces", {})
        yield Finding(Severity.WARNING, f"whether LRS of other namespaces than those of the backup use {where.name} is not known")
        for namespace in sorted({context.namespace, *(context.namespaces.get(each, each) for each in saved_in)}):
            yield from _naming(context.kube, resource, namespace, where)


def _naming(kube: KubeClient, resource: Resource, namespace: str | None, where: Reference) -> Iterator[str]:
    written = re.compile(rf"(?<![\w.-]){re.escape(where.name)}(?![\w./-])")
    for page in kube.pages(resource, namespace):
        for _, manifest in page.items:
            for _, text in strings(of_lrs(manifest).content):
                named = parsed(text)
                if written.search(text) or (named and named.name == where.name):
                    yield f"LRS {manifest['metadata']['namespace']}/{manifest['metadata']['name']}"


def by_environment(_options: Options) -> None:
    """None: which registries there are is said by what is saved, and the environment holds credentials alone."""
    return


def place(options: RestoreOptions, context: RestoreContext) -> RestoreTarget:
    """The registries that a restore pushes to: those that the backup names, but for what is mapped elsewhere."""
    inventory, mapping = saved(context.folder), registry_map(options.registry_maps)
    only = context.only.of(TIER) if context.only else None
    references = [each.reference for each in inventory.of(only).entries] if inventory else []
    targets = {reference: mapping.target(reference) for reference in references}
    as_saved = {target.registry for reference, target in targets.items() if target == reference}
    return RestoreTarget(
        target=", ".join(sorted({target.registry for target in targets.values()})),
        named_by=NamedBy.BACKUP if as_saved and not options.hosts else NamedBy.FLAG,
        settle="--registry HOST, or --map-registry OLD=NEW",
    )


def _reader(kube: KubeClient, namespaces: Mapping[str, str]) -> ReadSecrets:
    """Reads the pull secrets that are named; by the namespaces of the LRS, wherever these are now."""

    def read(names: Mapping[str, Named]) -> dict[str, Secrets]:
        return {namespace: _secrets(kube, namespaces.get(namespace, namespace), named) for namespace, named in names.items()}

    return read


def _secrets(kube: KubeClient, namespace: str, names: Named) -> Secrets:
    """What the Secrets of one namespace hold."""
    denied: list[DeniedError] = []
    wanted = set(names.secrets)
    for account in sorted(names.accounts):
        wanted.update(_of_account(_object(kube, SERVICE_ACCOUNTS, namespace, account, denied)))
    found: list[AuthEntry] = []
    problems: list[str] = []
    for name in sorted(wanted):
        if secret := _object(kube, SECRETS, namespace, name, denied):
            held, problem = entries(secret, f"Secret {namespace}/{name}")
            found += held
            problems += [problem] if problem else []
    return Secrets(Keyring(found), tuple(problems), denied[0] if denied else None)


def _of_account(account: Mapping[str, Any]) -> Iterator[str]:
    """The pull secrets of a service account."""
    return (str(each["name"]) for each in account.get("imagePullSecrets") or () if each.get("name"))


def _object(kube: KubeClient, resource: Resource, namespace: str, name: str, denied: list[DeniedError]) -> Mapping[str, Any]:
    """An object, empty where it is not there: Kubernetes passes over a pull secret that is missing too.

    That it may not be read is the failure of its namespace's images; that nobody knows us is everybody's.
    """
    try:
        return kube.get(resource, name, namespace)
    except NotFoundError:
        return {}
    except CredentialsError:
        raise
    except DeniedError as error:
        denied.append(
            error.with_hint("--registry-pull-secrets needs get on secrets and serviceaccounts; docker login does without")
        )
        return {}
