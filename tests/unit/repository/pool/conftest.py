"""Pools whose sizes are small: what is large, and what is kept in reserve, is a few KiB, so that a test is done at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kubectl_lrs.repository.pool import mark, removal, writer
from tests.unit.repository.pool.sizes import RESERVE_SIZE, SMALL


@pytest.fixture(autouse=True, scope="package")
def _small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "SMALL", SMALL)
        for each in (mark, removal):
            patch.setattr(each, "RESERVE_SIZE", RESERVE_SIZE)
        yield
