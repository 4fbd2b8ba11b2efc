"""What a reader would refuse is refused before it is written, at the same byte."""

from __future__ import annotations

import io

import pytest

from kubectl_lrs.model.errors import ExitCode, LrsError
from kubectl_lrs.runtime.bounds import read_within, require_readable


@pytest.mark.parametrize("size", [0, 1, 9, 10])
def test_what_fits_is_read_and_written(size: int) -> None:
    data = b"x" * size
    assert read_within(io.BytesIO(data), 10) == data
    assert require_readable(data, 10, "f") is data


@pytest.mark.parametrize("size", [11, 12, 5000])
def test_what_does_not_is_neither(size: int) -> None:
    data = b"x" * size
    with pytest.raises(ValueError, match="larger than"):
        read_within(io.BytesIO(data), 10)
    with pytest.raises(LrsError, match=f"^f: it would have {size} bytes, and no more than 10") as caught:
        require_readable(data, 10, "f", hint="less")
    assert (caught.value.hint, caught.value.exit_code) == ("less", ExitCode.FAILED)
