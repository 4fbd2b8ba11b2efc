"""Manifests held against the target's schema before the first write, so that nothing is refused late or dropped silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kubectl_lrs.clients.kubernetes.client import KubeClient
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.model.errors import (
    ApiError,
    CredentialsError,
    ExistsError,
    InvalidError,
    LrsError,
    MissingRightError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest
from kubectl_lrs.model.notes import Note
from kubectl_lrs.model.plan import Finding, Severity
from kubectl_lrs.model.schema import Problem, Schema, defaults_of, problems, with_defaults

CONFIRMED = 20
"""How many objects that the schema refuses are tried with the server before it is believed, or asked no more."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The schema that the server publishes of a resource. `schema` None: none; `lack` says why."""

    schema: Schema | None
    lack: str = ""

    @classmethod
    def by(cls, kube: KubeClient, resource: Resource) -> Published:
        """What the server says. One that fails at it may have one all the same, and takes or refuses each object by it."""
        try:
            schema = kube.schema(resource)
        except MissingRightError as error:
            return cls(schema=None, lack=f"the schema of {resource.kind} may not be read: {error}")
        except (ApiError, UnreachableError) as error:
            return cls(schema=None, lack=f"the schema of {resource.kind} could not be read: {error}")
        return cls(schema=schema, lack="" if schema is not None else f"the server publishes no schema of {resource.kind}")

    def findings(self) -> Iterator[Finding]:
        """What is not looked at for want of it."""
        if self.lack:
            why = f"{self.lack}: no LRS is held against it, and what differs in a default of its alone counts as different"
            yield Finding(Severity.WARNING, why, note=Note.SCHEMA_NOT_READ)


class Validator:
    """Judges manifests; `schema` None: there is none to hold them against.

    `validation` as the API server takes it: Strict refuses a field that the schema does not know; Warn counts, and
    Ignore passes over, the objects that will lose one. What is wrong otherwise is refused by the server whatever it says.
    """

    def __init__(self, kube: KubeClient, resource: Resource, schema: Schema | None, validation: str) -> None:
        self._kube = kube
        self._resource = resource
        self._schema = schema
        self._defaults = defaults_of(schema or {})
        self._validation = validation
        self._confirmed = self._untold = 0
        self._why_untold = ""
        self._losses: Counter[str] = Counter()

    def normalise(self, manifest: Manifest) -> Manifest:
        """The manifest with the target's defaults; the same object where there is none to fill in."""
        filled: Manifest = with_defaults(manifest, self._defaults) if self._defaults else manifest
        return filled

    def problem(self, manifest: Manifest) -> str:
        """Why the target would refuse this manifest; empty where it would not."""
        found = list(problems(manifest, self._schema)) if self._schema is not None else []
        refused = [each for each in found if self._validation == "Strict" or not each.is_unknown_field]
        if refused and (doubt := self._doubt(manifest, self._validation)) is not None:
            return f"the target's schema refuses it: {_first(refused)}{doubt}"
        lost = [each for each in found if each.is_unknown_field]
        if lost and self._validation == "Warn" and (doubt := self._doubt(manifest, "Strict")) is not None:
            self._losses[f"{_first(lost)}{doubt}"] += 1
        return ""

    def losses(self) -> Iterator[Finding]:
        """A warning for each sort of loss that was let pass."""
        for text, count in self._losses.items():
            yield Finding(Severity.WARNING, f"{count} LRS lose fields that the target's schema does not know: {text}")

    def _doubt(self, manifest: Manifest, validation: str) -> str | None:
        """None where the server takes what the schema refuses; else why its own word could not be had, empty where it was.

        The schema is read here in a simpler way than the server's; a few dry runs tell whether it is read right. Only the
        server's validation agrees with the schema: a right that lacks, a quota, a webhook say nothing of that, and then the
        schema counts alone. UnreachableError, CredentialsError: nothing else will be answered either.
        """
        if max(self._confirmed, self._untold) >= CONFIRMED:
            return self._why_untold if self._confirmed < CONFIRMED else ""
        try:
            self._kube.create(self._resource, manifest, manifest["metadata"]["namespace"], dry_run=True, validation=validation)
        except InvalidError:
            self._confirmed += 1
            return ""
        except ExistsError:  # which the server looks at last
            return None
        except (UnreachableError, CredentialsError):
            raise
        except LrsError as error:
            self._untold += 1
            self._why_untold = f"; the server's own word could not be had: {error}"
            return self._why_untold
        return None


def _first(found: list[Problem]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return "; ".join(map(str, found[:3])) + more
