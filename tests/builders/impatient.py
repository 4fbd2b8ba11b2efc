"""The product with little patience, so that a test sees it give up without waiting for half a minute."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ROOT

CODE = """
from kubectl_lrs.runtime import retry
retry.Outage.__init__.__defaults__ = ({patience},)
"""


def altered(place: Path, code: str) -> dict[str, str]:
    """Variables with which the product runs this first, out of a folder that is made for it."""
    place.mkdir()
    (place / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{place}:{ROOT}"}


def environment(folder: Path, *, patience: float = 3.0) -> dict[str, str]:
    """Variables with which a server that gives nothing but failures is given up after so many seconds."""
    return altered(folder / "impatient", CODE.format(patience=patience))
