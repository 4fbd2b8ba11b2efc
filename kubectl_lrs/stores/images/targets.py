"""What has to be done for a repository that does not exist, by the registry that it is to be in. Pure."""

from __future__ import annotations

import re

_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|amazonaws\.eu)"
)


def creation(registry: str, repository: str) -> str:
    """The command that creates a repository, where the registry does not make one by itself; empty where none is known."""
    if match := _ECR.fullmatch(registry):
        return (
            f"aws ecr create-repository --repository-name {repository} --region {match['region']} "
            f"--registry-id {match['account']}"
        )
    return ""
