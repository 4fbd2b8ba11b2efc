"""The LRS operator: is it running, and pausing it while LRS are written.

Its name is not public. The Helm release is: its Deployment carries `release=dr`; among those, the one whose name or
image speaks of an LRS operator. `--operator` settles it where that finds none, or several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kubectl_lrs.clients.kube import DEPLOYMENTS, KubeClient
from kubectl_lrs.deadline import Deadline
from kubectl_lrs.errors import LrsError, UsageError
from kubectl_lrs.manifest import Manifest
from kubectl_lrs.tiers.resources.journal import read_journal, write_atomically

RELEASE = "release=dr"
POLL = 0.3


@dataclass(frozen=True)
class Operator:
    """The operator's Deployment."""

    namespace: str
    name: str
    replicas: int
    ready: int

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def find_operator(kube: KubeClient, namespaces: Iterable[str], wanted: str = "") -> Operator | None:
    """The operator, None where it is not found; UsageError where several could be it. DeniedError: one may not look."""
    if wanted:
        namespace, separator, name = wanted.partition("/")
        if not separator:
            raise UsageError(f"--operator {wanted!r}: write it as NAMESPACE/DEPLOYMENT")
        return _operator(kube.get(DEPLOYMENTS, name, namespace))
    found = [
        _operator(deployment)
        for namespace in namespaces
        for deployment in kube.items(DEPLOYMENTS, namespace, selector=RELEASE)
        if _speaks_of_operator(deployment)
    ]
    if len(found) > 1:
        raise UsageError(
            f"several Deployments could be the LRS operator: {', '.join(o.key for o in found)}", hint="name it with --operator"
        )
    return found[0] if found else None


def _speaks_of_operator(deployment: Manifest) -> bool:
    containers = deployment["spec"]["template"]["spec"].get("containers") or ()
    words = [deployment["metadata"]["name"], *(str(each.get("image", "")).rpartition("/")[2] for each in containers)]
    return any("lrs" in word and "operator" in word for word in words)


def _operator(deployment: Manifest) -> Operator:
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    # An absent spec.replicas means one.
    replicas = deployment["spec"].get("replicas", 1)
    return Operator(metadata["namespace"], metadata["name"], int(replicas), int(status.get("readyReplicas") or 0))


class Pause:
    """The operator at 0 replicas for a while. What it had is on the disk before it is scaled, so that it is never lost."""

    def __init__(self, kube: KubeClient, operator: Operator, journal: Path, replicas: int | None) -> None:
        self._kube = kube
        self._journal = journal
        self.operator = operator
        noted = read_journal(journal)
        if noted and noted.get("operator") == operator.key and operator.replicas == 0:
            self.replicas = int(noted["replicas"])
        elif replicas is not None:
            self.replicas = replicas
        elif operator.replicas == 0:
            raise UsageError(
                f"operator {operator.key} is at 0 replicas, and no run of this program paused it",
                hint="say how many it is to have afterwards with --operator-replicas N",
            )
        else:
            self.replicas = operator.replicas

    def begin(self, deadline: Deadline) -> None:
        """Scale it to 0, and wait until its pods are gone."""
        write_atomically(self._journal, {"operator": self.operator.key, "replicas": self.replicas})
        self._scale(0)
        while int((self._now().get("status") or {}).get("replicas") or 0) > 0:
            if not deadline.pause(POLL):
                raise LrsError(f"operator {self.operator.key} still has running pods after {deadline.seconds:.0f}s")

    def end(self) -> None:
        """Scale it back to what it had."""
        try:
            self._scale(self.replicas)
        except LrsError as error:
            raise LrsError(
                f"operator {self.operator.key} could not be scaled back: {error}",
                hint=f"kubectl scale -n {self.operator.namespace} deployment/{self.operator.name} --replicas={self.replicas}",
            ) from error
        self._journal.unlink(missing_ok=True)

    def _now(self) -> Manifest:
        return self._kube.get(DEPLOYMENTS, self.operator.name, self.operator.namespace)

    def _scale(self, replicas: int) -> None:
        patch = f'[{{"op":"add","path":"/spec/replicas","value":{replicas}}}]'.encode()
        self._kube.change(DEPLOYMENTS, "PATCH", patch, self.operator.namespace, self.operator.name, subresource="scale")
