"""The plan of images is what is pushed: taken apart, and applied by another object than the one that made it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.image_names.mapping import registry_map
from kubectl_lrs.stores.images.access import Access
from kubectl_lrs.stores.images.connect import http_options
from kubectl_lrs.stores.images.registry.client import Registries
from kubectl_lrs.stores.images.registry.credentials import Keychain
from kubectl_lrs.stores.images.restore import ImagesRestorer
from tests.bed import images
from tests.bed.controlplane import ControlPlane
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.conftest import installed

SPACE = "images-plan"
APPLY = ApplyOptions(workers=2, timeout=30.0)


@pytest.fixture(scope="module")
def made(
    plane: ControlPlane, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, images.Image]]]:
    """A backup of four images that share layers."""
    crd = installed(plane)
    with imagery.saved(plane, crd, registry, SPACE, tmp_path_factory.mktemp("pristine")) as made:
        yield made


def _restorer(path: Path) -> ImagesRestorer:
    access = Access(Registries(Keychain([], environment={}), http_options()))
    return ImagesRestorer(SealedFolder.open(path), access, mapping=registry_map(()), existing=Existing.SKIP, workers=2)


def _apply(path: Path, plan: StorePlan, options: ApplyOptions = APPLY) -> dict[str, Result]:
    report = Report(source="", target="")
    _restorer(path).apply(plan, options, report, Silent())
    return {outcome.name: outcome.result for outcome in report.outcomes}


def _tags(registry: Registry) -> set[str]:
    return {tag for repository in registry.repositories() for tag in registry.tags(repository)}


@pytest.mark.parametrize("left", [0, 1])
def test_a_plan_from_which_every_other_step_was_taken(
    registry: Registry, made: tuple[Path, dict[str, images.Image]], left: int
) -> None:
    path, found = made
    registry.destroy()
    plan = _restorer(path).plan(Silent())
    assert [step.name for step in plan.steps] == sorted(found)
    kept = replace(plan, steps=plan.steps[left::2])
    names = [step.name for step in kept.steps]
    assert _apply(path, kept) == dict.fromkeys(names, Result.CREATED)
    assert _tags(registry) == {name.rpartition(":")[2] for name in names}
    for name in names:  # the blobs that they share with those that were taken out are there too
        images.held(registry, imagery.repository_of(name)[0], found[name])


def test_another_object_does_the_same(registry: Registry, made: tuple[Path, dict[str, images.Image]]) -> None:
    path, found = made
    registry.destroy()
    plan = _restorer(path).plan(Silent())
    assert _tags(registry) == set()
    assert set(_apply(path, plan, replace(APPLY, dry_run=True)).values()) == {Result.CREATED}
    assert _tags(registry) == set(), "a dry run writes nothing"
    assert _apply(path, plan) == dict.fromkeys(found, Result.CREATED)
    again = _restorer(path).plan(Silent())
    assert _apply(path, again) == dict.fromkeys(found, Result.UNCHANGED)


def test_no_step_is_nothing(registry: Registry, made: tuple[Path, dict[str, images.Image]]) -> None:
    path, _ = made
    registry.destroy()
    plan = _restorer(path).plan(Silent())
    assert _apply(path, replace(plan, steps=())) == {}
    assert _tags(registry) == set()
