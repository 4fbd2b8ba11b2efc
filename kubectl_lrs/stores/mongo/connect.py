"""The application's MongoDB, from its options and the environment to its parts of a backup and of a restore."""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.belonging import Belongings
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.repository import Backup
from kubectl_lrs.repository.plain.files import reading
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.base import BackupContext, RestoreContext, Restorer
from kubectl_lrs.stores.mongo.collect import MongoCollector
from kubectl_lrs.stores.mongo.documents import DocumentsRestorer
from kubectl_lrs.stores.mongo.find import DumpOptions
from kubectl_lrs.stores.mongo.flags import BackupOptions, ClusterOptions, RehearseOptions, RestoreOptions, ServerOptions
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.rehearse import MongoRehearsal
from kubectl_lrs.stores.mongo.replaced import ReplacedJournal
from kubectl_lrs.stores.mongo.restore import MongoRestorer
from kubectl_lrs.stores.mongo.saved import TIER, StoredDump, narrowed
from kubectl_lrs.stores.mongo.saved import saved as saved_in
from kubectl_lrs.stores.mongo.server.access import MongoAccess, UriAccess
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.cluster import ClusterAccess, InCluster
from kubectl_lrs.stores.mongo.server.uri_parts import secret_in

VARIABLE = "LRS_MONGO_URI"
MAX_URI = 16 << 10


def collector(options: BackupOptions, context: BackupContext) -> MongoCollector:
    """The Mongo part of a backup."""
    wanted = DumpOptions(
        level=context.level,
        database=options.database,
        added=options.added,
        may_lack=options.may_lack,
        consistent=options.consistency == "snapshot",
    )
    mongo = Mongo(access(options, context.kube, context.namespace))
    return MongoCollector(mongo, wanted, KeySource(context.kube, context.namespace).facts)


def restorer(options: RestoreOptions, context: RestoreContext) -> Restorer:
    """The Mongo part of a restore of a backup."""
    dump = saved(context.folder, options.only)
    journal = ReplacedJournal(context.journals, context.state)
    return dump_restorer(
        dump, options, context.kube, namespace=context.namespace, stop=context.stop, journal=journal, only=context.only
    )


def dump_restorer(
    dump: StoredDump,
    options: RestoreOptions,
    kube: KubeClient,
    *,
    namespace: str,
    stop: Cancel,
    journal: ReplacedJournal,
    only: Belongings | None = None,
) -> Restorer:
    """The restore of a backup's dump, or of a plain one: of all of it, of one application's documents, or of those named."""
    mongo = Mongo(access(options, kube, namespace), stop=stop)
    keys = KeySource(kube, namespace) if dump.facts else None
    chosen = frozenset(only.of(TIER) if only else options.ids)
    dump = narrowed(dump, chosen) if only or chosen else dump
    whole = MongoRestorer(mongo, dump, options, presence=Presence(mongo, kube, namespace), keys=keys, stop=stop)
    if dump.only is None:
        return whole
    shared = only.shared(TIER) if only else {}
    return DocumentsRestorer(mongo, dump, options, whole=whole, shared=shared, journal=journal, stop=stop)


def rehearsal(options: RehearseOptions, context: RestoreContext) -> MongoRehearsal:
    """The Mongo part of a rehearsal."""
    mongo = Mongo(access(options, context.kube, context.namespace), stop=context.stop)
    presence = Presence(mongo, context.kube, context.namespace)
    keys = KeySource(context.kube, context.namespace)
    return MongoRehearsal(mongo, saved(context.folder), presence=presence, keys=keys, stop=context.stop)


def by_environment(place: ServerOptions) -> tuple[str, str] | None:
    """(where MongoDB is, the variable or the file that says so), None where the call itself says it."""
    found = given_uri(place)
    by = VARIABLE if found and found[1] == VARIABLE else place.settings_file if is_configured(place) else ""
    return (UriAccess(found[0], source=found[1]).describe(), by) if found and by else None


def is_configured(place: ServerOptions) -> bool:
    """Whether it is the installation file that names a URI."""
    return bool(place.configured & {"--mongo-uri", "--mongo-uri-file"})


