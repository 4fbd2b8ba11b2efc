"""The way through a cluster says where it leads; nothing is asked before it is used."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.mongo.server import cluster
from kubectl_lrs.stores.mongo.server.cluster import ClusterAccess, InCluster

NOBODY: Any = None


def test_where_it_leads() -> None:
    access = ClusterAccess(NOBODY, InCluster(namespace="n", service="s"))
    assert access.describe() == "MongoDB of Service n/s"
    assert (access.database, access.without_effect, access.target) == ("", (), None)
    access.reopen()


def test_files_for_tls_without_tls() -> None:
    with pytest.raises(UsageError, match="are for TLS"):
        ClusterAccess(NOBODY, InCluster(namespace="n", ca_file="ca.pem"))


def test_names_of_a_pod() -> None:
    pod = {"metadata": {"name": "p-0"}, "spec": {"subdomain": "h"}}
    names = cluster._names(pod, InCluster(namespace="n"))
    assert names[0] == "p-0.h.n.svc.cluster.local"
    assert names[-1] == "p-0"
