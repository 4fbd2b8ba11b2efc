"""Remove what is named, as `forget_` is told."""

from __future__ import annotations

from kubectl_lrs.commands.flags import Given
from kubectl_lrs.commands.forget_ import Flags
from kubectl_lrs.commands.prune_run import carry_out
from kubectl_lrs.commands.shared import Trusting, Trying
from kubectl_lrs.model.errors import ExitCode, UsageError
from kubectl_lrs.repository import open_pruner
from kubectl_lrs.usecases.prune import plan_forget


def run(given: Given) -> ExitCode:
    """Plan by the names, and carry it out."""
    flags = given.of(Flags)
    if not flags.names:
        raise UsageError("no backup is named", hint="name them as list shows them; prune removes by rules")
    plan = plan_forget(open_pruner(flags.path, given.of(Trusting).trust, flags.reach), flags.names)
    return carry_out(given, plan, dry_run=given.of(Trying).dry_run == "client", must_ask=True)
