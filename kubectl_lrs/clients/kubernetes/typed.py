"""Objects of Kubernetes, built with the typed models of the `kubernetes` package: a field that no such object has cannot be said.

The models are all that is taken from there. The package's own `__init__` imports clients for every API that there is, which
takes longer than most commands; so its folders are entered without it. Nothing is sent here.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.model.manifest import Manifest

if TYPE_CHECKING:
    from kubernetes.client import models

PACKAGES = ("kubernetes", "kubernetes.client", "kubernetes.client.models")


def _entered(name: str) -> ModuleType:
    """A package whose modules can be imported, and whose `__init__` is not run."""
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None:
        raise LrsError(f"the Python package {name} is not installed", hint="install kubectl-lrs anew")
    made = sys.modules[name] = module_from_spec(spec)
    return made


def _snake(kind: str) -> str:
    """`V1CronJobSpec` → `v1_cron_job_spec`, the module of the model."""
    return "".join(f"_{each.lower()}" if each.isupper() and place else each.lower() for place, each in enumerate(kind))


class Models:
    """The models by their names, each imported when it is first used: `models.V1CronJob(...)`."""

    def __init__(self) -> None:
        for name in PACKAGES:
            _entered(name)
        configuration = importlib.import_module("kubernetes.client.configuration")
        self._settings = configuration.Configuration()

    def __getattr__(self, kind: str) -> Any:
        model = getattr(importlib.import_module(f"{PACKAGES[-1]}.{_snake(kind)}"), kind)

        def made(**fields: Any) -> Any:
            return model(**fields, local_vars_configuration=self._settings)

        return made


def manifest(model: models.V1CronJob | Any) -> Manifest:
    """The object as it is sent: what was not said is not in it."""
    found: Manifest = _plain(model)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if names := getattr(value, "attribute_map", None):
        said = ((key, getattr(value, field)) for field, key in names.items())
        return {key: _plain(each) for key, each in said if each is not None}
    return value
