"""Rights of plain users. The API server counts a Role a moment after it has taken it: what is given here counts already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.bed import loader
from tests.bed.controlplane import ControlPlane

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

Rule = Mapping[str, Any]


def grant(plane: ControlPlane, namespace: str, user: str, *rules: Rule, name: str = "some") -> None:
    """A Role with these rules in a namespace, bound to a user of the control plane."""
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    role = {"metadata": {"name": name}, "rules": [dict(each) for each in rules]}
    for plural, body in (("roles", role), ("rolebindings", binding)):
        status, answer = plane.api("POST", f"{RBAC}/namespaces/{namespace}/{plural}", body)
        assert status == 201, answer
    for rule, verb in each_verb(rules):
        wait_for(plane, user, rule, verb, namespace=namespace)


def each_verb(rules: tuple[Rule, ...] | list[Rule]) -> Iterator[tuple[Rule, str]]:
    """Each rule with each of its verbs."""
    for rule in rules:
        for verb in rule["verbs"]:
            yield rule, verb


def wait_for(plane: ControlPlane, user: str, rule: Rule, verb: str, *, namespace: str = "", allowed: bool = True) -> None:
    """Wait until the API server lets a user do what a rule is about, or no longer; without a namespace everywhere."""
    for resource in rule["resources"]:
        plural, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": rule["apiGroups"][0], "resource": plural, "subresource": subresource}
        attributes["name"] = next(iter(rule.get("resourceNames") or ()), "")
        if namespace:
            attributes["namespace"] = namespace
        body = {"spec": {"resourceAttributes": attributes}}
        loader.wait_until(
            lambda body=body: plane.api("POST", REVIEWS, body, token=plane.tokens[user])[1]["status"]["allowed"] is allowed,
            f"{user} to be {'' if allowed else 'no longer '}allowed to {verb} {resource}",
        )
