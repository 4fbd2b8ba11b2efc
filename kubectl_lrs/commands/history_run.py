"""Show what was done, as `history_` is told."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches

from kubectl_lrs import render
from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.history_ import VERBS, Flags
from kubectl_lrs.commands.shared import Tables
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.when import start_of
from kubectl_lrs.runtime import history
from kubectl_lrs.runtime.state import root


def run(given: Given) -> None:
    """All acts, or those of some verbs."""
    flags = given.of(Flags)
    wanted, since = flags.verbs, _since(flags.since)
    if unknown := sorted(set(wanted) - set(VERBS)):
        near = get_close_matches(unknown[0], VERBS, 1)
        hint = f"did you mean {near[0]}?" if near else f"it is one of: {', '.join(VERBS)}"
        raise UsageError(f"nothing is noted of {unknown[0]!r}", hint=hint)
    acts, troubles = history.read()
    found = [act for act in acts if (not wanted or act.verb in wanted) and act.began >= since]
    render.show(render.history_view(found), given.of(Tables).output)
    if not found:
        of, when = f" of {', '.join(wanted)}" if wanted else "", f" since {flags.since}" if since else ""
        render.say(f"nothing{of} was noted in {root()}{when or ' so far'}")
    for trouble in troubles:
        render.say(f"warning: {trouble}")


def _since(text: str) -> str:
    """From which instant on, as acts have theirs; all of them where nothing is said."""
    if not text:
        return ""
    return start_of(text, what="--since", now=datetime.now().astimezone()).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
