"""The rules and the dashboard that come with the product: they speak of metrics that there are, and Prometheus takes them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kubectl_lrs.formats.exposition import text_of
from kubectl_lrs.model.metrics import FAMILIES, MEANINGS, PREFIX, Sample
from tests.bed import prometheus
from tests.conftest import ROOT

FOLDER = ROOT / "monitoring"
DOCUMENT = (ROOT / "docs" / "nightly.md").read_text()
NAMES = {PREFIX + name for name in FAMILIES}


def _expressions() -> Iterator[str]:
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_they_speak_of_metrics_that_there_are() -> None:
    named = {name for expression in _expressions() for name in re.findall(rf"{PREFIX}\w+", expression)}
    assert named - NAMES == set()
    assert {name for name in named if "newest" in name}


def test_every_metric_is_documented() -> None:
    told = set(re.findall(r"`(?:kubectl_lrs_)?((?:run|backup|repository)_\w+|backups)`", DOCUMENT))
    assert told == set(FAMILIES)


def test_no_rule_lets_one_installation_speak_for_another() -> None:
    """Series are matched by all labels that they have: a list of some would leave one out that tells installations apart."""
    text = "\n".join(_expressions())
    assert not re.findall(r"\b(on|ignoring|by|without|group_left|group_right)\b", text)
    for rule in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]:
        if "absent" not in rule["expr"]:
            summary = rule["annotations"]["summary"]
            assert all(f"$labels.{label}" in summary for label in ("cluster", "lrs_namespace", "repository")), summary


@pytest.mark.campaign
def test_promtool_takes_rules_and_metrics(tmp_path: Path) -> None:
    promtool = prometheus.promtool()
    for words in (("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")):
        done = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    samples = [Sample(name, (("cluster", 'a"\\\n'), ("part", "ü")), 1.5) for name in sorted(NAMES)]
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text_of(samples, MEANINGS), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "wrong.yaml").write_text("groups: [{name: x, rules: [{alert: y, expr: 'sum('}]}]")
    assert subprocess.run([promtool, "check", "rules", tmp_path / "wrong.yaml"], capture_output=True, check=False).returncode != 0
