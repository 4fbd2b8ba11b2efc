"""Which image pull secrets the saved LRS name: in their specs, and through their service accounts. Pure.

Source: Kubernetes' PodSpec: `imagePullSecrets[].name`, `serviceAccountName`; without one it is the account `default`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kubectl_lrs.model.names import is_object_name
from kubectl_lrs.stores.common.mentions import LRS, Mention

_SECRET = re.compile(r"(?:^|\.)imagePullSecrets?\[\d+\](?:\.name)?$")
_ACCOUNT = re.compile(r"(?:^|\.)serviceAccount(?:Name)?$")


@dataclass
class Named:
    """(namespace, name) of Secrets and of service accounts."""

    secrets: set[tuple[str, str]] = field(default_factory=set)
    accounts: set[tuple[str, str]] = field(default_factory=set)


def named(mentions: Iterable[Mention]) -> Named:
    """Those that LRS name, each in its own namespace. LRS come first in `mentions`."""
    found = Named()
    for mention in mentions:
        if mention.store != LRS:
            break
        namespace = mention.id.partition("/")[0]
        found.accounts.add((namespace, "default"))
        if is_object_name(mention.text):
            if _SECRET.search(mention.field):
                found.secrets.add((namespace, mention.text))
            elif _ACCOUNT.search(mention.field):
                found.accounts.add((namespace, mention.text))
    return found
