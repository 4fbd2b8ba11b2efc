"""The product with little patience, so that a test sees it give up without waiting for half a minute."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ROOT

CODE = """
from kubectl_lrs.runtime import retry
retry.Outage.__init__.__defaults__ = ({patience},)
"""


def environment(folder: Path, *, patience: float = 3.0) -> dict[str, str]:
    """Variables with which a server that gives nothing but failures is given up after so many seconds."""
    place = folder / "impatient"
    place.mkdir()
    (place / "sitecustomize.py").write_text(CODE.format(patience=patience))
    return {"PYTHONPATH": f"{place}:{ROOT}"}
