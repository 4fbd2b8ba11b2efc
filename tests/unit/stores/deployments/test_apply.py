"""One step and the API: noted before it is asked, followed by what the deployment says, and never called done when it is not."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ApiError, NotFoundError, UnreachableError
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.stores.deployments import apply
from kubectl_lrs.stores.deployments.api.client import BusyError, Task, UnansweredError
from kubectl_lrs.stores.deployments.apply import Changer, WriteOptions
from kubectl_lrs.stores.deployments.journal import JournalError
from kubectl_lrs.stores.deployments.outcome import Outcome, Result
from kubectl_lrs.stores.deployments.plan import Action, Step
from kubectl_lrs.stores.deployments.statuses import DOWN, UP, State
from tests.builders.scripted_api import ScriptedApi

TIMEOUT = 0.4
"""Seconds after which what never comes is given up."""

LONG = 180.0
"""Seconds that nobody waits for: what is looked at comes before."""


class Noted:
    """A journal in memory: what was noted of each, in order. `broken`: from which note on the disk is full."""

    def __init__(self, broken: int = 1 << 30) -> None:
        self.notes: list[tuple[str, State]] = []
        self.messages: list[str] = []
        self.broken = broken

    def note(self, identifier: str, state: State, *, message: str = "", **_more: object) -> None:
        if len(self.notes) >= self.broken:
            raise JournalError("no space left")
        self.notes.append((identifier, state))
        self.messages.append(message)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "SHORTEST_POLL", 0.001)
    monkeypatch.setattr(apply, "LONGEST_POLL", 0.002)
    monkeypatch.setattr(apply, "SETTLE", 0.02)


def _step(before: str = "active", action: Action = Action.DEACTIVATE, **more: object) -> Step:
    facts = {"id": "d", "label": "l", "organisation": "o", "before": before, "action": action, **more}
    return Step(**facts)  # type: ignore[arg-type]


def _done(
    api: ScriptedApi,
    step: Step,
    noted: Noted | None = None,
    *,
    wait: bool = True,
    stop: Cancel | None = None,
    timeout: float = TIMEOUT,
) -> Outcome:
    direction = UP if step.action is Action.ACTIVATE else DOWN
    options = WriteOptions(timeout=timeout, wait=wait)
    changer = Changer(direction, {"o": api}, noted or Noted(), options, stop or Cancel())  # type: ignore[arg-type, dict-item]
    return changer.apply(step)


@pytest.mark.parametrize("slow", [0, 3])
def test_down_and_up(slow: int) -> None:
    api, noted = ScriptedApi(d="active"), Noted()
    api.slow = slow
    down = _done(api, _step(), noted)
    assert (down.result, down.after, down.task) == (Result.DEACTIVATED, "inactive", "task-d")
    up = _done(api, _step("inactive", Action.ACTIVATE), noted)
    assert (up.result, up.after) == (Result.ACTIVATED, "active")
    assert list(dict.fromkeys(noted.notes)) == [
        *(("d", state) for state in (State.DEACTIVATING, State.DEACTIVATED, State.ACTIVATING, State.ACTIVATED))
    ]


def test_it_is_noted_before_it_is_asked() -> None:
    api, noted = ScriptedApi(d="active"), Noted()
    seen: list[list[tuple[str, State]]] = []
    api.answers["set_status"] = [lambda: seen.append(list(noted.notes))]
    _done(api, _step(), noted)
    assert seen == [[("d", State.DEACTIVATING)]]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_without_a_journal_nothing_more_is_asked(broken: int) -> None:
    api, noted = ScriptedApi(d="active", e="active"), Noted(broken)
    changer = Changer(DOWN, {"o": api}, noted, WriteOptions(timeout=TIMEOUT), Cancel())  # type: ignore[arg-type, dict-item]
    first, second = changer.apply(_step()), changer.apply(_step(id="e"))
    assert (first.result, first.message) == (Result.FAILED, "no space left")
    assert second.result is Result.NOT_TRIED
    assert [what for verb, what in api.asked if verb == "set_status"] == ([] if broken == 0 else ["d"])


def test_what_is_not_to_be_changed_is_not_asked_for() -> None:
    api, noted = ScriptedApi(d="active"), Noted()
    left = _done(api, _step(action=Action.LEAVE, reason="why"), noted)
    same = _done(api, _step(action=Action.UNCHANGED, closes=State.GONE, reason="because"), noted)
    assert [(each.result, each.message) for each in (left, same)] == [(Result.LEFT, "why"), (Result.UNCHANGED, "because")]
    assert (api.asked, noted.notes) == ([], [("d", State.GONE)])


def test_interrupted_before_it_began() -> None:
    api, stop = ScriptedApi(d="active"), Cancel()
    stop.set()
    assert _done(api, _step(), stop=stop).result is Result.NOT_TRIED
    assert api.asked == []


def test_an_answer_that_never_came_is_not_asked_for_again() -> None:
    """It may have been taken: the deployment shows whether it was."""
    for took in (True, False):
        api, noted = ScriptedApi(d="active"), Noted()

        def lose(api: ScriptedApi = api, took: bool = took) -> None:
            if took:
                api.statuses["d"] = "inactive"
            raise UnansweredError("no answer")

        api.answers["set_status"] = [lose]
        done = _done(api, _step(), noted)
        assert [verb for verb, _ in api.asked].count("set_status") == 1
        assert done.result is (Result.DEACTIVATED if took else Result.UNFINISHED)
        assert noted.notes[-1] == ("d", State.DEACTIVATED if took else State.DEACTIVATING)


def test_busy_is_tried_again_and_what_shows_meanwhile_counts() -> None:
    api = ScriptedApi(d="active")
    api.answers["set_status"] = [BusyError("busy", repeated=False)] * 2
    assert _done(api, _step()).result is Result.DEACTIVATED
    other = ScriptedApi(d="active")

    def somebody_else() -> None:
        other.statuses["d"] = "inactive"
        raise BusyError("busy", repeated=False)

    other.answers["set_status"] = [somebody_else]
    done = _done(other, _step())
    assert (done.result, done.message) == (Result.UNCHANGED, "deactivated by somebody else meanwhile")


@pytest.mark.parametrize("is_ours", [False, True])
def test_refused(is_ours: bool) -> None:
    """Where an earlier run may have asked, the journal goes on saying so."""
    api, noted = ScriptedApi(d="active"), Noted()
    api.answers["set_status"] = [ApiError("no", status=422)]
    done = _done(api, _step(is_ours=is_ours), noted)
    assert (done.result, done.message, done.after) == (Result.FAILED, "no", "active")
    assert noted.notes[-1] == ("d", State.DEACTIVATING if is_ours else State.UNCHANGED)


NOT_THERE = NotFoundError("it does not exist", status=404)


def test_gone_is_no_failure_of_ours() -> None:
    """After the request, and between the look and the request. What may be down by our doing is not closed: a right that is
    lost looks the same."""
    for when, is_deleted, state in (("deployment", False, State.DEACTIVATING), ("set_status", True, State.GONE)):
        api, noted = ScriptedApi(d="active"), Noted()
        api.slow = 5
        api.answers[when] = [NOT_THERE]
        if is_deleted:
            api.answers["deployment"] = [NOT_THERE]
        done = _done(api, _step(), noted)
        assert (done.result, noted.notes[-1]) == (Result.LEFT, ("d", state)), when
        assert done.message == "deleted by somebody else meanwhile, or not visible any more: it does not exist"


def test_a_request_that_finds_nothing_where_something_is_was_refused() -> None:
    """A proxy may answer so: what activate brings back must not be struck from the journal for it."""
    api, noted = ScriptedApi(d="active"), Noted()
    api.answers["set_status"] = [NOT_THERE]
    done = _done(api, _step(), noted)
    assert (done.result, done.message, noted.notes[-1]) == (Result.FAILED, "it does not exist", ("d", State.UNCHANGED))
    api, noted = ScriptedApi(d="active"), Noted()
    api.answers["set_status"] = [NOT_THERE]
    api.answers["deployment"] = [UnreachableError("no answer")]
    done = _done(api, _step(), noted)
    assert (done.result, noted.notes[-1]) == (Result.FAILED, ("d", State.DEACTIVATING)), "it cannot be told"


@pytest.mark.parametrize(
    ("status", "task", "result", "state", "message"),
    [
        ("errored", Task("ERROR", "it broke"), Result.FAILED, State.DEACTIVATING, "the deployment is errored: it broke"),
        ("active", Task("ERROR", "no room"), Result.FAILED, State.UNCHANGED, "the application failed to deactivate it: no room"),
        ("archived", Task("COMPLETED"), Result.LEFT, State.GONE, "archived by somebody else meanwhile"),
        ("stopping", Task("RUNNING"), Result.UNFINISHED, State.DEACTIVATING, "still stopping after 0s (task RUNNING)"),
        ("active", Task(""), Result.UNFINISHED, State.DEACTIVATING, "still active after 0s"),
    ],
)
def test_what_does_not_become_what_was_asked_for(status: str, task: Task, result: Result, state: State, message: str) -> None:
    api, noted = ScriptedApi(d="active"), Noted()
    api.tasks["task-d"] = task
    api.slow = 1 << 20

    def take() -> None:
        api.deployment = lambda identifier, **_: {**api.document(identifier), "status": status}  # type: ignore[method-assign]

    api.answers["set_status"] = [take]
    done = _done(api, _step(), noted, timeout=0.001)  # what there is to see is there at the first look
    assert (done.result, noted.notes[-1]) == (result, ("d", state))
    assert done.message.startswith(message)


def test_without_waiting_nothing_is_called_done() -> None:
    api, noted = ScriptedApi(d="active"), Noted()
    done = _done(api, _step(), noted, wait=False)
    assert (done.result, done.message) == (Result.SENT, "asked, not waited for (task task-d)")
    assert noted.notes[-1] == ("d", State.DEACTIVATING)


def test_interrupted_while_it_waits() -> None:
    api, noted, stop = ScriptedApi(d="active"), Noted(), Cancel()
    api.slow = 1 << 20
    api.answers["task"] = [stop.set]
    done = _done(api, _step(), noted, stop=stop)
    assert (done.result, done.message) == (Result.UNFINISHED, "interrupted; it was asked, and not waited for")
    assert noted.notes[-1] == ("d", State.DEACTIVATING)


def test_looks_that_fail_are_not_the_end() -> None:
    api = ScriptedApi(d="active")
    api.answers["deployment"] = [UnreachableError("away")] * 3
    assert _done(api, _step()).result is Result.DEACTIVATED


def test_a_request_for_the_opposite_is_let_show_first() -> None:
    """`activate` of what was asked to stop a moment ago: that it is active yet means nothing."""
    api, noted = ScriptedApi(d="active"), Noted()
    api.tasks["stop"] = Task("RUNNING")
    looks = iter(["active", "active", "stopping", "inactive"])

    def look() -> None:
        if not any(verb == "set_status" for verb, _ in api.asked):
            api.statuses["d"] = next(looks, "inactive")

    api.answers["deployment"] = [look] * 50
    done = _done(api, _step("active", Action.ACTIVATE, is_ours=True, pending="stop"), noted)
    assert done.result is Result.ACTIVATED
    assert [verb for verb, _ in api.asked].count("set_status") == 1


def test_a_request_for_the_opposite_that_failed_is_not_waited_for_and_one_that_is_done_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apply, "SETTLE", 1e3)
    api = ScriptedApi(d="active")
    api.tasks["stop"] = Task("ERROR")
    done = _done(api, _step("active", Action.ACTIVATE, is_ours=True, pending="stop"), timeout=LONG)
    assert done.result is Result.ACTIVATED
    assert [verb for verb, _ in api.asked].count("task") == 1
    api = ScriptedApi(d="active")
    api.tasks["stop"] = Task("COMPLETED")
    late = [lambda: None, lambda: None, lambda: api.statuses.update(d="inactive")]
    api.answers["deployment"] = late
    done = _done(api, _step("active", Action.ACTIVATE, is_ours=True, pending="stop"), timeout=LONG)
    assert done.result is Result.ACTIVATED
    assert [verb for verb, _ in api.asked].count("set_status") == 1
