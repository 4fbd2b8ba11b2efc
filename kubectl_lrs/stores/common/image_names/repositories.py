"""The repositories of the product, each with an optional prefix. Pure."""

from __future__ import annotations

import re

APPLICATIONS = "custom-apps/managed-image"

REPOSITORIES = {
    APPLICATIONS: "custom applications",
    "managed-image": "execution environments and custom models",
    "ephemeral-image": "environments that are built for a single use",
    "custom-jobs/managed-image": "custom jobs",
    "base-image": "bases of execution environments",
    "services/custom-model-conversion": "the conversion of custom models",
}
"""Path → what its images are for."""

_ANY = "|".join(re.escape(path) for path in REPOSITORIES)
_MENTIONED = re.compile(rf"(?<![A-Za-z0-9_.-])(?:{_ANY})(?![A-Za-z0-9_/-])")


def is_of_the_product(repository: str) -> bool:
    """Whether the path of a repository is one of these, or ends in one after a prefix."""
    return any(repository == path or repository.endswith(f"/{path}") for path in REPOSITORIES)


def mentions_one(text: str) -> bool:
    """Whether a text has one of these somewhere in it."""
    return _MENTIONED.search(text) is not None
