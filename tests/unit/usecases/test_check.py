"""`check APPLICATION`: an image that is missing is that application's too, however many others name the same one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from kubectl_lrs.consistency import Application, Inventory, Unchecked
from kubectl_lrs.model.errors import UnreachableError, UsageError
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.common.mentions import Document
from kubectl_lrs.stores.images.find import ImageFilter
from kubectl_lrs.usecases.check import CheckReport, image_at, report_of, selected_applications
from kubectl_lrs.usecases.scan import Scan

NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
IMAGE = "registry.example.com/datarobot/managed-image:shared"
NOT_LOOKED = Unchecked("not looked at")


def _id(number: int) -> str:
    return f"{number:024x}"


def _lrs(name: str, identifier: str, image: str = IMAGE) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "n", "name": name},
        "spec": {"containers": [{"image": image}], "env": {"APP": identifier}},
    }


def _report(
    lrs: list[dict[str, Any]], applications: list[str], only: str, documents: list[Document] | None = None
) -> CheckReport:
    scan = Scan(now=NOW, stale_after=timedelta(hours=24))
    scan.read(lrs, documents or [], ImageFilter(), Silent())
    inventory = Inventory(
        scope="namespace n",
        objects=scan.objects,
        applications=[Application(id=each, name=f"app {each}") for each in applications],
        documents=NOT_LOOKED,
        deployments=NOT_LOOKED,
        sessions=NOT_LOOKED,
        images=[image_at(scan, scan.images, parse(IMAGE), is_missing=True)],
        files=NOT_LOOKED,
        keys=NOT_LOOKED,
    )
    return report_of(inventory, target="", backup="", instant=NOW, only=[only], notes=())


def _found(report: CheckReport) -> list[tuple[str, str]]:
    return [(each.rule.code, each.application) for each in report.examination.findings]


def test_a_name_that_two_have_is_refused_with_the_ids() -> None:
    twins = [Application(id=_id(number), name="sales") for number in (1, 2)]
    with pytest.raises(UsageError, match=f"2 applications are called 'sales': {_id(1)}, {_id(2)}"):
        selected_applications(twins, ["sales"])
    assert selected_applications(twins, [_id(2)]) == [twins[1]]


def test_what_was_not_asked_for_is_usage_and_what_cannot_be_had_is_out_of_reach() -> None:
    with pytest.raises(UsageError, match="not asked for") as caught:
        selected_applications(Unchecked("MongoDB was not asked for", "--mongo"), ["sales"])
    assert caught.value.hint == "give --mongo"
    with pytest.raises(UnreachableError, match="refused") as away:
        selected_applications(Unchecked("the connection is refused", "--mongo", failed=True), ["sales"])
    assert away.value.hint == "", "it was given"


@pytest.mark.parametrize("others", [0, 1, 19, 20, 60])
def test_others_that_name_the_same_image_hide_nothing(others: int) -> None:
    mine = _id(1)
    lrs = [_lrs(f"other-{number}", _id(1000 + number)) for number in range(others)]
    report = _report([*lrs, _lrs("mine", mine)], [mine], mine)
    assert _found(report) == [("image-missing", mine)]
    assert "n/mine" in report.examination.findings[0].message


def test_it_is_each_applications_own() -> None:
    ids = [_id(number) for number in range(1, 31)]
    lrs = [_lrs(f"app-{number}", each) for number, each in enumerate(ids)]
    for each in (ids[0], ids[-1]):
        assert _found(_report(lrs, ids, each)) == [("image-missing", each)]


def test_an_lrs_that_names_it_many_times_takes_no_place() -> None:
    mine = _id(1)
    many = _lrs("many", _id(2))
    many["spec"]["initContainers"] = [{"image": IMAGE}] * 40
    assert _found(_report([many, _lrs("mine", mine)], [mine], mine)) == [("image-missing", mine)]


def test_an_image_that_others_alone_name_is_not_its() -> None:
    mine = _id(1)
    lrs = [_lrs("other", _id(2)), _lrs("mine", mine, "registry.example.com/datarobot/managed-image:mine")]
    assert _found(_report(lrs, [mine], mine)) == []
