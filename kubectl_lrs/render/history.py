"""What was done, by whom, when, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kubectl_lrs.render.backups import local
from kubectl_lrs.render.view import View
from kubectl_lrs.runtime.history import Act

COLUMNS = ("BEGAN", "USER", "VERB", "WHAT")
WIDE_COLUMNS = ("BEGAN", "ENDED", "USER", "VERB", "STATUS", "TARGET", "CLUSTER", "ID", "BY", "COMMAND", "ON", "RESULT")
UNKNOWN = "not known: killed, or still at work"


def history_view(acts: Sequence[Act]) -> View:
    """One row for each act, the newest last."""
    return View(
        kind="History",
        data={"acts": [_data(act) for act in acts]},
        columns=COLUMNS,
        rows=[_row(act) for act in acts],
        wide_columns=WIDE_COLUMNS,
        wide_rows=[_wide(act) for act in acts],
        names=[act.id for act in acts],
    )


def _row(act: Act) -> tuple[str, ...]:
    result = _result(act)
    what = result if result.startswith(act.what) else f"{act.what}: {result}"
    return (_when(act.began), act.user, act.verb, what)


def _wide(act: Act) -> tuple[str, ...]:
    known = (act.user, act.verb, _status(act), act.target, act.cluster, act.id, act.by, act.command, act.what, _result(act))
    return (_when(act.began), _when(act.ended), *known)


def _result(act: Act) -> str:
    return act.result if act.ended else UNKNOWN


def _status(act: Act) -> str:
    return "" if act.status is None else str(act.status)


def _when(stamp: str) -> str:
    """In the user's own time zone; what is no instant, as it stands there."""
    try:
        return local(datetime.fromisoformat(stamp.replace("Z", "+00:00")))
    except ValueError:
        return stamp


def _data(act: Act) -> dict[str, Any]:
    return {
        "id": act.id,
        "began": act.began,
        "ended": act.ended or None,
        "user": act.user,
        "by": act.by,
        "command": act.command,
        "verb": act.verb,
        "cluster": act.cluster,
        "target": act.target,
        "what": act.what,
        "exitStatus": act.status,
        "result": _result(act),
    }
