"""Which backups are those of an installation: by its file, and by what the cluster says where it was asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubectl_lrs.commands.own_backups import own_backups
from kubectl_lrs.model.selection import Selection
from kubectl_lrs.model.settings import NAMESPACE, UID, Installation


def _given(*, all_namespaces: bool = False) -> Any:
    def selection(namespace: str | None) -> Selection:
        return Selection(namespace=None if all_namespaces else namespace or None)

    return SimpleNamespace(of=lambda _: SimpleNamespace(profile="lrs", all_namespaces=all_namespaces, selection=selection))


def _file(**values: str) -> Installation:
    return Installation(Path("prod.yaml"), {UID: "u", **values})


@pytest.mark.parametrize(
    ("found", "every", "asked", "namespace", "any_namespace"),
    [
        (_file(**{NAMESPACE: "dr"}), False, "", "dr", False),
        (_file(**{NAMESPACE: "dr"}), False, "other", "other", False),
        (_file(), False, "dr", "dr", False),
        (_file(), False, "", None, True),
        (_file(**{NAMESPACE: "dr"}), True, "dr", None, False),
    ],
)
def test_its_namespace(found: Installation, every: bool, asked: str, namespace: str | None, any_namespace: bool) -> None:
    own = own_backups(_given(all_namespaces=every), found, namespace=asked)
    assert (own.selection.namespace, own.any_namespace, own.profile) == (namespace, any_namespace, "lrs")


def test_its_cluster() -> None:
    assert own_backups(_given(), _file(), uids=["", "v"]).uids == {"u", "v"}
