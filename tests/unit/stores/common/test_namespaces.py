"""Which namespace becomes which, and where the old one is still named."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.namespaces import OldNamespaces, namespace_map


def test_pairs() -> None:
    assert namespace_map([]) == {}
    assert namespace_map(["a=b", "b=a", "c=d"]) == {"a": "b", "b": "a", "c": "d"}


@pytest.mark.parametrize(
    "pairs", [["a"], ["a="], ["=b"], ["a=a"], ["a=b=c"], ["A=b"], ["a=../b"], ["a=b", "a=c"], ["a=b", "a=b"], [""]]
)
def test_pairs_that_make_no_sense(pairs: list[str]) -> None:
    with pytest.raises(UsageError, match="--map-namespace"):
        namespace_map(pairs)


NAMED = [
    ("spec.env.NS", "datarobot"),
    ("spec.env[0].value", "datarobot"),
    ("spec.namespace", "datarobot"),
    ("spec.namespaceName", "datarobot"),
    ("spec.target.namespace.name", "datarobot"),
    ("metadata.annotations.meta.helm.sh/release-namespace", "datarobot"),
    ("spec.env.URL", "http://gateway.datarobot.svc:8080/x"),
    ("spec.env.URL", "http://gateway.datarobot.svc.cluster.local/"),
    ("spec.env.URL", "HTTP://Gateway.DataRobot.SVC/"),
    ("spec.env.URL", "http://gateway.datarobot:8080"),
    ("spec.env.URL", "https://gateway.datarobot/api"),
    ("spec.env.HOST", "gateway.datarobot"),
    ("spec.env.HOST", "mongo-0.mongo.datarobot"),
    ("spec.env.HOST", "10-0-0-1.datarobot.pod.cluster.local"),
    ("spec.env.MONGO", "mongodb://u:p@m-0.m.other.svc:27017,m-1.m.datarobot.svc:27017/db"),
    ("spec.serviceName", "gateway.datarobot.svc"),
    ("spec.containers[0].image", "registry.datarobot.svc:5000/custom-apps/managed-image:1"),
    ("spec.args[1]", "--namespace=datarobot"),
    ("spec.args[1]", "--namespace datarobot --once"),
    ("spec.args[1]", "--watch-namespaces=a,datarobot,b"),
    ("spec.args[1]", "a, datarobot"),
    ("spec.command", "kubectl -n datarobot get lrs"),
    ("spec.command", "POD_NAMESPACE=datarobot run"),
    ("spec.config", '{"namespace": "datarobot", "x": 1}'),
    ("spec.config", "store:\n  namespace: datarobot\n"),
    ("spec.env.PATH_", "/api/v1/namespaces/datarobot/pods"),
    ("spec.subject", "system:serviceaccount:datarobot:default"),
    ("spec.group", "system:serviceaccounts:datarobot"),
    ("spec.secretRef", "datarobot/core-credentials"),
    ("metadata.annotations.example.com/owner", "datarobot/core-credentials"),
]

NOT_NAMED = [
    ("metadata.namespace", "datarobot"),
    ("metadata.name", "datarobot"),
    ("metadata.finalizers[0]", "lrs.datarobot.com/cleanup"),
    ("metadata.finalizers[0]", "datarobot/cleanup"),
    ("apiVersion", "lrs.datarobot.com/v1"),
    ("spec.env.GROUP", "lrs.datarobot.com"),
    ("spec.env.GROUP", "lrs.datarobot.com/v1alpha1"),
    ("spec.env.URL", "https://app.datarobot.com/api/v2"),
    ("spec.env.URL", "https://datarobot.example.com/"),
    ("spec.env.URL", "https://example.com/datarobot/x"),
    ("spec.env.URL", "https://example.com/x.datarobot"),
    ("spec.env.MONGO", "mongodb://mongo.other.svc:27017/datarobot"),
    ("spec.containers[0].image", "datarobot/custom-model:1.0"),
    ("spec.containers[0].image", "datarobot/custom-model"),
    ("spec.containers[0].image", "registry.example.com/datarobot/custom-model@sha256:" + "0" * 64),
    ("spec.baseImage", "datarobot/custom-model"),
    ("spec.baseImage", "datarobot"),
    ("spec.env.MODEL", "registry.example.com/datarobot/x:1"),
    ("spec.env.DIR", "/opt/datarobot/models"),
    ("spec.env.DIR", "/opt/datarobot"),
    ("spec.env.FILE", "/etc/conf.datarobot"),
    ("spec.env.FILE", "file:///opt.datarobot"),
    ("spec.env.APP", "datarobot-app"),
    ("spec.env.APP", "my-datarobot"),
    ("spec.env.APP", "not.datarobot.io"),
    ("spec.args[1]", "--not-datarobot-at-all"),
    ("spec.args[1]", "--namespace=datarobot-other"),
    ("spec.note", "made by datarobot people"),
    ("spec.containers[0].name", "datarobot"),
    ("spec.serviceAccountName", "datarobot"),
    ("metadata.labels.app.kubernetes.io/part-of", "datarobot"),
    ("metadata.labels.app", "datarobot"),
    ("spec.env.MONGO_URL", "s3://bucket/datarobot"),
]


@pytest.mark.parametrize(("field", "text"), NAMED)
def test_where_a_namespace_stands(field: str, text: str) -> None:
    assert OldNamespaces(["datarobot"]).is_named(field, text)
    assert OldNamespaces(["other-one", "datarobot"]).is_named(field, text)
    assert not OldNamespaces(["robot"]).is_named(field, text)


@pytest.mark.parametrize(("field", "text"), NOT_NAMED)
def test_the_same_letters_that_are_no_namespace(field: str, text: str) -> None:
    assert not OldNamespaces(["datarobot"]).is_named(field, text)


def test_strings_of_an_object_with_their_fields() -> None:
    manifest = {
        "apiVersion": "lrs.datarobot.com/v1",
        "metadata": {"name": "a", "namespace": "datarobot", "finalizers": ["lrs.datarobot.com/x"]},
        "spec": {"env": [{"name": "A", "value": "x.datarobot.svc"}], "template": {"metadata": {"namespace": "datarobot"}}},
    }
    assert list(OldNamespaces(["datarobot"]).within(manifest)) == [
        ("spec.env[0].value", "x.datarobot.svc"),
        ("spec.template.metadata.namespace", "datarobot"),
    ]
    assert list(OldNamespaces([]).within(manifest)) == []
