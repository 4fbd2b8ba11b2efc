"""Durations, ages, sizes, and text that a terminal only shows."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.units import age, counted, duration, limit_of_age, printable, self_name, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("30", 30), ("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("7d", 604800), ("100ms", 0.1), ("5us", 5e-6),
        ("5µs", 5e-6), ("1ns", 0), ("1m1m", 120), ("2h45m30.5s", 9930.5),
    ],
)  # fmt: skip
def test_durations_as_kubectl_writes_them(text: str, seconds: float) -> None:
    assert duration(text, what="--timeout") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "s", "-1s", "+1s", "1 s", "1S", "1w", "1s2", ".5s", "1h-30m", "soon", "1,5h", "s1", "1s\n"]
)
def test_what_is_no_duration_names_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--timeout") as caught:
        duration(text, what="--timeout")
    assert "30s" in caught.value.hint


@pytest.mark.parametrize("text", ["9" * 30, "99999999999d", "9" * 400])
def test_duration_beyond_all_years(text: str) -> None:
    with pytest.raises(UsageError, match="--keep-within"):
        duration(text, what="--keep-within")


@pytest.mark.parametrize("text", ["1", "30", "0030", "9" * 400])
def test_what_is_old_is_not_told_without_a_unit(text: str) -> None:
    """Seconds to kubectl, days to whoever thinks of backups: thirty seconds would leave next to nothing."""
    with pytest.raises(UsageError, match=r"--keep-within: .* has no unit") as caught:
        limit_of_age(text, what="--keep-within")
    assert f"{text}d for days" in caught.value.hint


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("00", 0), ("0s", 0), ("30d", 30 * 86400), ("36h", 36 * 3600)])
def test_what_is_old_with_a_unit(text: str, seconds: float) -> None:
    assert limit_of_age(text, what="--keep-within") == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"), (330, "5m30s"), (599, "9m59s"), (600, "10m"),
        (5400, "90m"), (3 * 3600, "3h"), (5 * 3600 + 720, "5h12m"), (8 * 3600, "8h"), (47 * 3600, "47h"), (48 * 3600, "2d"),
        (3 * 86400 + 4 * 3600, "3d4h"), (8 * 86400 - 1, "7d23h"), (8 * 86400, "8d"), (40 * 86400, "40d"),
    ],
)  # fmt: skip
def test_ages_as_kubectl_prints_them(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (31_000, "31,000 files")])
def test_how_many(number: int, text: str) -> None:
    assert counted(number, "file") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3482, "3.4 KiB"), (1 << 20, "1.0 MiB"),
        (1288490189, "1.2 GiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120.0 TiB"),
    ],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize("text", ["", "plain", "Grüße", "日本語", "a b", "👩", "'\"<>&"])
def test_text_that_shows_is_left_alone(text: str) -> None:
    assert printable(text) is text


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\rb", "a\nb", "\x00", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"]
)
def test_what_would_move_the_cursor_hide_or_reorder_is_written_out(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode("ascii").decode("unicode_escape") == text


@given(st.text())
def test_whatever_it_is_nothing_is_done_to_the_terminal(text: str) -> None:
    assert not {unicodedata.category(char) for char in printable(text)} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("argv0", "wanted"),
    [
        ("/usr/local/bin/kubectl-lrs", "kubectl lrs"),
        ("kubectl-long_running", "kubectl long-running"),
        ("C:\\tools\\kubectl-lrs.exe", "kubectl lrs"),
        ("/x/kubectl_lrs/__main__.py", "kubectl lrs"),
        ("", "kubectl lrs"),
    ],
)
def test_the_command_as_it_was_typed(argv0: str, wanted: str) -> None:
    assert self_name(argv0) == wanted
