"""A plan of nightly runs → the objects of Kubernetes that it needs, and nothing more. Nothing is asked or sent.

Secrets are named, and never read: what a pod needs of them it gets from the kubelet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubectl_lrs.clients.kubernetes.typed import Models, manifest
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.nightly import BACKUP
from kubectl_lrs.model.rights import OPTIONAL, Rule
from kubectl_lrs.model.scheduling import CONFIG_FILE, CONFIG_FOLDER, CONTAINER, FILES_FOLDER, JOB, SHARDS, Nightly, Part
from kubectl_lrs.usecases.scheduling.runs import JOB_NAME

RBAC = "rbac.authorization.k8s.io"
MEMORY = {"MALLOC_ARENA_MAX": "1"}
"""Memory that one thread gave back serves the others: by default glibc keeps some for each (mallopt(3), M_ARENA_MAX)."""

FINAL = [2, 4]
"""Exit statuses that another try would not change: the call is wrong, something is damaged."""

STARTS_WITHIN = 4 * 3600
"""Seconds: a controller that was away begins a run that is late by no more, and passes over one that is."""

LASTS = 24 * 3600
KEPT = 7 * 24 * 3600
TRIES_AGAIN = 2
GRACE = 120
"""Seconds between SIGTERM and SIGKILL: what is in flight is finished."""

AZURE = "azure.workload.identity/"
"""What annotations of Azure's begin with; its webhook looks for a label on pods besides."""


def objects_of(plan: Nightly) -> list[Manifest]:
    """All of them, in the order in which they are made: a CronJob comes last."""
    return [manifest(each) for each in _Objects(plan).all()]


def optional_role(plan: Nightly) -> Manifest:
    """The ClusterRole that runs are better off with, and do without: it is not made here."""
    models = Models()
    meta = models.V1ObjectMeta(name=f"{plan.called('optional')}-{plan.namespace}")
    return manifest(
        models.V1ClusterRole(
            api_version=f"{RBAC}/v1", kind="ClusterRole", metadata=meta, rules=[each.manifest for each in OPTIONAL]
        )
    )


