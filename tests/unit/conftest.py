"""What unit tests stand on: nothing but themselves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import FOREIGN


@pytest.fixture(scope="session")
def _environment() -> dict[str, str]:
    """Nothing of the developer's own; there is no HOME."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    return {**kept, "HOME": "/nowhere"}


@pytest.fixture(autouse=True)
def isolation(_environment: dict[str, str]) -> None:
    """In place of that of the other rooms, which makes a folder for every test."""
    if os.environ != _environment:
        os.environ.clear()
        os.environ.update(_environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of the test's own."""
    return tmp_path
