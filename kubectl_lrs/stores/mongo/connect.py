"""The application's MongoDB, from flags and the environment to the tiers that back it up and restore it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.model.plan import Existing
from kubectl_lrs.repository import SealedFolder
from kubectl_lrs.repository.files import reading
from kubectl_lrs.stores.mongo.apply import MongoRestorer
from kubectl_lrs.stores.mongo.collect import MongoTier
from kubectl_lrs.stores.mongo.connect_cluster import cluster_access
from kubectl_lrs.stores.mongo.find import Wish
from kubectl_lrs.stores.mongo.keys import KeySource
from kubectl_lrs.stores.mongo.plan import TIER, RestoreWish
from kubectl_lrs.stores.mongo.presence import Presence
from kubectl_lrs.stores.mongo.saved import StoredDump
from kubectl_lrs.stores.mongo.saved import saved as saved_in
from kubectl_lrs.stores.mongo.server.access import MongoAccess, UriAccess, has_password
from kubectl_lrs.stores.mongo.server.client import Mongo

VARIABLE = "LRS_MONGO_URI"
MAX_URI = 16 << 10


def collector(level: str, kube: KubeClient, namespace: str, options: Mapping[str, Any]) -> MongoTier:
    """The Mongo part of a backup."""
    wish = Wish(
        level=level,
        database=options["mongo_db"],
        added=options["mongo_added"],
        may_lack=options["mongo_may_lack"],
        consistent=options["mongo_consistency"] == "snapshot",
    )
    return MongoTier(Mongo(access(kube, namespace, options)), wish, KeySource(kube, namespace).facts)


def restorer(
    dump: StoredDump, kube: KubeClient, namespace: str, options: Mapping[str, Any], stop: threading.Event
) -> MongoRestorer:
    """The Mongo part of a restore; `dump`: a backup's (`saved`), or a plain one (`tiers.mongo.stored.dumped`)."""
    mongo = Mongo(access(kube, namespace, options))
    wish = RestoreWish(
        existing=Existing(options["mongo_existing"]),
        database=options["mongo_db"],
        allow_running_app=options["allow_running_app"],
        ignore_keys=options["ignore_keys"],
    )
    keys = KeySource(kube, namespace) if dump.facts else None
    return MongoRestorer(mongo, dump, wish, presence=Presence(mongo, kube, namespace), keys=keys, stop=stop)


def saved(folder: SealedFolder, options: Mapping[str, Any]) -> StoredDump:
    """What a backup holds, or those collections of it that were named."""
    facts = folder.catalog.tiers.get(TIER)
    if not isinstance(facts, dict):
        raise DamageError(f"{folder.path}: the catalog says nothing of {TIER}")
    return saved_in(folder, facts, only=options["mongo_only"])


def access(kube: KubeClient, namespace: str, options: Mapping[str, Any]) -> MongoAccess:
    """The way to MongoDB: the URI that was given, else the one in the cluster."""
    if uri := given_uri(options):
        return UriAccess(uri[0], source=uri[1])
    return cluster_access(kube, options, namespace=namespace)


def given_uri(options: Mapping[str, Any]) -> tuple[str, str] | None:
    """(the URI, where it came from), None where the way is through the cluster."""
    if options["mongo_uri"] and options["mongo_uri_file"]:
        raise UsageError("--mongo-uri and --mongo-uri-file were both given", hint="give one of the two")
    if given := str(options["mongo_uri"]):
        if has_password(given):
            raise UsageError(
                "--mongo-uri holds a password, which every user of this machine can see in the list of processes",
                hint=f"put the URI into a file and name it with --mongo-uri-file, or into {VARIABLE}",
            )
        return given, "--mongo-uri"
    if options["mongo_uri_file"]:
        return _read(Path(options["mongo_uri_file"])), f"the URI in {options['mongo_uri_file']}"
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
