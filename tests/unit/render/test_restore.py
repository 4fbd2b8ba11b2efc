"""Plans and reports of very many things: what is said of them is made while it is written."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from kubectl_lrs.model.each import Each
from kubectl_lrs.model.plan import Action, Plan, Step, StorePlan
from kubectl_lrs.model.report import Outcome, Report, Result
from kubectl_lrs.render import view as view_module
from kubectl_lrs.render.restore import plan_view, report_view
from kubectl_lrs.render.view import View, show
from kubectl_lrs.runtime import sorting
from kubectl_lrs.stores.files.restore import Done

MANY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Toy(Step):
    store: ClassVar[str] = "toy"


def _plan() -> Plan:
    def steps() -> Iterator[Step]:
        return (_Toy(name=f"folder/file-{number:06}", action=Action.CREATE, bytes=1) for number in range(MANY))

    return Plan(source="saved", target="t", parts=(StorePlan(store="toy", target="t", steps=Each(steps)),))


def _report() -> Report:
    done = Done()
    for number in range(MANY):
        done.add(Outcome(store="files", name=f"folder/file-{number:06}", result=Result.CREATED))
    report = Report(source="saved", target="t")
    report.apart.append(done)
    return report


def _shown(view: Callable[[], View], output: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """(bytes that were held at most while it was made and written, the lines of the answer)."""
    with path.open("w") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        tracemalloc.start()
        try:
            show(view(), output)
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return held, path.read_text().count("\n")


@pytest.mark.parametrize(("output", "lines", "each"), [("table", 1, 50), ("name", MANY, 50), ("json", MANY, 300)])
@pytest.mark.parametrize("what", ["plan", "report"])
def test_a_long_answer_is_held_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, output: str, lines: int, each: int
) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 500)
    monkeypatch.setattr(sorting, "BLOCK", 10)
    monkeypatch.setattr(view_module, "AT_ONCE", 50)
    plan, report = _plan(), _report()

    def view() -> View:
        return plan_view(plan, output=output) if what == "plan" else report_view(report, dry_run=False, output=output)

    _shown(view, output, tmp_path / "first", monkeypatch)  # with what is imported for it
    held, said = _shown(view, output, tmp_path / "out", monkeypatch)
    assert held < each * MANY, f"{held} bytes of {MANY} things, of which one takes more than {each}"
    assert said >= lines
