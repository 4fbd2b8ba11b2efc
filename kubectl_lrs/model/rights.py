"""Which rights of the API server a nightly run needs, as the one table. Pure.

`docs/rights.md` shows the same Roles, and the tests run every verb as a user who has exactly these, and one less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kubectl_lrs.model.workloads import GROUP, PLURAL


@dataclass(frozen=True)
class Rule:
    """Verbs on resources of a group; `names`: of these objects alone."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def manifest(self) -> dict[str, list[str]]:
        """As a Role has it."""
        made = {"apiGroups": [self.group], "resources": [*self.resources], "verbs": [*self.verbs]}
        return made | ({"resourceNames": [*self.names]} if self.names else {})


NAMESPACE, MONGO_SECRET, MONGO_SERVICE, CRON_JOB = "datarobot", "pcs-mongo", "pcs-mongo-headless", "lrs-backup"
"""The names that the table has: of an object that is called otherwise a Role says so, by `named`."""

ROLES: Mapping[str, tuple[Rule, ...]] = {
    "lrs-backup": (Rule(GROUP, (PLURAL,), ("list",)),),
    "lrs-backup-all": (Rule(GROUP, (PLURAL,), ("list",)),),
    "lrs-clean-spark": (Rule(GROUP, (PLURAL,), ("list", "delete")),),
    "lrs-restore": (Rule(GROUP, (PLURAL,), ("list", "get", "create")),),
    "lrs-mongo": (
        Rule("", ("secrets",), ("get",), (MONGO_SECRET,)),
        Rule("", ("services",), ("get",), (MONGO_SERVICE,)),
        Rule("", ("pods",), ("list",)),
        Rule("", ("pods/portforward",), ("get", "create")),
    ),
    "lrs-pull-secrets": (Rule("", ("secrets", "serviceaccounts"), ("get",)),),
    "lrs-identity": (Rule("", ("namespaces",), ("get",), (NAMESPACE,)),),
    "lrs-segments": (Rule("batch", ("jobs",), ("get", "list", "create", "delete")),),
    "lrs-events": (Rule("batch", ("cronjobs",), ("get",), (CRON_JOB,)), Rule("", ("events",), ("create",))),
}
"""By the name of the Role in the document; those that end with `-all` are ClusterRoles."""

OPTIONAL = (
    Rule("", ("namespaces",), ("get",), ("kube-system",)),
    Rule("apiextensions.k8s.io", ("customresourcedefinitions",), ("get",), (f"{PLURAL}.{GROUP}",)),
)
"""Of the whole cluster, which no Role can give: the uid that tells it whatever becomes of the namespace, and `crd.yaml`."""


def named(role: str, **names: str) -> tuple[Rule, ...]:
    """The rules of a Role. `names`: of the table's objects → what they are called here, by the resource."""
    return tuple(
        replace(rule, names=(names.get(rule.resources[0], rule.names[0]),)) if rule.names else rule for rule in ROLES[role]
    )


def merged(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Each once, and none that another one includes."""
    found = tuple(dict.fromkeys(rules))
    return tuple(rule for rule in found if not any(rule != other and _includes(other, rule) for other in found))


def _includes(one: Rule, other: Rule) -> bool:
    return (
        one.group == other.group
        and {*other.resources} <= {*one.resources}
        and {*other.verbs} <= {*one.verbs}
        and (not one.names or (bool(other.names) and {*other.names} <= {*one.names}))
    )
