"""The product on a file system of its own that is too small, in a mount namespace that no other process sees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, Cli

PROGRAM = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
NEWUSER, NEWNS, REC, PRIVATE = 0x10000000, 0x20000, 0x4000, 1 << 18
uid = os.getuid()
check(libc.unshare(NEWNS | (NEWUSER if uid else 0)))
if uid:
    open("/proc/self/uid_map", "w").write(f"0 {uid} 1")
check(libc.mount(b"none", b"/", None, REC | PRIVATE, None))
check(libc.mount(b"tmpfs", sys.argv[1].encode(), b"tmpfs", 0, f"size={sys.argv[2]}".encode()))
os.chdir(sys.argv[1])
code = subprocess.call([sys.executable, "-m", "kubectl_lrs", *sys.argv[3:]])
print("LEFT", sorted(os.listdir(".")), file=sys.stderr)
sys.exit(code)
"""


def run(cli: Cli, folder: Path, size: str, *arguments: object, temporary: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it there, `size` as mount has it; what lies there afterwards is the last line of standard error.

    `temporary`: where temporary files are, there too where nothing is said.
    """
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), size, *map(str, arguments)],
        env={**os.environ, "KUBECONFIG": str(cli.kubeconfig), "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary or folder)},
        capture_output=True,
        text=True,
        check=False,
    )
