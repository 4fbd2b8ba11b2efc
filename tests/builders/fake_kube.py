"""A Kubernetes client in memory, for what decides by single answers; everything else is tried on a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from kubectl_lrs.clients.kubernetes.answers import Page
from kubectl_lrs.clients.kubernetes.resources import Resource
from kubectl_lrs.clients.kubernetes.warnings import Warnings
from kubectl_lrs.model.errors import NotFoundError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.retry import Outage

LRS = Resource(group="lrs.datarobot.com", version="v1", plural="lrs", kind="LRS")


def not_found() -> NotFoundError:
    """As the API server says it."""
    return NotFoundError("not found", status=404, reason="NotFound")


class FakeKube:
    """`objects` by (namespace, name); `answers` are raised, or called, one for each request before anything else."""

    def __init__(
        self, objects: Iterable[dict[str, Any]] = (), answers: Iterable[Exception | Callable[[], Any] | None] = ()
    ) -> None:
        self.objects = {(each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in objects}
        self.asked: list[tuple[str, str, str]] = []
        self.stop = Cancel()
        self.outage = Outage()
        self.warnings = Warnings()
        self._answers = list(answers)

    def _answer(self, verb: str, namespace: str, name: str) -> None:
        self.asked.append((verb, namespace, name))
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        if answer:
            answer()

    def get(self, _resource: Resource, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One object."""
        self._answer("get", namespace or "", name)
        try:
            return self.objects[namespace or "", name]
        except KeyError:
            raise not_found() from None

    def delete(self, _resource: Resource, namespace: str, name: str, **_conditions: Any) -> bool:
        """Whether it is gone at once."""
        self._answer("delete", namespace, name)
        if (namespace, name) not in self.objects:
            raise not_found()
        del self.objects[namespace, name]
        return True

    def pages(self, _resource: Resource, namespace: str | None = None, *, name: str = "", **_: Any) -> Iterator[Page]:
        """All of a namespace, or the one of a name, on one page."""
        self._answer("list", namespace or "", name)
        there = [each for (space, _), each in sorted(self.objects.items()) if namespace in (None, space)]
        found = [(json.dumps(each), each) for each in there if name in ("", each["metadata"]["name"])]
        yield Page(found, "7", "", 0)

    def now(self) -> datetime:
        """The server's clock."""
        return datetime(2026, 11, 24, 12, tzinfo=timezone.utc)

    def resource_of_kind(self, _api_version: str, kind: str) -> Resource | None:
        """Every kind is served but one."""
        return None if kind == "Unknown" else Resource(group="", version="v1", plural=kind.lower() + "s", kind=kind)
