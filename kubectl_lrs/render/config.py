"""Settings as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubectl_lrs.model.settings import Origin, Shown
from kubectl_lrs.render.view import View
from kubectl_lrs.runtime import redact


def settings_view(settings: Sequence[Shown], file: str, *, with_origin: bool) -> View:
    """One row for each that something says; the wide table has the others too."""
    said = [each for each in settings if each.origin is not Origin.DEFAULT or each.by]
    others = len(settings) - len(said)
    columns = ("SETTING", "VALUE", "ORIGIN", "BY") if with_origin else ("SETTING", "VALUE")
    return View(
        kind="Settings",
        data={"file": file or None, "settings": [_data(each) for each in settings]},
        columns=columns,
        rows=[_row(each)[: len(columns)] for each in said],
        wide_columns=("SETTING", "VALUE", "ORIGIN", "BY", "FLAG"),
        wide_rows=[(*_row(each), _flag(each)) for each in settings],
        names=[each.key for each in said],
        after=(f"{others} settings are at their defaults (-o wide shows them)",),
        wide_after=(),
    )


def _row(each: Shown) -> tuple[str, ...]:
    return (each.key, _text(each.value), each.origin.value, each.by)


def _flag(each: Shown) -> str:
    return each.flag.word if each.flag.word.startswith("-") else ""


def _text(value: Any) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(redact.shown, value)) if isinstance(value, tuple) else redact.text(value)


def _data(each: Shown) -> dict[str, Any]:
    value = each.value
    if isinstance(value, str):
        value = redact.text(value)
    return {
        "key": each.key,
        "value": [redact.text(one) for one in value] if isinstance(value, tuple) else value,
        "origin": each.origin.value,
        "by": each.by,
        "flag": _flag(each),
    }
