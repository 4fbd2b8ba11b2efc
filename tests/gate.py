"""The gate: formatting, lint, types, the rule between layers, tests. One command; it sets up all that it needs.

Run with the system's Python: `python3 tests/gate.py`. Arguments go to pytest and leave out the rest:
`python3 tests/gate.py tests/test_yamltext.py -k float`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.bed import toolchain

CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "--quiet"),
    ("ruff", "check", "--quiet"),
    ("mypy",),
    ("lint-imports", "--no-cache"),
)


def main(arguments: list[str]) -> int:
    """Set up, check, test; the exit status of the first that fails."""
    programs = toolchain.venv().parent
    toolchain.binary()
    for check in () if arguments else CHECKS:
        print(f"gate: {' '.join(check)}", flush=True)
        if status := subprocess.run([programs / check[0], *check[1:]], cwd=toolchain.ROOT, check=False).returncode:
            print(f"gate: {check[0]} failed", flush=True)
            return status
    print("gate: pytest", flush=True)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([programs / "pytest", *arguments], cwd=toolchain.ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
