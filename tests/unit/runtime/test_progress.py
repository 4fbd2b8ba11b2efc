"""Work that tells nobody how far it is."""

from __future__ import annotations

import pytest

from kubectl_lrs.runtime.progress import BYTES, Progress, Silent


def test_silent_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silent: Progress = Silent()
    silent.begin("work", 3, unit=BYTES)
    silent.advance()
    silent.note("a note")
    silent.end()
    assert capfd.readouterr() == ("", "")
