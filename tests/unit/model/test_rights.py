"""The table of rights: what the document shows, names of an installation, and no right twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from kubectl_lrs.model.rights import ROLES, Rule, merged, named
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    text = (ROOT / "docs" / "rights.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return {role["metadata"]["name"]: role for block in blocks for role in yaml.safe_load_all(block)}


@pytest.mark.parametrize("role", ROLES)
def test_the_document_shows_the_same(role: str, shown: dict[str, Any]) -> None:
    assert shown[role]["rules"] == [rule.manifest for rule in ROLES[role]]
    assert shown[role]["kind"] == ("ClusterRole" if role.endswith("-all") else "Role")


def test_objects_that_are_called_otherwise() -> None:
    found = {rule.resources: rule.names for rule in named("lrs-mongo", secrets="mine")}
    assert found[("secrets",)] == ("mine",)
    assert found[("services",)] == ("pcs-mongo-headless",)
    assert found[("pods",)] == (), "a rule without names gets none"


def test_none_twice() -> None:
    one = Rule("", ("secrets",), ("get",), ("a",))
    every = Rule("", ("secrets", "serviceaccounts"), ("get",))
    other = Rule("", ("secrets",), ("list",), ("a",))
    elsewhere = Rule("g", ("secrets",), ("get",), ("a",))
    assert merged((one, every, one, other, elsewhere)) == (every, other, elsewhere)
