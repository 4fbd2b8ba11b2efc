"""Everything that people and programs read. It decides nothing.

Each part is imported when it is first used, so that the help of a verb does not wait for all of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kubectl_lrs.render.output import acknowledge, answer, remark, say
from kubectl_lrs.render.progress import LiveProgress, PlainProgress, progress

if TYPE_CHECKING:
    from kubectl_lrs.render.backup import holds_less, instead, made, remarks, segment_line, segments_line, shrunk, where
    from kubectl_lrs.render.backups import (
        backup_warnings,
        catalog_view,
        changed_view,
        damage_report,
        listing,
        local,
        of_others,
        say_latest,
        scope,
    )
    from kubectl_lrs.render.belonging import belongings_view
    from kubectl_lrs.render.check import check_view, verdict
    from kubectl_lrs.render.check_html import check_page, show_page
    from kubectl_lrs.render.config import settings_view
    from kubectl_lrs.render.deployments import (
        CONSEQUENCES,
        account_lines,
        deployment_plan_view,
        deployment_report_view,
        journal_view,
        organisation_names,
    )
    from kubectl_lrs.render.diff import (
        comparison_remarks,
        comparison_view,
        difference_data,
        show_unified,
        side_lines,
        store_lines,
        summary,
        unified,
    )
    from kubectl_lrs.render.doors import doors_view
    from kubectl_lrs.render.history import history_view
    from kubectl_lrs.render.image import image_view
    from kubectl_lrs.render.nightly import nightly_data, nightly_line, nightly_view
    from kubectl_lrs.render.prune import prune_plan_view, prune_question, prune_remarks, prune_report_remarks, prune_report_view
    from kubectl_lrs.render.rehearsal import rehearsal_plan_view, rehearsal_view
    from kubectl_lrs.render.repository import (
        copy_view,
        exported,
        repository_check_view,
        repository_made,
        repository_view,
    )
    from kubectl_lrs.render.restore import finding_lines, plan_view, report_view, restore_question
    from kubectl_lrs.render.schedule import schedule_status_view, schedule_view, scheduled_run_view, show_objects
    from kubectl_lrs.render.spark import nothing_to_clean, spark_effects, spark_plan_view, spark_report_view
    from kubectl_lrs.render.verify import trial_view
    from kubectl_lrs.render.view import FORMATS, View, as_json, show, table

_PARTS = {
    "backups": (
        "catalog_view",
        "changed_view",
        "damage_report",
        "backup_warnings",
        "listing",
        "local",
        "of_others",
        "say_latest",
        "scope",
    ),
    "check": ("check_view", "verdict"),
    "belonging": ("belongings_view",),
    "check_html": (
        "check_page",
        "show_page",
    ),
    "deployments": (
        "CONSEQUENCES",
        "account_lines",
        "deployment_plan_view",
        "deployment_report_view",
        "journal_view",
        "organisation_names",
    ),
    "diff": (
        "comparison_remarks",
        "comparison_view",
        "difference_data",
        "show_unified",
        "side_lines",
        "store_lines",
        "summary",
        "unified",
    ),
    "backup": (
        "holds_less",
        "instead",
        "made",
        "remarks",
        "segment_line",
        "segments_line",
        "shrunk",
        "where",
    ),
    "config": ("settings_view",),
    "doors": ("doors_view",),
    "history": ("history_view",),
    "nightly": ("nightly_data", "nightly_line", "nightly_view"),
    "image": ("image_view",),
    "prune": (
        "prune_plan_view",
        "prune_question",
        "prune_remarks",
        "prune_report_remarks",
        "prune_report_view",
    ),
    "rehearsal": (
        "rehearsal_plan_view",
        "rehearsal_view",
    ),
    "repository": (
        "copy_view",
        "exported",
        "repository_check_view",
        "repository_made",
        "repository_view",
    ),
    "restore": (
        "finding_lines",
        "plan_view",
        "report_view",
        "restore_question",
    ),
    "schedule": (
        "schedule_status_view",
        "schedule_view",
        "scheduled_run_view",
        "show_objects",
    ),
    "spark": (
        "nothing_to_clean",
        "spark_plan_view",
        "spark_report_view",
        "spark_effects",
    ),
    "verify": ("trial_view",),
    "view": (
        "FORMATS",
        "View",
        "as_json",
        "show",
        "table",
    ),
}
"""Module of this package → what is taken from it."""

_WHERE = {name: module for module, names in _PARTS.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the part that a name is in."""
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "CONSEQUENCES",
    "FORMATS",
    "LiveProgress",
    "PlainProgress",
    "View",
    "account_lines",
    "acknowledge",
    "answer",
    "as_json",
    "backup_warnings",
    "belongings_view",
    "catalog_view",
    "changed_view",
    "check_page",
    "check_view",
    "comparison_remarks",
    "comparison_view",
    "copy_view",
    "damage_report",
    "deployment_plan_view",
    "deployment_report_view",
    "difference_data",
    "doors_view",
    "exported",
    "finding_lines",
    "history_view",
    "holds_less",
    "image_view",
    "instead",
    "journal_view",
    "listing",
    "local",
    "made",
    "nightly_data",
    "nightly_line",
    "nightly_view",
    "nothing_to_clean",
    "of_others",
    "organisation_names",
    "plan_view",
    "progress",
    "prune_plan_view",
    "prune_question",
    "prune_remarks",
    "prune_report_remarks",
    "prune_report_view",
    "rehearsal_plan_view",
    "rehearsal_view",
    "remark",
    "remarks",
    "report_view",
    "repository_check_view",
    "repository_made",
    "repository_view",
    "restore_question",
    "say",
    "say_latest",
    "schedule_status_view",
    "schedule_view",
    "scheduled_run_view",
    "scope",
    "segment_line",
    "segments_line",
    "settings_view",
    "show",
    "show_objects",
    "show_page",
    "show_unified",
    "shrunk",
    "side_lines",
    "spark_effects",
    "spark_plan_view",
    "spark_report_view",
    "store_lines",
    "summary",
    "table",
    "trial_view",
    "unified",
    "verdict",
    "where",
]
