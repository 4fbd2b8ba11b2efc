"""The one policy for what is there already, of all stores. Pure, and light: flags are made of it."""

from __future__ import annotations

from enum import Enum


class Existing(str, Enum):
    """What to do with a thing that is there already and differs. Each store takes some of these."""

    SKIP = "skip"
    MERGE = "merge"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    DROP = "drop"
    FAIL = "fail"
