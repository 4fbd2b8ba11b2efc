"""A quantity is written as Kubernetes itself writes it."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.scheduling import quantity


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("512Mi", "512Mi"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("1000M", "1G"), ("1.5k", "1500"), ("1.5Ki", "1536"),
        ("2000", "2k"), ("1536", "1536"), ("1000000Ki", "1000000Ki"), ("1048576Ti", "1Ei"),
    ],
)  # fmt: skip
def test_as_kubernetes_writes_it(text: str, wanted: str) -> None:
    assert quantity(text, what="--memory") == wanted


@pytest.mark.parametrize("text", ["", "lots", "0", "1.5", "1K", "1ki", "Gi", "1.0001Gi", "-1Gi", "1Gi\n", "²Gi"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="--memory"):
        quantity(text, what="--memory")
