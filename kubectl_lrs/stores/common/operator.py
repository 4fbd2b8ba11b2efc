"""The LRS operator: is it running, and pausing it while LRS are written.

Its name is not public. The Helm release is: its Deployment carries `release=dr`; among those, the one whose name or
image speaks of an LRS operator. `--operator` settles it where that finds none, or several.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import DEPLOYMENTS
from kubectl_lrs.model.errors import DeniedError, LrsError, NotFoundError, UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.runtime.cancel import Deadline
from kubectl_lrs.runtime.journal import held
from kubectl_lrs.runtime.retry import Policy, insist
from kubectl_lrs.stores.common.journals import PauseJournal, writing

RELEASE = "release=dr"

POLL = 0.3
"""Seconds between two looks at the pods of a paused operator."""

SCALING_BACK = Policy(attempts=5, first=0.5)
"""How often it is tried to scale it back."""


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


def find_operators(kube: KubeClient, namespaces: Iterable[str], wanted: str = "") -> list[Operator]:
    """Every Deployment that could be the operator: `wanted`, or what is found in these namespaces.

    It is looked for where the LRS are, and nowhere else: one in another namespace may belong to another installation.
    DeniedError: one may not look.
    """
    if wanted:
        namespace, separator, name = wanted.partition("/")
        if not (separator and namespace and name):
            raise UsageError(f"--operator {wanted!r}: write it as NAMESPACE/DEPLOYMENT")
        try:
            return [_operator(kube.get(DEPLOYMENTS, name, namespace))]
        except NotFoundError as error:
            raise UsageError(f"--operator {wanted}: {error}") from error
    return [
        _operator(deployment)
        for namespace in namespaces
        for deployment in kube.items(DEPLOYMENTS, namespace, selector=RELEASE)
        if _speaks_of_operator(deployment)
    ]


def only_one(found: Sequence[Operator]) -> Operator:
    """The operator; UsageError where none or several were found."""
    if not found:
        raise UsageError(
            "the LRS operator was not found in the namespaces of the LRS", hint="name it with --operator NAMESPACE/DEPLOYMENT"
        )
    if len(found) > 1:
        raise UsageError(
            f"several Deployments could be the LRS operator: {', '.join(operator.key for operator in found)}",
            hint="name it with --operator NAMESPACE/DEPLOYMENT",
        )
    return found[0]


def may_scale(kube: KubeClient, operator: Operator) -> bool:
    """Whether the user may scale it, by the API server's own word."""
    return kube.can_i("patch", DEPLOYMENTS.plural, group=DEPLOYMENTS.group, namespace=operator.namespace, subresource="scale")


def noted_replicas(journal: PauseJournal, operator: Operator) -> int | None:
    """What it had before a run of this program paused it and did not end well; None where there was no such run."""
    noted = next((each for each in journal.noted() if each.document.get("operator") == operator.key), None)
    if noted is None:
        return None
    try:
        return int(noted.document["replicas"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{noted.paths[0]}: does not say how many replicas it had", hint="look at it, and move it away"
        ) from error


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
    """The operator at 0 replicas for a while. What it had is on the disk before it is scaled, so that it is never lost.

    One run at a time: it would be awake again while another one still writes.
    """

    def __init__(self, kube: KubeClient, operator: Operator, journal: PauseJournal, replicas: int | None) -> None:
        self._kube = kube
        self._journal = journal
        self.operator = operator
        self.replicas = _afterwards(operator, journal, replicas)
        self._mine = ExitStack()
        self._begun = False

    def begin(self, deadline: Deadline) -> None:
        """Scale it to 0, and wait until its pods are gone."""
        with writing(self._journal.path):
            alone = self._mine.enter_context(held(self._journal.path, self._journal.trust))
        if not alone:
            raise LrsError(f"another run has paused the operator {self.operator.key}", hint="wait until that run is over")
        self._begun = True
        self._journal.write({"operator": self.operator.key, "replicas": self.replicas})
        self._scale(0)
        while why := self._why_awake():
            if not deadline.pause(POLL):
                raise LrsError(f"operator {self.operator.key} {why} after {deadline.seconds:.0f}s", hint="see --timeout")

    def end(self) -> str:
        """Scale it back to what it had, if `begin` came so far; why it was not paused all the time, empty where it was."""
        if not self._begun:
            return ""
        with self._mine:
            woken = self._woken()
            self._scale_back()
        return woken

    def _woken(self) -> str:
        try:
            replicas = _operator(self._look()).replicas
        except LrsError as error:
            return f"whether operator {self.operator.key} stayed paused is not known: {error}"
        return f"operator {self.operator.key} was scaled to {replicas} by somebody else meanwhile" if replicas else ""

    def _scale_back(self) -> None:
        """It is tried several times, whatever ends the run: nobody else will do it."""
        try:
            insist(lambda _attempt: self._scale(self.replicas), policy=SCALING_BACK, may_pass=_may_pass)
        except LrsError as error:
            hint = f"kubectl scale -n {self.operator.namespace} deployment/{self.operator.name} --replicas={self.replicas}"
            raise LrsError(f"operator {self.operator.key} could not be scaled back: {error}", hint=hint) from error
        self._journal.close(self.operator.key)

    def _why_awake(self) -> str:
        """Why it cannot be said to sleep: its pods run or are ending, as far as the server counts these, or that is not known."""
        deployment = self._look()
        status, metadata = deployment.get("status") or {}, deployment["metadata"]
        if replicas := _operator(deployment).replicas:
            return f"was scaled to {replicas} by somebody else, and is not paused"
        if int(status.get("replicas") or 0) + int(status.get("terminatingReplicas") or 0):
            return "still has running pods"
        is_seen = int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)
        return "" if is_seen else "has no status since it was scaled to 0"

    def _look(self) -> Manifest:
        return self._kube.get(DEPLOYMENTS, self.operator.name, self.operator.namespace)

    def _scale(self, replicas: int) -> None:
        """LrsError where the server's answer says another number than was asked for."""
        patch = f'[{{"op":"add","path":"/spec/replicas","value":{replicas}}}]'.encode()
        scale = self._kube.change(DEPLOYMENTS, "PATCH", patch, self.operator.namespace, self.operator.name, subresource="scale")
        made = (scale.get("spec") or {}).get("replicas", 0)  # 0 is left out
        if made != replicas:
            raise LrsError(f"operator {self.operator.key}: the server made {made} replicas of {replicas}")


def _may_pass(error: Exception) -> bool:
    return isinstance(error, LrsError) and not isinstance(error, (DeniedError, NotFoundError))


def _afterwards(operator: Operator, journal: PauseJournal, wanted: int | None) -> int:
    """How many replicas it is to have in the end: as the user says, else as it has, else as a run noted that did not end well."""
    if wanted is not None:
        return wanted
    if operator.replicas:
        return operator.replicas
    noted = noted_replicas(journal, operator)
    if noted is None:
        raise UsageError(
            f"operator {operator.key} is at 0 replicas, and no run of this program paused it",
            hint="say how many it is to have afterwards with --operator-replicas N",
        )
    return noted
