"""Which objects are meant: namespace, types, labels; as the server's label selector and offline. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.names import is_label_value, is_namespace
from kubectl_lrs.model.workloads import LEFT_OUT_BY_DEFAULT, TYPE_LABEL, WORKLOADS

Labels = Mapping[str, str]
Requirement = Callable[[Labels], bool]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """`namespace` None means all; `types` empty means all but those left out by default."""

    namespace: str | None = None
    types: tuple[str, ...] = ()
    excluded_types: tuple[str, ...] = ()
    selector: str = ""

    def __post_init__(self) -> None:
        if self.namespace is not None and not is_namespace(self.namespace):
            raise UsageError(f"{self.namespace!r} is not a valid namespace name")
        for value in (*self.types, *self.excluded_types):
            if not is_label_value(value):
                raise UsageError(f"{value!r} is not a valid workload type: it must be a label value")
        if both := set(self.types) & set(self.excluded_types):
            raise UsageError(f"type {min(both)!r} is both asked for and excluded")
        parse_selector(self.selector)

    @property
    def is_narrow(self) -> bool:
        """Whether types or labels were named, so that something is meant to fit."""
        return bool(self.types or self.excluded_types or self.selector)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The types that are not taken though nobody said so."""
        return () if self.types else tuple(t for t in LEFT_OUT_BY_DEFAULT if t not in self.excluded_types)

    def label_selector(self, *, with_left_out: bool = False) -> str:
        """The selection by labels as one selector for the API server; empty when it takes everything."""
        parts = [self.selector] if self.selector.strip() else []
        if self.types:
            parts.append(f"{TYPE_LABEL} in ({','.join(self.types)})")
        if refused := (*(() if with_left_out else self.left_out), *self.excluded_types):
            parts.append(f"{TYPE_LABEL} notin ({','.join(refused)})")
        return ",".join(parts)

    def matcher(self, *, with_left_out: bool = False) -> Callable[[Mapping[str, Any]], bool]:
        """The same decision for a manifest at hand, without a server; on request with the types left out by default."""
        wanted = parse_selector(self.label_selector(with_left_out=with_left_out))

        def matches(manifest: Mapping[str, Any]) -> bool:
            metadata = manifest["metadata"]
            if self.namespace is not None and metadata.get("namespace") != self.namespace:
                return False
            labels = metadata.get("labels") or {}
            return all(requirement(labels) for requirement in wanted)

        return matches

    def as_dict(self) -> dict[str, Any]:
        """For the catalog."""
        return {
            "namespace": self.namespace,
            "types": list(self.types),
            "excludedTypes": list(self.excluded_types),
            "leftOutByDefault": list(self.left_out),
            "selector": self.selector,
        }


_KEY = r"(?P<key>[A-Za-z0-9][A-Za-z0-9_./-]*)"
_SET = re.compile(_KEY + r"\s+(?P<op>in|notin)\s*\(\s*(?P<values>[^()]*)\)")
_EQUAL = re.compile(_KEY + r"\s*(?P<op>==|=|!=)\s*(?P<value>[A-Za-z0-9_.-]*)")
_EXISTS = re.compile(r"(?P<op>!?)\s*" + _KEY)
_COMMA_OUTSIDE = re.compile(r",(?![^()]*\))")


def parse_selector(text: str) -> list[Requirement]:
    """A label selector in kubectl's syntax → its requirements, all of which must hold.

    Source: `k8s.io/apimachinery/pkg/labels`; the numeric `<` and `>` are not offered.
    """
    if not text.strip():
        return []
    return [_requirement(part.strip(), text) for part in _COMMA_OUTSIDE.split(text)]


def _requirement(part: str, whole: str) -> Requirement:
    if match := _SET.fullmatch(part):
        key, values = match["key"], frozenset(value.strip() for value in match["values"].split(","))
        if match["op"] == "in":
            return lambda labels: key in labels and labels[key] in values
        return lambda labels: key not in labels or labels[key] not in values
    if match := _EQUAL.fullmatch(part):
        key, value = match["key"], match["value"]
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.fullmatch(part):
        key = match["key"]
        if match["op"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise UsageError(f"selector {whole!r}: cannot read {part!r}", hint="write it like app=web,tier!=cache")


def near_types(given: Iterable[str], there: Collection[str]) -> list[str]:
    """`--type NAME` for each type that was given, is not there, and is near to one that is."""
    from difflib import get_close_matches  # for a call that is wrong

    near = ((kind, get_close_matches(kind, sorted({*there, *WORKLOADS}), n=1)) for kind in given if kind not in there)
    return [f"--type {found[0]}" for _, found in near if found]


def near_labels(selector: str, there: Iterable[str]) -> list[str]:
    """`-l KEY=VALUE` where a selector of one pair is near to a label that there is."""
    from difflib import get_close_matches

    near = get_close_matches(selector.replace("==", "="), sorted(set(there)), n=1) if selector else []
    return [f"-l {found}" for found in near if found != selector]
