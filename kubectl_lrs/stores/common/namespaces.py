"""Namespaces that are restored under another name: which becomes which, and what still names the old one. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.names import is_namespace
from kubectl_lrs.stores.common.image_names.recognise import in_lrs, is_image_field
from kubectl_lrs.stores.common.mentions import strings


def namespace_map(pairs: Collection[str]) -> dict[str, str]:
    """`A=B` several times → {A: B}."""
    mapped: dict[str, str] = {}
    for pair in pairs:
        source, separator, target = pair.partition("=")
        if not (separator and is_namespace(source) and is_namespace(target)) or source == target:
            raise UsageError(f"--map-namespace {pair!r}: write it as OLD=NEW with two names of namespaces")
        if source in mapped:
            raise UsageError(f"--map-namespace: {source} is mapped twice")
        mapped[source] = target
    return mapped


_HOST = r"(?:(?<![\w./-])|(?<=:)//)(?:[a-z0-9-]+\.)+"
"""The labels of a host before the last one; no part of a path."""

_WITHIN = "|".join((
    _HOST + r"(?:{names})(?![\w-]|\.\w)",  # name.NAMESPACE
    _HOST + r"(?:{names})\.(?:svc|pod)(?![\w-])",  # name.NAMESPACE.svc.cluster.local
    r"namespaces/(?:{names})(?![\w.-])",  # a path of the API server
    r"serviceaccounts?:(?:{names})(?![\w.-])",  # system:serviceaccount:NAMESPACE:name
    r"(?:namespace|(?<![\w-])-n|(?<![a-z])ns)[\"']?\s*[=: ]\s*[\"']?(?:{names})(?![\w-]|\.\w)",  # --namespace NAMESPACE
))  # fmt: skip
"""Where a namespace stands inside a longer string."""

_REFERENCE = r"(?:^|[\s,;=\"'])(?:{names})/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?=$|[\s,;\"'])"
"""`NAMESPACE/name`, which may be an image too."""

_WHOLE = r"(?:^|[,;|=\"'(])\s*(?:{names})(?=\s*(?:$|[,;|\"')&]))|=(?:{names})(?=\s)"
"""A whole word that is all of a string, of an item in a list, or of a value."""

_OTHER_NAMES = re.compile(
    r"(?:^|[./])(?:name|[A-Za-z]*Name|user|username|database|app|instance|part-of|managed-by|component|chart|release|release-name"
    r"|heritage|repository|authSource)(?:\[\d+\])?$|app\.kubernetes\.io/|helm\.sh/chart$"
)
"""Fields that name something else, though it may be called as a namespace is."""

_OWN = re.compile(r"apiVersion|kind|metadata\.(?:name|namespace|uid|(?:finalizers|ownerReferences)\[.*)|status(?:[.\[].*)?")
"""Fields of the object itself, of which none refers to a namespace but its own, which is mapped."""


class OldNamespaces:
    """Finds what still names a namespace that is mapped: only whole words, and only where a namespace can stand."""

    def __init__(self, mapped: Collection[str]) -> None:
        self._mapped = frozenset(mapped)
        names = "|".join(map(re.escape, mapped))
        self._anywhere = re.compile(names, re.IGNORECASE)
        self._within, self._reference, self._whole = (
            re.compile(pattern.replace("{names}", names), flags)
            for pattern, flags in ((_WITHIN, re.IGNORECASE), (_REFERENCE, 0), (_WHOLE, 0))
        )

    def within(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        """The strings (field, text) of an object that name one."""
        if self._mapped:
            found = strings(manifest, is_wanted=self._anywhere.search)
            yield from ((field, text) for field, text in found if self.is_named(field, text))

    def is_named(self, field: str, text: str) -> bool:
        """Whether a string of an object names one; `field` as in `spec.env.URL`."""
        if not self._anywhere.search(text) or _OWN.fullmatch(field):
            return False
        if self._within.search(text):
            return True
        if self._reference.search(text):
            return not (is_image_field(field) or in_lrs(field, text))
        may_stand = "namespace" in field.lower() or not (_OTHER_NAMES.search(field) or is_image_field(field))
        return may_stand and self._whole.search(text) is not None
