"""The plugin that finds races finds one: a stand-in that notes a request after it has answered it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RACE = """
import urllib.request
from http.server import BaseHTTPRequestHandler
from tests.bed.standin import Server

NOTED = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
        NOTED.append(self.path)

    def log_message(self, *_):
        pass


def test_each_is_noted():
    server = Server("racy", Handler)
    server.start()
    try:
        behind = 0
        for number in range(1, 101):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/").close()
            behind += len(NOTED) < number
    finally:
        server.stop()
    assert not behind
"""


def _run(folder: Path, *plugins: str) -> subprocess.CompletedProcess[str]:
    test = folder / "test_race.py"
    test.write_text(RACE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *plugins]
    command += [f"--rootdir={folder}", "--noconftest", "-c", "/dev/null", str(test)]
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


def test_a_note_after_the_answer_is_found(tmp_path: Path) -> None:
    found = _run(tmp_path, "-p", "tests.late")
    assert found.returncode == 1, found.stdout + found.stderr
    assert "assert not " in found.stdout
