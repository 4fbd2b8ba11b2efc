"""Journals beside the backups: one for each cluster, and nothing is begun that cannot be noted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.stores.common.journals import operator_journal, save, token


@pytest.mark.parametrize(
    ("cluster", "wanted"),
    [
        ("65f0-abc", "65f0-abc"),
        ("https://10.0.0.1:6443", "https___10_0_0_1_6443"),
        ("../../etc/passwd", "______etc_passwd"),
        ("x" * 500, "x" * 80),
        ("", ""),
    ],
)
def test_the_part_of_a_name_that_tells_the_cluster_stays_a_name(cluster: str, wanted: str) -> None:
    assert token(cluster) == wanted
    assert operator_journal(Path("b"), cluster).path.parent == Path("b")


def test_what_cannot_be_noted_is_an_error_that_names_the_journal(folder: Path) -> None:
    save(folder / "j.json", {"a": 1})
    assert json.loads((folder / "j.json").read_text()) == {"a": 1}
    with pytest.raises(LrsError, match="cannot be written") as caught:
        save(folder / "none" / "j.json", {})
    assert "--backup-dir" in caught.value.hint
