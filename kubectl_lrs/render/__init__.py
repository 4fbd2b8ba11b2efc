"""Everything that people and programs read. It decides nothing."""

from __future__ import annotations

from kubectl_lrs.render.backups import catalog_view, damage_report, listing, local, made, remarks, scope
from kubectl_lrs.render.diff import comparison_view, difference_data, show_unified, side_lines, summary, unified
from kubectl_lrs.render.progress import LiveProgress, PlainProgress, progress, say
from kubectl_lrs.render.restore import finding_lines, plan_view, report_view
from kubectl_lrs.render.verify import trial_view
from kubectl_lrs.render.view import FORMATS, View, show, table

__all__ = [
    "FORMATS",
    "LiveProgress",
    "PlainProgress",
    "View",
    "catalog_view",
    "comparison_view",
    "damage_report",
    "difference_data",
    "finding_lines",
    "listing",
    "local",
    "made",
    "plan_view",
    "progress",
    "remarks",
    "report_view",
    "say",
    "scope",
    "show",
    "show_unified",
    "side_lines",
    "summary",
    "table",
    "trial_view",
    "unified",
]
