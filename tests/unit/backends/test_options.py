"""The file of `--toy`: one mapping, or refused without a word of what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.backends.options import MAX_OPTIONS, read_options
from kubectl_lrs.model.errors import UsageError


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{", "a: [", "1: 2", "!!python/object:os.system x", "x" * (MAX_OPTIONS + 1), "\x00", "key: [a-secret"]
)
def test_one_that_is_none(folder: Path, text: str) -> None:
    file = folder / "options"
    file.write_text(text)
    with pytest.raises(UsageError, match="--toy") as caught:
        read_options(file, said="--toy")
    assert "a-secret" not in f"{caught.value} {caught.value.hint}"


def test_one_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_options(folder / "none", said="--toy")


@pytest.mark.parametrize("text", ['{"key": "a", "n": {"m": 1}}', "key: a\nn: {m: 1}\n"])
def test_json_and_yaml(folder: Path, text: str) -> None:
    (folder / "options").write_text(text)
    assert read_options(folder / "options", said="--toy") == {"key": "a", "n": {"m": 1}}
