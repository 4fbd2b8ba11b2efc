"""Images that go to another registry than they came from: which name becomes which, and what still names the old one. Pure.

Only whole strings of a spec that name an image are rewritten, by the same rules by which images are found; nothing else
in a manifest, and never a Mongo document.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.stores.common.image_names.recognise import in_lrs
from kubectl_lrs.stores.common.image_names.reference import HUB, Reference, has_host, is_host, is_repository, normal_host


@dataclass(frozen=True)
class Rule:
    """`source` becomes `target`: each a registry, or a registry and the beginning of a path."""

    source: str
    target: str


class RegistryMap:
    """The rules of `--map-registry`; of several that fit, the one with the longest source counts."""

    def __init__(self, rules: Collection[Rule] = ()) -> None:
        self.rules = sorted(rules, key=lambda rule: len(rule.source), reverse=True)
        names = "|".join(re.escape(rule.source) for rule in self.rules)
        self._names_old = re.compile(rf"(?<![A-Za-z0-9.-])(?:{names})(?![A-Za-z0-9-]|[.][A-Za-z0-9]|:[0-9])") if names else None

    def __bool__(self) -> bool:
        return bool(self.rules)

    def rule_for(self, reference: Reference) -> Rule | None:
        """The rule that an image falls under."""
        name = f"{reference.name}/"
        return next((rule for rule in self.rules if name.startswith(f"{rule.source}/")), None)

    def unused(self, references: Iterable[Reference]) -> list[str]:
        """The sources that none of these images falls under."""
        used = {self.rule_for(each) for each in references} if self.rules else set()
        return sorted(rule.source for rule in self.rules if rule not in used)

    def target(self, reference: Reference) -> Reference:
        """The image where it goes to."""
        rule = self.rule_for(reference)
        if rule is None:
            return reference
        registry, _, repository = f"{rule.target}{reference.name[len(rule.source) :]}".partition("/")
        return replace(reference, registry=registry, repository=repository)

    def text(self, text: str, reference: Reference) -> str:
        """The string that named the image, as it names it where it goes to: what it did not say it still does not say."""
        rule = self.rule_for(reference)
        if rule is None:
            return text
        if has_host(text) and text.lower().startswith(f"{rule.source.partition('/')[0]}") and reference.registry != HUB:
            return rule.target + text[len(rule.source) :]
        suffix = text.rpartition("/")[2]
        at = min((suffix.index(mark) for mark in ":@" if mark in suffix), default=len(suffix))
        return self.target(reference).name + suffix[at:]

    def names_old(self, text: str) -> bool:
        """Whether a string has the name of a mapped registry in it."""
        return self._names_old is not None and self._names_old.search(text) is not None


def registry_map(pairs: Iterable[str]) -> RegistryMap:
    """`A=B` several times; UsageError where one of them is no mapping of registries."""
    rules: dict[str, Rule] = {}
    for pair in pairs:
        left, separator, right = pair.partition("=")
        source, target = _place(left), _place(right)
        if not separator or not source or not target or source == target:
            raise UsageError(
                f"--map-registry {pair!r}: write it as OLD=NEW, each a registry or a registry with a path",
                hint="such as registry.example.com=123456789012.dkr.ecr.eu-west-1.amazonaws.com/datarobot",
            )
        if source in rules:
            raise UsageError(f"--map-registry: {source} is mapped twice")
        rules[source] = Rule(source, target)
    return RegistryMap(rules.values())


def _place(text: str) -> str:
    """A registry with or without a path, as references have it; empty where it is none."""
    host, slash, path = text.strip().rstrip("/").partition("/")
    if not is_host(host) or (slash and not is_repository(path)):
        return ""
    return normal_host(host) + (f"/{path}" if path else "")


def map_images(manifest: Manifest, mapping: RegistryMap) -> Manifest:
    """The manifest with the images of its spec where they go to; the same one where nothing is to be changed."""
    spec = manifest.get("spec")
    mapped = _mapped(spec, "spec", mapping)
    return manifest if mapped is spec else {**manifest, "spec": mapped}


def _mapped(value: Any, field: str, mapping: RegistryMap) -> Any:
    """A value with its images mapped; what does not change stays the same object."""
    if isinstance(value, str):
        decided = in_lrs(field, value)
        return mapping.text(value, decided[0]) if isinstance(decided, tuple) else value
    if isinstance(value, dict):
        items = {key: _mapped(item, f"{field}.{key}", mapping) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        made = [_mapped(item, f"{field}[{place}]", mapping) for place, item in enumerate(value)]
        return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
    return value


def images_in(strings: Iterable[tuple[str, str]]) -> Iterator[Reference]:
    """The images that strings of an LRS (field, text) name."""
    return (decided[0] for field, text in strings if isinstance(decided := in_lrs(field, text), tuple))


def unmapped(strings: Iterable[tuple[str, str]], mapping: RegistryMap, *, is_lrs: bool) -> Iterator[tuple[str, str]]:
    """The strings (field, text) that name a mapped registry and are not rewritten."""
    for field, text in strings:
        if mapping.names_old(text) and not (is_lrs and field.startswith("spec") and _is_rewritten(field, text, mapping)):
            yield field, text


def _is_rewritten(field: str, text: str, mapping: RegistryMap) -> bool:
    decided = in_lrs(field, text)
    return isinstance(decided, tuple) and mapping.rule_for(decided[0]) is not None
