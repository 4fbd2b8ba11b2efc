"""The MongoDB in a cluster: a real replica set with passwords and TLS, behind port-forwards of a real API server."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson import decode, encode

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.kubeconfig import KubeFlags, load
from kubectl_lrs.model.errors import CredentialsError, DeniedError, LrsError, UnreachableError, UsageError
from kubectl_lrs.stores.mongo.server import cluster as mongo_cluster
from kubectl_lrs.stores.mongo.server.client import Mongo
from kubectl_lrs.stores.mongo.server.cluster import ClusterAccess
from kubectl_lrs.stores.mongo.server.errors import MongoUnreachableError
from tests.bed.loader import wait_until
from tests.bed.mongo import MongoServers
from tests.bed.pods import certify, domain
from tests.builders.mongo_pods import NAMESPACE, STEP_DOWN, MongoBed
from tests.builders.rights import each_verb
from tests.builders.talker import Talker
from tests.rights.test_rights import ROLES, User, _without

Access = Callable[..., ClusterAccess]


@pytest.fixture
def access(mongo_bed: MongoBed) -> Iterator[Access]:
    """Ways in, closed at the end; then no connection and no thread is left."""
    made: list[ClusterAccess] = []

    def access(kube: KubeClient | None = None, **changes: Any) -> ClusterAccess:
        made.append(ClusterAccess(kube or mongo_bed.kube, replace(mongo_bed.where, **changes)))
        return made[-1]

    yield access
    for each in made:
        each.close()
    wait_until(lambda: mongo_bed.open_connections() == 0, "the port-forwards to end")
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("port-forward")]


def fails(access: ClusterAccess, kind: type[LrsError], mongo_bed: MongoBed) -> LrsError:
    """The error of the first use, in which the password does not stand, nor in anything that led to it."""
    with pytest.raises(LrsError) as caught:
        access.client()
    assert isinstance(caught.value, kind)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint + repr(access) + access.describe()
    assert mongo_bed.servers.password not in told
    return caught.value


# ---- the way


def test_reaches_the_primary_and_leaves_nothing(mongo_bed: MongoBed, access: Access) -> None:
    way = access()
    client = way.client()
    assert way.client() is client
    hello = client.admin.command("hello")
    assert hello["isWritablePrimary"]
    assert f"{NAMESPACE}/{hello['me'].partition('.')[0]}" == mongo_bed.primary()
    document = {"_id": 1, "data": b"x" * 1_000_000}
    client.get_database("reach")["things"].replace_one({"_id": 1}, document, upsert=True)
    assert client.get_database("reach")["things"].find_one() == document
    assert way.describe() == f"MongoDB of Service {NAMESPACE}/pcs-mongo-headless"
    assert mongo_bed.open_connections() > 0


def test_the_secret_may_have_another_key_and_name(mongo_bed: MongoBed, access: Access) -> None:
    mongo_bed.pods.secret(mongo_bed.servers.password, key="other")
    access(secret_key="other").client()


def test_pods_by_the_slices_of_a_service_without_selector(mongo_bed: MongoBed, access: Access) -> None:
    mongo_bed.plane.api("DELETE", f"/api/v1/namespaces/{NAMESPACE}/services/pcs-mongo-headless")
    mongo_bed.pods.service(selector=None)
    endpoints = [
        {"addresses": ["10.1.2.3"], "targetRef": {"kind": "Pod", "name": f"pcs-mongo-{number}", "namespace": NAMESPACE}}
        for number in range(3)
    ]
    body = {
        "metadata": {"name": "mongo", "labels": {"kubernetes.io/service-name": "pcs-mongo-headless"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"port": 27017}],
    }
    path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
    status, answer = mongo_bed.plane.api("POST", path, body)
    assert status == 201, answer
    try:
        assert access().client().admin.command("hello")["isWritablePrimary"]
    finally:
        mongo_bed.plane.api("DELETE", f"{path}/mongo")


# ---- TLS


def test_certificate_of_another_is_refused(mongo_bed: MongoBed, access: Access) -> None:
    certify(mongo_bed.plane, mongo_bed.servers, f"*.{domain('another-namespace')}")
    try:
        error = fails(access(), UnreachableError, mongo_bed)
    finally:
        certify(mongo_bed.plane, mongo_bed.servers, f"*.{domain(NAMESPACE)}")
    assert f"pcs-mongo-0.pcs-mongo-headless.{NAMESPACE}.svc.cluster.local" in str(error)
    assert "its certificate names none of" in str(error)
    access().client()


@pytest.mark.parametrize("form", ["pcs-mongo-{}", "pcs-mongo-{}.pcs-mongo-headless", f"*.pcs-mongo-headless.{NAMESPACE}.svc"])
def test_certificate_with_a_shorter_name(mongo_bed: MongoBed, access: Access, form: str) -> None:
    certify(mongo_bed.plane, mongo_bed.servers, *(form.format(number) for number in range(3)))
    try:
        access().client()
    finally:
        certify(mongo_bed.plane, mongo_bed.servers, f"*.{domain(NAMESPACE)}")


def test_certificate_of_another_authority_is_refused(mongo_bed: MongoBed, access: Access) -> None:
    error = fails(access(ca_file=str(mongo_bed.plane.ca_file)), UnreachableError, mongo_bed)
    assert "certificate was not accepted" in str(error)
    assert "--mongo-ca-file" in error.hint


def test_without_tls_where_mongo_wants_it(mongo_bed: MongoBed, access: Access) -> None:
    error = fails(access(tls=False, ca_file=""), UnreachableError, mongo_bed)
    assert "--mongo-tls" in error.hint


def test_a_standalone_without_tls(mongo_bed: MongoBed, access: Access, standalone: MongoServers) -> None:
    mongo_bed.pods.clear()
    mongo_bed.pods.service()
    mongo_bed.pods.pod(0, standalone.members[0].port)
    mongo_bed.pods.secret("standalone")
    error = fails(access(), UnreachableError, mongo_bed)
    assert "no TLS there" in str(error)
    assert "--mongo-tls" in error.hint
    admin = standalone.client().admin
    admin.command({"createUser": "pcs-mongodb", "pwd": "standalone", "roles": ["root"]})
    assert access(tls=False, ca_file="", user="pcs-mongodb").client().admin.command("hello")["isWritablePrimary"]
    admin.command({"dropUser": "pcs-mongodb"})


def test_tls_where_something_else_answers(mongo_bed: MongoBed, access: Access) -> None:
    with Talker() as talker:
        for number in range(3):
            mongo_bed.pods.replace(number, talker.port)
        error = fails(access(), UnreachableError, mongo_bed)
    assert "no TLS there" in str(error)
    assert "--mongo-tls" in error.hint


def test_files_that_cannot_be_used(mongo_bed: MongoBed, tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_text("junk")
    for changes in ({"ca_file": "/none"}, {"ca_file": str(junk)}, {"certificate_key_file": str(junk)}, {"tls": False}):
        with pytest.raises(UsageError):
            ClusterAccess(mongo_bed.kube, replace(mongo_bed.where, **changes))


# ---- refusals


def test_wrong_password(mongo_bed: MongoBed, access: Access) -> None:
    mongo_bed.pods.secret("wr0ng-and-secret")
    error = fails(access(), CredentialsError, mongo_bed)
    assert f"Secret {NAMESPACE}/pcs-mongo" in str(error)
    assert "wr0ng" not in "".join(traceback.format_exception(error)) + error.hint


@pytest.mark.parametrize(
    ("changes", "said", "flag"),
    [
        ({"secret": "none"}, f"Secret {NAMESPACE}/none", "--mongo-secret"),
        ({"secret_key": "none"}, "it has: mongodb-root-password", "--mongo-secret-key"),
        ({"service": "none"}, f"Service {NAMESPACE}/none", "--mongo-service"),
        ({"port": 4711}, "port 4711: connection refused", "--mongo-port"),
    ],
)
def test_wrong_names(mongo_bed: MongoBed, access: Access, changes: dict[str, Any], said: str, flag: str) -> None:
    error = fails(access(**changes), UnreachableError, mongo_bed)
    assert said in str(error)
    assert flag in error.hint


def test_what_answers_is_not_mongo(mongo_bed: MongoBed, access: Access) -> None:
    with Talker() as talker:
        for number in range(3):
            mongo_bed.pods.replace(number, talker.port)
        error = fails(access(tls=False, ca_file=""), UnreachableError, mongo_bed)
    assert "what answers is not MongoDB" in str(error)


def test_pods_that_are_not_ready_are_not_asked(mongo_bed: MongoBed, access: Access) -> None:
    primary = mongo_bed.primary()
    secondaries = [number for number in range(3) if not primary.endswith(str(number))]
    for number in secondaries:
        mongo_bed.pods.ready(number, is_ready=False)
    before = [mongo_bed.kubelet.connections(f"{NAMESPACE}/pcs-mongo-{number}")[1] for number in secondaries]
    access().client().admin.command("ping")
    assert [mongo_bed.kubelet.connections(f"{NAMESPACE}/pcs-mongo-{number}")[1] for number in secondaries] == before


def test_no_pod_is_ready(mongo_bed: MongoBed, access: Access) -> None:
    for number in range(3):
        mongo_bed.pods.ready(number, is_ready=False)
    error = fails(access(), UnreachableError, mongo_bed)
    assert "none of its pods is ready: pcs-mongo-0, pcs-mongo-1, pcs-mongo-2" in str(error)


def test_the_primary_is_not_among_the_ready_pods(mongo_bed: MongoBed, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_cluster, "ELECTION_LIMIT", 0.0)
    mongo_bed.pods.ready(int(mongo_bed.primary()[-1]), is_ready=False)
    assert "none of its ready pods is the primary" in str(fails(access(), UnreachableError, mongo_bed))


# ---- trouble on the way


@pytest.fixture
def mongo(access: Access, mongo_bed: MongoBed) -> Mongo:
    """A door with a collection of 40 MB behind it."""
    mongo = Mongo(access())
    documents = [encode({"_id": number, "data": bytes([number]) * 1_000_000}) for number in range(40)]
    if "bulk" not in mongo.names("trouble"):
        for document in documents:
            mongo.insert("trouble", "bulk", [document])
    return mongo


def pod_of(mongo: Mongo) -> str:
    """The pod to which the way leads."""
    assert isinstance(mongo.access, ClusterAccess)
    assert mongo.access.target
    return f"{mongo.access.target.namespace}/{mongo.access.target.pod}"


def ids(batches: Any) -> list[int]:
    return [decode(document)["_id"] for batch in batches for document in batch]


def test_the_primary_steps_down(mongo_bed: MongoBed, mongo: Mongo) -> None:
    mongo.insert("trouble", "steps", [encode({})])
    before = mongo_bed.primary()
    mongo_bed.servers.direct(mongo_bed.servers.primary()).admin.command(STEP_DOWN)
    with pytest.raises(MongoUnreachableError):
        mongo.insert("trouble", "steps", [encode({})])
    mongo.reopen(mongo.generation)
    assert mongo.insert("trouble", "steps", [encode({})]) == []
    assert mongo_bed.primary() != before


def cut(mongo_bed: MongoBed, pod: str) -> None:
    mongo_bed.kubelet.cut(pod)


def replaced(mongo_bed: MongoBed, pod: str) -> None:
    number = int(pod[-1])
    mongo_bed.pods.replace(number, mongo_bed.servers.members[number].port)


@pytest.mark.parametrize("trouble", [cut, replaced])
def test_lost_in_mid_dump(mongo_bed: MongoBed, mongo: Mongo, trouble: Callable[[MongoBed, str], None]) -> None:
    at = mongo.instant("trouble", "bulk")
    batches = mongo.batches("trouble", "bulk", at=at, size=12)
    ids([next(batches)])
    pod = pod_of(mongo)
    mongo_bed.kubelet.trouble(pod, rate=8_000_000)  # so that the next batch is on its way for more than a second
    timer = threading.Timer(0.5, trouble, (mongo_bed, pod))
    timer.start()
    try:
        with pytest.raises(MongoUnreachableError, match=r"reading trouble\.bulk"):
            ids(batches)
    finally:
        timer.join()
        mongo_bed.kubelet.trouble(pod)
    mongo.reopen(mongo.generation)
    assert ids(mongo.batches("trouble", "bulk", at=at)) == list(range(40))


def test_the_pod_comes_back_later(mongo_bed: MongoBed, mongo: Mongo) -> None:
    primary = pod_of(mongo)
    number = int(primary[-1])
    for each in range(3):
        mongo_bed.pods.ready(each, is_ready=False)
    mongo_bed.pods.remove(number)
    mongo.reopen(mongo.generation)

    def later() -> None:
        mongo_bed.pods.pod(number, mongo_bed.servers.members[number].port)

    timer = threading.Timer(2.0, later)
    timer.start()
    try:
        assert "bulk" in mongo.names("trouble")
    finally:
        timer.join()


def test_half_open_in_mid_dump(mongo_bed: MongoBed, access: Access, mongo: Mongo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo_cluster, "HALF_OPEN_LIMIT", 1.0)
    mongo.reopen(mongo.generation)
    batches = mongo.batches("trouble", "bulk", size=2)
    ids([next(batches)])
    primary = pod_of(mongo)
    mongo_bed.kubelet.trouble(primary, frozen=True)
    try:
        with pytest.raises(MongoUnreachableError):
            ids(batches)
    finally:
        mongo_bed.kubelet.trouble(primary)
    mongo.reopen(mongo.generation)
    assert ids(mongo.batches("trouble", "bulk")) == list(range(40))


def test_a_slow_way_is_only_slow(mongo_bed: MongoBed, mongo: Mongo) -> None:
    primary = pod_of(mongo)
    mongo_bed.kubelet.trouble(primary, rate=20_000_000)
    try:
        assert ids(mongo.batches("trouble", "bulk")) == list(range(40))
    finally:
        mongo_bed.kubelet.trouble(primary)


# ---- rights


@pytest.fixture
def user(mongo_bed: MongoBed, tmp_path: Path) -> Iterator[User]:
    user = User(mongo_bed.plane, NAMESPACE, tmp_path)
    yield user
    user.revoke()


def kube_of(user: User) -> KubeClient:
    return KubeClient(load(KubeFlags(kubeconfig=str(user.cli.kubeconfig)), {}))


def test_the_role_of_the_document_is_enough(user: User, access: Access) -> None:
    user.grant(ROLES["lrs-mongo"])
    assert access(kube_of(user)).client().admin.command("hello")["isWritablePrimary"]


@pytest.mark.parametrize(("rule", "verb"), list(each_verb(ROLES["lrs-mongo"]["rules"])), ids=lambda value: str(value))
def test_each_right_of_the_role_is_needed(
    mongo_bed: MongoBed, user: User, access: Access, rule: dict[str, Any], verb: str
) -> None:
    user.grant(_without(ROLES["lrs-mongo"], rule, verb))
    error = fails(access(kube_of(user)), DeniedError, mongo_bed)
    assert rule["resources"][0].partition("/")[0] in f"{error} {error.hint}"
    assert verb in f"{error} {error.hint}"
