"""The picture of a terminal in the README: real commands on a real cluster, with the colours that a terminal shows.

`.venv/bin/python -m tests.builders.picture` draws it anew; the test of the documents holds it against what is printed now.
"""

from __future__ import annotations

import html
import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.builders import sessions

FILE = sessions.ROOT / "docs" / "terminal.svg"
WIDTH = 96
COMMANDS = (
    "kubectl lrs backup -n datarobot --name before-upgrade",
    "kubectl lrs verify before-upgrade",
    "kubectl delete lrs --all -n datarobot",
    "kubectl lrs restore before-upgrade",
)
HEAD = 3
"""Lines of what the others print: kubectl's own list is long."""

_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_TEXT = re.compile(r"<text[^>]*>(.*?)</text>", re.DOTALL)


def drawn(run: sessions.Run) -> str:
    """The picture of what the commands print now."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    for command in COMMANDS:
        console.print(Text(f"$ {command}", style="bold"))
        ours = command.startswith("kubectl lrs")
        lines = run(f"{command} --color always" if ours else command).splitlines()
        for line in lines if ours or len(lines) <= HEAD else [*lines[:HEAD], "..."]:
            console.print(Text.from_ansi(line))
    return _FONT.sub("", console.export_svg(title="kubectl lrs", unique_id="terminal")) + "\n"


def essence(picture: str) -> str:
    """The text in it, with what no two runs have in common taken out; where a line goes on is the picture's business."""
    rows: dict[str, str] = {}
    for match in _TEXT.finditer(picture):
        row = re.search(r'clip-path="url\(#(\S+)\)"', match[0])
        name = row[1] if row else ""
        rows[name] = rows.get(name, "") + html.unescape(match[1]).replace("\xa0", " ")
    return " ".join(" ".join(sessions.essence(" ".join(rows.values()))).split())


def main() -> int:
    """Draw it anew where what is printed has changed."""
    with tempfile.TemporaryDirectory(prefix="kubectl-lrs-picture-") as name:
        directory = Path(name)
        with ControlPlane.start(directory / "plane") as plane:
            loader.install_crd(plane, sessions.CRD)
            with sessions.shell(plane, FILE, directory / "shell") as run:
                now = drawn(run)
        if not FILE.exists() or essence(now) != essence(FILE.read_text()):
            FILE.write_text(now)
            print(f"drawn anew: {FILE.relative_to(sessions.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
