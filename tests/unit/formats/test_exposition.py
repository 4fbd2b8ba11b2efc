"""Prometheus' text form, there and back."""

from __future__ import annotations

import pytest

from kubectl_lrs.formats.exposition import samples_of, text_of
from kubectl_lrs.model.metrics import FAMILIES, PREFIX, Sample

LABELS = (("cluster", 'https://c:6443/"a\\b\n'), ("profile", "ü"))


def test_there_and_back() -> None:
    samples = [
        Sample(f"{PREFIX}run_exit_status", LABELS, -1.0),
        Sample(f"{PREFIX}run_exit_status", (("cluster", "other"),), 0.0),
        Sample(f"{PREFIX}run_last_success_timestamp_seconds", LABELS, 1795483024.123456),
    ]
    text = text_of(samples, {PREFIX + name: what for name, what in FAMILIES.items()})
    assert samples_of(text) == samples
    assert "# TYPE kubectl_lrs_run_exit_status gauge" in text
    assert text.count("# HELP kubectl_lrs_run_exit_status Exit status") == 1


def test_nothing() -> None:
    assert text_of([], {}) == ""
    assert samples_of("") == []


@pytest.mark.parametrize("text", ["a{", 'a{b="c} 1', "a 1 2 3 4 x", "a", "a b", "{} 1", "\0\0 1"])
def test_what_is_not_this_form_is_one_error(text: str) -> None:
    try:
        samples_of(text)
    except ValueError:
        return
