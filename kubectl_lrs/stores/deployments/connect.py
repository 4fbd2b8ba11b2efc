"""The application's API, from its options and the environment to who asks it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_lrs.model.units import duration
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.deployments.api.credentials import Access, Ask, accesses, is_given, require_distinct
from kubectl_lrs.stores.deployments.flags import ApiOptions

if TYPE_CHECKING:
    from kubectl_lrs.stores.deployments.api.client import DataRobotClient


def api_accesses(options: ApiOptions, *, ask: Ask | None) -> list[Access]:
    """URL and token of each user of the API; `ask` is None where there is nobody to ask."""
    found = accesses(options, os.environ, home=Path(os.environ.get("HOME") or "/nonexistent"), ask=ask)
    require_distinct(found)
    return found


def api_is_given(options: ApiOptions) -> bool:
    """Whether the user named the API, by flags or in the environment."""
    return is_given(options, os.environ)


def api_clients(found: Sequence[Access], request_timeout: str, cancel: Cancel) -> list[DataRobotClient]:
    """A client for each; `cancel` ends what waits for them."""
    from kubectl_lrs.stores.deployments.api.client import DataRobotClient  # most calls do not ask it

    timeout = duration(request_timeout, what="--request-timeout").total_seconds() if request_timeout else None
    return [DataRobotClient(access, cancel, timeout=timeout or None) for access in found]
