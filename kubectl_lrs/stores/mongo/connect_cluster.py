"""Builds the way to the MongoDB in a cluster, from the flags of `commands/mongo_cluster_options.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.stores.mongo.server.cluster import ClusterAccess, InCluster


def cluster_access(kube: KubeClient, options: Mapping[str, Any], *, namespace: str) -> ClusterAccess:
    """The way that the flags name; `namespace`: of the LRS, where --mongo-namespace was not given. Nothing is asked yet."""
    return ClusterAccess(
        kube,
        InCluster(
            namespace=options["mongo_namespace"] or namespace,
            service=options["mongo_service"],
            secret=options["mongo_secret"],
            secret_key=options["mongo_secret_key"],
            user=options["mongo_user"],
            auth_source=options["mongo_auth_source"],
            port=options["mongo_port"],
            tls=options["mongo_tls"],
            ca_file=options["mongo_ca_file"],
            certificate_key_file=options["mongo_certificate_key_file"],
        ),
    )
