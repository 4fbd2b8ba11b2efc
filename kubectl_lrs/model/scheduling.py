"""What is to run at night, and by which credentials: a CronJob for each part, with a service account of its own. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.nightly import BACKUP, PRUNE

if TYPE_CHECKING:
    from kubectl_lrs.model.rights import Rule

BY_DEFAULT = (BACKUP, PRUNE)

CONFIG_FOLDER, CONFIG_FILE, FILES_FOLDER = "/etc/kubectl-lrs", "config.yaml", "/etc/lrs"
"""Where a pod has the installation file, and the files of a Secret that the installation file names."""

CONTAINER = "lrs"
SEGMENTS = "segments"
"""The component of the Job whose pods copy for a backup."""

SHARDS, JOB = "LRS_SHARDS", "LRS_JOB"
"""The variables by which a pod of the backup knows that others are to copy files, into about how many parts, and its own Job."""

MANAGED_BY, INSTANCE, PART_OF, COMPONENT = (
    f"app.kubernetes.io/{each}" for each in ("managed-by", "instance", "part-of", "component")
)
MANAGER = "kubectl-lrs"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the night. `environment`: Secrets whose keys are its environment; `files`: the Secret that holds `keys` as files.

    `annotations`: of its service account, such as of a cloud's workload identity. `rules`: namespace → what it may do there, of
    LRS in all namespaces under "".
    """

    name: str
    cron: str
    environment: tuple[str, ...] = ()
    files: str = ""
    keys: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)

    @property
    def asks_cluster(self) -> bool:
        """Whether it has a token of the API server."""
        return bool(self.rules)


@dataclass(frozen=True, kw_only=True)
class Nightly:
    """All of it. `name`: what the names of all objects begin with; `config`: the installation file as pods have it.

    `room`: of the folder for temporary files; `user`: who a pod runs as, 0 for whom the cluster chooses. `shards`: into about
    how many segments the files of a backup are cut for pods that copy them, empty where its own pod does it.
    """

    name: str
    namespace: str
    image: str
    config: str
    time_zone: str
    parts: Sequence[Part]
    pull_secrets: tuple[str, ...] = ()
    memory: str = "1Gi"
    room: str = "2Gi"
    user: int = 65532
    shards: str = ""

    def called(self, part: str) -> str:
        """What the objects of a part are called."""
        return f"{self.name}-{part}"

    def labels(self, part: str = "") -> dict[str, str]:
        """What tells its objects."""
        return labels(self.name, self.namespace, part)

    @property
    def config_name(self) -> str:
        """What the installation file is called in the cluster."""
        return f"{self.name}-config"


def labels(name: str, namespace: str, part: str = "") -> dict[str, str]:
    """What tells the objects that were made here, wherever they are: all of one schedule, or of one part of it."""
    made = {MANAGED_BY: MANAGER, INSTANCE: name, PART_OF: namespace}
    return made | ({COMPONENT: part} if part else {})


def selector(name: str, namespace: str, part: str = "") -> str:
    """The same, to ask for them."""
    return ",".join(f"{key}={value}" for key, value in labels(name, namespace, part).items())


_FACTORS = {"": 1} | {f"{unit}i": 1024**power for power, unit in enumerate("KMGTPE", 1)}
_FACTORS |= {unit: 1000**power for power, unit in enumerate("kMGTPE", 1)}


def quantity(text: str, *, what: str) -> str:
    """Bytes as Kubernetes itself writes them, as what it holds is held against what was sent: 1024Mi is 1Gi. UsageError."""
    found = re.fullmatch(r"([1-9]\d*(?:\.\d+)?)([kKMGTPE]i?)?", text, re.ASCII)
    unit = (found[2] or "") if found else ""
    count = Fraction(found[1]) * _FACTORS.get(unit, 0) if found else Fraction()
    if not count or count.denominator != 1:
        raise UsageError(f"{what}: {text!r} is no quantity", hint="write it like 512Mi or 2Gi")
    fitting = [
        each for each in _FACTORS if (not each or each.endswith("i") is unit.endswith("i")) and count % _FACTORS[each] == 0
    ]
    largest = max(fitting, key=lambda each: _FACTORS[each])
    return f"{int(count) // _FACTORS[largest]}{largest}"
