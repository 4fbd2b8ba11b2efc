"""The import contracts of setup.cfg speak of all that there is: every store, and every third party."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import kubectl_lrs
from kubectl_lrs.model.stores import STORES
from tests.builders.sources import imports

PACKAGE = Path(kubectl_lrs.__file__).parent
OURS = {"kubectl_lrs", "typing_extensions", "_typeshed"}
"""The package, and what only the check of types imports."""

SHAPE = ("connect", "restore", "apply", "plan", "collect", "saved", "flags")


def contracts() -> configparser.ConfigParser:
    """setup.cfg."""
    config = configparser.ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg")
    return config


def listed(section: str, key: str) -> list[str]:
    """The lines of a list in a contract."""
    return contracts()[f"importlinter:contract:{section}"][key].split("\n")[1:]


def third_parties() -> set[str]:
    """Every package of others that a module imports, wherever in it."""
    found = {module for path in PACKAGE.rglob("*.py") for module, _ in imports(path)}
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - OURS


def test_every_third_party_has_a_door() -> None:
    doors = [section for section in contracts().values() if section.get("type") == "protected"]
    guarded = {name for section in doors for name in section["protected_modules"].split()}
    assert guarded == third_parties()


def test_every_store_has_its_layers_in_the_same_order() -> None:
    stores = {row.package.rpartition(".")[2] for row in STORES.values()} | {"lrs", "spark", "deployments"}
    assert stores == set(listed("stores", "layers")[0].split(" | "))
    for name in stores:
        first = [line.split(" : ")[0] for line in listed(f"in-{name}", "layers")]
        order = [layer for layer in first if layer in SHAPE]
        assert order == [layer for layer in SHAPE if layer in order], name


IO = {"os", "io", "socket", "ssl", "subprocess", "tempfile", "shutil", "http", "sqlite3", "fcntl", "threading", "signal", "sys"}
"""What talks to the system, or to others."""


def test_what_calls_itself_pure_talks_to_nobody() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        docstring = path.read_text().partition('"""')[2].partition('"""')[0]
        if "Pure" in docstring:
            found |= {(path.name, module) for module, _ in imports(path) if module.partition(".")[0] in IO}
    assert found == set()