def place(options: RestoreOptions, context: RestoreContext) -> RestoreTarget:
    """Where a restore writes, and who says so."""
    found = given_uri(options)
    if found is None:
        return RestoreTarget(target="MongoDB of the cluster", named_by=NamedBy.CLUSTER)
    target = UriAccess(found[0], source=found[1]).describe()
    server = context.folder.catalog.tiers[TIER].get("server")
    saved_at = str(server.get("address") or "") if isinstance(server, dict) else ""
    return RestoreTarget(
        target=target,
        named_by=NamedBy.ENVIRONMENT if found[1] == VARIABLE else NamedBy.SETTINGS if is_configured(options) else NamedBy.FLAG,
        by=options.settings_file if is_configured(options) else found[1],
        settle="--mongo-uri-file FILE",
        saved=saved_at,
        is_saved=bool(hosts(target) & hosts(saved_at)),
    )


def hosts(description: str) -> frozenset[str]:
    """The hosts in a description of MongoDB; of one deployment not everybody names all."""
    scheme, separator, rest = description.partition("://")
    return frozenset(f"{scheme}://{host.lower()}" for host in rest.partition("/")[0].split(",") if separator and host)


def saved(folder: Backup, only: tuple[str, ...] = ()) -> StoredDump:
    """What a backup holds, or those collections of it that were named."""
    facts = folder.catalog.tiers.get(TIER)
    if not isinstance(facts, dict):
        raise DamageError(f"{folder.describe()}: the catalog says nothing of {TIER}")
    return saved_in(folder, facts, only=only)


def access(place: ServerOptions, kube: KubeClient, namespace: str) -> MongoAccess:
    """The way to MongoDB: the URI that was given, else the one in the cluster."""
    if uri := given_uri(place):
        return UriAccess(uri[0], source=uri[1])
    return _in_cluster(place, kube, namespace)


def given_uri(place: ServerOptions) -> tuple[str, str] | None:
    """(the URI, where it came from), None where the way is through the cluster.

    UsageError where flags say where in the cluster MongoDB is although a URI says it all.
    """
    found = _uri(place)
    if found and (flag := place.first_given(ClusterOptions)):
        raise UsageError(
            f"{flag} is about the MongoDB in the cluster, and {found[1]} names another way",
            hint=f"leave out one of the two; TLS and users of a URI stand in the URI (unset {found[1]} to reach the cluster's)",
        )
    return found


def _uri(place: ServerOptions) -> tuple[str, str] | None:
    if place.uri and place.uri_file:
        raise UsageError("--mongo-uri and --mongo-uri-file were both given", hint="give one of the two")
    if place.uri:
        if secret := secret_in(place.uri):
            raise UsageError(
                f"--mongo-uri holds {secret}, which every user of this machine can see in the list of processes",
                hint=f"put the URI into a file and name it with --mongo-uri-file, or into {VARIABLE}",
            )
        return place.uri, "--mongo-uri"
    if place.uri_file:
        return _read(Path(place.uri_file)), f"the URI in {place.uri_file}"
    if from_environment := os.environ.get(VARIABLE, "").strip():
        return from_environment, VARIABLE
    return None


def _read(path: Path) -> str:
    try:
        with reading(str(path.resolve())) as file:
            text = file.read(MAX_URI + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"--mongo-uri-file {path}: cannot be read: {why}") from error
    if not text or len(text) > MAX_URI or "\n" in text:
        raise UsageError(f"--mongo-uri-file {path}: it must hold one MongoDB URI, and nothing else")
    return text


def _in_cluster(place: ServerOptions, kube: KubeClient, namespace: str) -> ClusterAccess:
    """The way that the flags name; `namespace`: of the LRS, where --mongo-namespace was not given. Nothing is asked yet."""
    where = InCluster(
        namespace=place.namespace or namespace,
        service=place.service,
        secret=place.secret,
        secret_key=place.secret_key,
        user=place.user,
        auth_source=place.auth_source,
        port=place.port,
        tls=place.tls,
        ca_file=place.ca_file,
        certificate_key_file=place.certificate_key_file,
    )
    return ClusterAccess(kube, where)
