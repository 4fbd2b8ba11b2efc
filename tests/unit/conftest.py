"""What unit tests stand on: nothing but themselves."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of the test's own."""
    made = tmp_path / "folder"
    made.mkdir()
    return made