class _Objects:
    def __init__(self, plan: Nightly) -> None:
        self._plan = plan
        self._models = Models()

    def all(self) -> Iterator[Any]:
        yield self._models.V1ConfigMap(
            api_version="v1",
            kind="ConfigMap",
            metadata=self._meta(self._plan.config_name),
            data={CONFIG_FILE: self._plan.config},
        )
        for part in self._plan.parts:
            yield self._account(part)
            for namespace, rules in part.rules.items():
                yield from self._rights(part, namespace, rules)
        for part in self._plan.parts:
            yield self._cron_job(part)

    def _meta(self, name: str, part: str = "", *, namespace: str | None = None, annotations: Any = None) -> Any:
        where = self._plan.namespace if namespace is None else namespace
        return self._models.V1ObjectMeta(
            name=name, namespace=where or None, labels=self._plan.labels(part), annotations=annotations
        )

    def _account(self, part: Part) -> Any:
        models = self._models
        return models.V1ServiceAccount(
            api_version="v1",
            kind="ServiceAccount",
            metadata=self._meta(self._plan.called(part.name), part.name, annotations=dict(part.annotations) or None),
            automount_service_account_token=False,
            image_pull_secrets=[models.V1LocalObjectReference(name=each) for each in self._plan.pull_secrets] or None,
        )

    def _rights(self, part: Part, namespace: str, rules: tuple[Rule, ...]) -> Iterator[Any]:
        """A Role and its binding; a ClusterRole where they are about all namespaces."""
        models, kind = self._models, "Role" if namespace else "ClusterRole"
        name = self._plan.called(part.name) if namespace else f"{self._plan.called(part.name)}-{self._plan.namespace}"
        meta = self._meta(name, part.name, namespace=namespace)
        made = getattr(models, f"V1{kind}")
        yield made(api_version=f"{RBAC}/v1", kind=kind, metadata=meta, rules=[each.manifest for each in rules])
        subject = models.RbacV1Subject(kind="ServiceAccount", name=self._plan.called(part.name), namespace=self._plan.namespace)
        bound = getattr(models, f"V1{kind}Binding")
        role = models.V1RoleRef(api_group=RBAC, kind=kind, name=name)
        yield bound(api_version=f"{RBAC}/v1", kind=f"{kind}Binding", metadata=meta, role_ref=role, subjects=[subject])

    def _cron_job(self, part: Part) -> Any:
        models = self._models
        return models.V1CronJob(
            api_version="batch/v1",
            kind="CronJob",
            metadata=self._meta(self._plan.called(part.name), part.name),
            spec=models.V1CronJobSpec(
                schedule=part.cron,
                time_zone=self._plan.time_zone,
                concurrency_policy="Forbid",
                starting_deadline_seconds=STARTS_WITHIN,
                successful_jobs_history_limit=3,
                failed_jobs_history_limit=7,
                job_template=models.V1JobTemplateSpec(
                    metadata=models.V1ObjectMeta(labels=self._plan.labels(part.name)), spec=self._job(part)
                ),
            ),
        )

    def _job(self, part: Part) -> Any:
        models = self._models
        disrupted = models.V1PodFailurePolicyOnPodConditionsPattern(type="DisruptionTarget", status="True")
        final = models.V1PodFailurePolicyOnExitCodesRequirement(container_name=CONTAINER, operator="In", values=FINAL)
        return models.V1JobSpec(
            backoff_limit=TRIES_AGAIN,
            active_deadline_seconds=LASTS,
            ttl_seconds_after_finished=KEPT,
            pod_failure_policy=models.V1PodFailurePolicy(
                rules=[
                    models.V1PodFailurePolicyRule(action="Ignore", on_pod_conditions=[disrupted]),
                    models.V1PodFailurePolicyRule(action="FailJob", on_exit_codes=final),
                ]
            ),
            template=models.V1PodTemplateSpec(metadata=models.V1ObjectMeta(labels=self._pod_labels(part)), spec=self._pod(part)),
        )

    def _pod_labels(self, part: Part) -> dict[str, str]:
        is_azure = any(each.startswith(AZURE) for each in part.annotations)
        return self._plan.labels(part.name) | ({f"{AZURE}use": "true"} if is_azure else {})

    def _pod(self, part: Part) -> Any:
        models, user = self._models, self._plan.user or None
        return models.V1PodSpec(
            restart_policy="Never",
            service_account_name=self._plan.called(part.name),
            automount_service_account_token=part.asks_cluster,
            enable_service_links=False,
            termination_grace_period_seconds=GRACE,
            security_context=models.V1PodSecurityContext(
                run_as_non_root=True,
                run_as_user=user,
                run_as_group=user,
                fs_group=user,
                fs_group_change_policy="OnRootMismatch" if user else None,
                seccomp_profile=models.V1SeccompProfile(type="RuntimeDefault"),
            ),
            containers=[self._container(part)],
            volumes=[*self._volumes(part)],
        )

    def _container(self, part: Part) -> Any:
        models = self._models
        mounts = [("tmp", "/tmp", False), ("config", CONFIG_FOLDER, True)]  # noqa: S108  it is the pod's own
        mounts += [("files", FILES_FOLDER, True)] if part.keys else []
        told = {"LRS_CONFIG": f"{CONFIG_FOLDER}/{CONFIG_FILE}", "LRS_CRONJOB": self._plan.called(part.name), **MEMORY}
        return models.V1Container(
            name=CONTAINER,
            image=self._plan.image,
            args=["run", "nightly", "--part", part.name, *([] if part.asks_cluster else ["--no-events"])],
            env=[*(models.V1EnvVar(name=name, value=value) for name, value in told.items()), *self._about_segments(part)],
            env_from=[models.V1EnvFromSource(secret_ref=models.V1SecretEnvSource(name=each)) for each in part.environment]
            or None,
            termination_message_policy="FallbackToLogsOnError",
            security_context=models.V1SecurityContext(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=models.V1Capabilities(drop=["ALL"]),
            ),
            resources=models.V1ResourceRequirements(
                requests={"cpu": "250m", "memory": "256Mi"},
                limits={"memory": self._plan.memory},
            ),
            volume_mounts=[
                models.V1VolumeMount(name=name, mount_path=path, read_only=is_read_only or None)
                for name, path, is_read_only in mounts
            ],
        )

    def _about_segments(self, part: Part) -> Iterator[Any]:
        """What a pod needs to know that has others copy: how, and its own Job, which these are made after."""
        if part.name == BACKUP and self._plan.shards:
            models = self._models
            yield models.V1EnvVar(name=SHARDS, value=self._plan.shards)
            field = models.V1ObjectFieldSelector(api_version="v1", field_path=f"metadata.labels['{JOB_NAME}']")
            yield models.V1EnvVar(name=JOB, value_from=models.V1EnvVarSource(field_ref=field))

    def _volumes(self, part: Part) -> Iterator[Any]:
        models = self._models
        yield models.V1Volume(name="tmp", empty_dir=models.V1EmptyDirVolumeSource(size_limit=self._plan.room))
        config = models.V1ConfigMapVolumeSource(name=self._plan.config_name, default_mode=0o440)
        yield models.V1Volume(name="config", config_map=config)
        if part.keys:
            items = [models.V1KeyToPath(key=each, path=each) for each in part.keys]
            secret = models.V1SecretVolumeSource(secret_name=part.files, items=items, default_mode=0o440)
            yield models.V1Volume(name="files", secret=secret)
