"""Every store has the shape that the use cases know: flags as frozen options, parts made from them."""

from __future__ import annotations

import inspect

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.flags import Options, flags_of
from kubectl_lrs.model.stores import STORES
from kubectl_lrs.stores.base import connect_module
from kubectl_lrs.stores.deployments import connect as deployments
from kubectl_lrs.stores.deployments import flags as deployment_flags
from kubectl_lrs.stores.files import connect as files
from kubectl_lrs.stores.files import flags as file_flags
from kubectl_lrs.stores.flags import flags_module
from kubectl_lrs.stores.images import connect as images
from kubectl_lrs.stores.images import flags as image_flags
from kubectl_lrs.stores.lrs import connect as lrs
from kubectl_lrs.stores.lrs import flags as lrs_flags
from kubectl_lrs.stores.mongo import connect as mongo
from kubectl_lrs.stores.mongo import flags as mongo_flags
from kubectl_lrs.stores.spark import flags as spark_flags

FLAGS = {"files": file_flags, "images": image_flags, "mongo": mongo_flags}
CONNECT = {"files": files, "images": images, "mongo": mongo}
MODULES = (*FLAGS.values(), deployment_flags, lrs_flags, spark_flags)
KINDS = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Options) and kind.__module__ == module.__name__
]


def test_the_table_leads_to_the_packages() -> None:
    assert {name: flags_module(name) for name in STORES} == FLAGS
    assert {name: connect_module(name) for name in STORES} == CONNECT


@pytest.mark.parametrize("name", STORES)
def test_flags_of_a_store_begin_with_its_levels(name: str) -> None:
    flags = flags_module(name)
    levels = {each.word: each for _, each in flags_of(flags.BACKUP)}[f"--{name}"]
    assert levels.choices == STORES[name].levels
    check = {each.word: each for _, each in flags_of(flags.CHECK)}[f"--{name}"]
    assert check.off == f"--no-{name}"
    existing = {each.word: each for _, each in flags_of(flags.RESTORE)}[f"--{name}-existing"]
    assert existing.default in existing.choices
    assert all(isinstance(each, Existing) for each in existing.choices)


@pytest.mark.parametrize("name", STORES)
def test_what_makes_its_parts(name: str) -> None:
    connect = connect_module(name)
    for make in (connect.collector, connect.restorer):
        assert len(inspect.signature(make).parameters) == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__.split('.')[-2]}.{kind.__name__}")
def test_options_are_frozen_and_have_a_default_for_each_flag(kind: type[Options]) -> None:
    made = kind()
    assert made.given == frozenset()
    for name, each in flags_of(kind):
        assert getattr(made, name) == each.default
        assert each.is_argument or each.help
    with pytest.raises(AttributeError, match="frozen"):
        made.given = frozenset("x")  # type: ignore[misc]


def test_the_other_parts_are_connected_elsewhere() -> None:
    assert callable(lrs.connect)
    assert callable(deployments.api_is_given)
