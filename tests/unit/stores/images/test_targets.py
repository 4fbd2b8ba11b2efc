"""What must be done at a target before images can go there."""

from __future__ import annotations

from kubectl_lrs.stores.images.targets import creation


def test_the_command_that_creates_a_repository() -> None:
    ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert creation(ecr, "x/managed-image") == (
        "aws ecr create-repository --repository-name x/managed-image --region eu-west-1 --registry-id 123456789012"
    )
    assert creation("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "a")
    assert not creation("registry.example.com", "a")
    assert not creation(f"{ecr}.evil.com", "a")
