"""What the tests of `clean-spark` share: live Spark sessions."""

from __future__ import annotations

import copy
import re
from typing import Any

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.conftest import Crd

MERGE_PATCH = "application/merge-patch+json"
SUMMARY = re.compile(r"^clean-spark: (.*?) in [\d.]+s", re.MULTILINE)


def session(crd: Crd, namespace: str, number: int, **metadata: Any) -> dict[str, Any]:
    """One Spark session, `spark-000` and so on; `metadata` besides."""
    made = copy.deepcopy(samples.samples(crd.api_version, crd.kind, namespace)[0])
    made["metadata"] |= {"name": f"spark-{number:03d}", **metadata}
    return made


def start(plane: ControlPlane, crd: Crd, namespace: str, count: int, **metadata: Any) -> list[str]:
    """So many Spark sessions in a namespace; their names."""
    made = [session(crd, namespace, number, **metadata) for number in range(count)]
    loader.create_many(plane, made)
    return [each["metadata"]["name"] for each in made]


def live(plane: ControlPlane, crd: Crd, namespace: str) -> dict[str, str]:
    """Name → uid of every LRS that is there."""
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in loader.live(plane, crd.api_version, namespace)}


def are_going(plane: ControlPlane, crd: Crd, namespace: str, count: int) -> bool:
    """Whether so many are being deleted, and nothing else is there: they are held, and a run waits for them in vain."""
    there = loader.live(plane, crd.api_version, namespace)
    return len(there) == count and all("deletionTimestamp" in each["metadata"] for each in there)


def path(crd: Crd, namespace: str, name: str) -> str:
    """The URL path of an LRS."""
    return f"{loader.objects_path(crd.api_version, namespace)}/{name}"


def let_go(plane: ControlPlane, crd: Crd, namespace: str, name: str) -> None:
    """Take the finalizers off."""
    plane.api("PATCH", path(crd, namespace, name), {"metadata": {"finalizers": None}}, content_type=MERGE_PATCH)


def counts(output: str) -> dict[str, int]:
    """The last line of a report, as {"deleted": 3}."""
    found = SUMMARY.search(output)
    assert found, output
    return {what: int(number) for number, _, what in (part.partition(" ") for part in found[1].split(", "))}


def rows(output: str) -> list[list[str]]:
    """The rows of a table, without its heading and what stands after it."""
    return [line.split() for line in output.splitlines() if re.match(r"\S+ +spark-\d+ ", line)]
