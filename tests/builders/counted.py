"""How much is done, in lines of the product that are run: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import kubectl_lrs

PRODUCT = str(Path(kubectl_lrs.__file__).parent)


def lines(act: Callable[[], object]) -> int:
    """The lines and calls of the product in this thread and in those that it starts."""
    count = 0

    def local(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        count += 1
        return local

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(PRODUCT):
            return None
        count += 1
        return local

    before = sys.gettrace()
    threading.settrace(trace)
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
        threading.settrace(before)  # type: ignore[arg-type]  None is what it was
    return count
