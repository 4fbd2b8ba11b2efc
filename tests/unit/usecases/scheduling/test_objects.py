"""The objects of nightly runs: a part of them has what it needs, and nothing of another's."""

from __future__ import annotations

from typing import Any

from kubectl_lrs.model.nightly import BACKUP, PROVE, PRUNE
from kubectl_lrs.model.rights import Rule
from kubectl_lrs.model.scheduling import Nightly, Part
from kubectl_lrs.usecases.scheduling.objects import MEMORY, objects_of, optional_role

RULE = Rule("lrs.datarobot.com", ("lrs",), ("list",))


def made(*parts: Part, **more: Any) -> dict[tuple[str, str, str], dict[str, Any]]:
    """By kind, namespace and name."""
    plan = Nightly(name="n", namespace="dr", image="i", config="c: 1\n", time_zone="Etc/UTC", parts=parts, **more)
    found = objects_of(plan)
    assert found[-1]["kind"] == "CronJob", "what begins runs is made last"
    return {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in found}


def pod(job: dict[str, Any]) -> dict[str, Any]:
    """What runs."""
    found: dict[str, Any] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


def test_each_part_has_its_own() -> None:
    backup = Part(
        name=BACKUP, cron="1 1 * * *", environment=("s3",), files="f", keys=("uri",), rules={"dr": (RULE,), "mongo": (RULE,)}
    )
    prune = Part(name=PRUNE, cron="2 2 * * *", environment=("s3-prune",))
    there = made(backup, prune, pull_secrets=("pull",))
    assert {kind for kind, where, name in there if name == "n-prune"} == {"ServiceAccount", "CronJob"}
    assert [(kind, where) for kind, where, name in there if kind.startswith("Role") and name == "n-backup"] == [
        ("Role", "dr"), ("RoleBinding", "dr"), ("Role", "mongo"), ("RoleBinding", "mongo"),
    ]  # fmt: skip
    assert there["RoleBinding", "mongo", "n-backup"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "n-backup", "namespace": "dr"}
    ]
    assert there["ServiceAccount", "dr", "n-prune"]["imagePullSecrets"] == [{"name": "pull"}]
    jobs = {part: pod(there["CronJob", "dr", f"n-{part}"]) for part in (BACKUP, PRUNE)}
    assert [each["name"] for each in jobs[PRUNE]["volumes"]] == ["tmp", "config"]
    assert [each["name"] for each in jobs[BACKUP]["volumes"]] == ["tmp", "config", "files"]
    assert jobs[PRUNE]["containers"][0]["args"] == ["run", "nightly", "--part", "prune", "--no-events"], "it has no token"
    assert jobs[BACKUP]["containers"][0]["args"] == ["run", "nightly", "--part", "backup"]
    assert {each["name"]: each["value"] for each in jobs[PRUNE]["containers"][0]["env"]}["LRS_CRONJOB"] == "n-prune"


def test_a_pod_that_has_others_copy_knows_its_own_job() -> None:
    parts = [Part(name=name, cron="1 1 * * *", rules={"dr": (RULE,)}) for name in (BACKUP, PROVE)]
    there = made(*parts, shards="auto")
    backup, prove = (pod(there["CronJob", "dr", f"n-{name}"])["containers"][0]["env"] for name in (BACKUP, PROVE))
    label = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}
    assert backup[3:] == [{"name": "LRS_SHARDS", "value": "auto"}, {"name": "LRS_JOB", "valueFrom": label}]
    assert {each["name"] for each in prove} == {"LRS_CONFIG", "LRS_CRONJOB", *MEMORY}


def test_all_namespaces_take_a_cluster_role() -> None:
    there = made(Part(name=BACKUP, cron="1 1 * * *", rules={"": (RULE,)}))
    binding = there["ClusterRoleBinding", "", "n-backup-dr"]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "n-backup-dr"}
    assert binding["metadata"]["labels"]["app.kubernetes.io/part-of"] == "dr"


def test_who_a_pod_runs_as() -> None:
    part = Part(name=PROVE, cron="1 1 * * *", annotations={"azure.workload.identity/client-id": "x"})
    job = made(part)["CronJob", "dr", "n-prove"]
    assert pod(job)["securityContext"]["runAsUser"] == 65532
    labels = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert labels["azure.workload.identity/use"] == "true"
    left_out = pod(made(part, user=0)["CronJob", "dr", "n-prove"])["securityContext"]
    assert left_out == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_what_no_role_can_give_is_named_apart() -> None:
    plan = Nightly(name="n", namespace="dr", image="i", config="", time_zone="Etc/UTC", parts=())
    assert optional_role(plan)["metadata"]["name"] == "n-optional-dr"
