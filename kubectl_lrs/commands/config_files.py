"""Where installation files are: the one that is named, else those in the folder of settings. Nothing is opened."""

from __future__ import annotations

import os

VARIABLE = "LRS_CONFIG"
ENDINGS = (".yaml", ".yml")


def named(flag: str) -> tuple[str, str]:
    """(path, what names it) of the file that a call names; both empty where it names none."""
    if flag:
        return flag, "--config"
    from_environment = os.environ.get(VARIABLE, "").strip()
    return (from_environment, VARIABLE) if from_environment else ("", "")


def folder() -> str:
    """Where files are found by themselves. The specification of XDG has a relative path ignored."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    home = os.environ.get("HOME", "")
    if not base.startswith("/"):
        base = f"{home}/.config" if home else ""
    return f"{base}/kubectl-lrs" if base else ""


def there() -> list[str]:
    """The paths of those that lie there, sorted; none where there is no such folder."""
    where = folder()
    try:
        names = sorted(os.listdir(where)) if where else []  # noqa: PTH208  every call that has no file waits for it
    except OSError:
        return []
    return [f"{where}/{name}" for name in names if name.endswith(ENDINGS) and not name.startswith(".")]
