"""A deployment is known by its id."""

from __future__ import annotations

from kubectl_lrs.stores.deployments.compare import shown


def test_its_name() -> None:
    assert shown(b"65f0c0ffee0123456789abcd") == "65f0c0ffee0123456789abcd"
