"""The application's API in memory: deployments that change when they are asked to, and answers that go wrong on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kubectl_lrs.model.errors import NotFoundError
from kubectl_lrs.stores.deployments.api.client import ForbiddenError, Task
from kubectl_lrs.stores.deployments.inventory import Account

Answer = Exception | Callable[[], Any]


class ScriptedApi:
    """`answers`: by `set_status`, `deployment`, `task` or `deployments`, what comes before anything else, one for each request.

    A change is there at once, unless `slow` looks are to pass in its status under way.
    """

    endpoint = "https://app/api/v2"
    source = "a token"
    lost = ""

    def __init__(self, **statuses: str) -> None:
        self.statuses = dict(statuses)
        self.answers: dict[str, list[Answer | None]] = {}
        self.asked: list[tuple[str, str]] = []
        self.notes: dict[str, str] = {}
        self.closed: set[str] = set()
        self.slow = 0
        self.tasks: dict[str, Task] = {}
        self._under_way: dict[str, list[str]] = {}

    def _answer(self, verb: str, what: str) -> None:
        self.asked.append((verb, what))
        waiting = self.answers.get(verb)
        answer = waiting.pop(0) if waiting else None
        if isinstance(answer, Exception):
            raise answer
        if answer:
            answer()

    def document(self, identifier: str) -> dict[str, Any]:
        """As the API gives it."""
        model = {"id": f"m-{identifier}", "customModelImage": {"x": 1}}
        return {"id": identifier, "label": f"label {identifier}", "status": self.statuses[identifier], "model": model}

    def deployments(self) -> Iterator[dict[str, Any]]:
        """All that may be looked at."""
        self._answer("deployments", "")
        return iter([self.document(each) for each in self.statuses if each not in self.closed])

    def deployment(self, identifier: str, **_limit: float) -> dict[str, Any]:
        """One of them."""
        self._answer("deployment", identifier)
        if identifier in self.closed:
            raise ForbiddenError(f"{identifier}: forbidden")
        if identifier not in self.statuses:
            raise NotFoundError(f"deployment {identifier} does not exist", status=404)
        if steps := self._under_way.get(identifier):
            self.statuses[identifier] = steps.pop(0)
        return self.document(identifier)

    def set_status(self, identifier: str, status: str, **_limit: float) -> str:
        """Ask for a change; the task's id."""
        self._answer("set_status", identifier)
        passing = "stopping" if status == "inactive" else "launching"
        self._under_way[identifier] = [passing] * self.slow + [status]
        self.tasks.setdefault(f"task-{identifier}", Task("COMPLETED"))
        return f"task-{identifier}"

    def task(self, identifier: str, **_limit: float) -> Task:
        """What the API says of it."""
        self._answer("task", identifier)
        return self.tasks.get(identifier, Task(""))


def account(api: ScriptedApi, organisation: str = "o", uid: str = "u") -> Account:
    """A user of the API."""
    return Account(client=api, organisation=organisation, uid=uid, user="joe", role="", version="")  # type: ignore[arg-type]
