"""The package: every name is found where its table says, when it is first used."""

from __future__ import annotations

import pytest

from kubectl_lrs import render


@pytest.mark.parametrize("name", render.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(render, name) is not None


def test_another_is_not() -> None:
    assert not hasattr(render, "everything")
