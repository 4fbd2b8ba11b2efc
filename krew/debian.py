#!/usr/bin/env python3
"""The Debian packages that the base of the image consists of, by hash; got once and kept in the cache of the test bed.

python3 krew/debian.py     writes debian.txt anew, with what Debian has of them now; apt checks Debian's signature

`debian.txt` alone decides what gets in: whoever gives a package, its sum is held against the line there before it is opened.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import suppress
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.bed import toolchain

HERE = Path(__file__).resolve().parent
PINS = HERE / "debian.txt"
SUITE = "trixie"
NAMES = ("base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1", "tzdata")
ARCHITECTURES = ("amd64", "arm64")
EVERYONES = "http://deb.debian.org/debian/"
"""Debian's own mirror; what comes from it is held against its sum."""

ARCHIVE = "https://snapshot.debian.org/archive/debian"
"""Debian's own archive of all that it ever published, by instant: mirrors drop a version some time after the next one."""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_HELPER = "/usr/lib/apt/apt-helper"
HEAD = """# What the base of the image consists of: architecture, path on a mirror of Debian, SHA-256. Made by debian.py at
# {stamp}
"""


class Package(NamedTuple):
    """One that is pinned: for which architecture of ours, where a mirror of Debian has it, and its SHA-256."""

    architecture: str
    path: str
    sha256: str

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return toolchain.cache() / "debian" / f"{self.sha256[:16]}.deb"


def pinned() -> list[Package]:
    """All of `debian.txt`."""
    lines = (line.split() for line in PINS.read_text().splitlines())
    return [Package(*words) for words in lines if words and words[0] in ARCHITECTURES]


def files(architecture: str) -> list[Path]:
    """The packages of an architecture as they are pinned; got where they are not in the cache."""
    wanted = [each for each in pinned() if each.architecture == architecture]
    with toolchain.held("debian"):
        for each in wanted:
            if not each.file.exists():
                _get(each)
    return [each.file for each in wanted]


def _get(package: Package) -> None:
    """From the mirrors that this machine's apt uses, else from Debian's archive."""
    toolchain.say(f"getting {package.path.rpartition('/')[2]} (from Debian)")
    package.file.parent.mkdir(exist_ok=True)
    part = package.file.with_suffix(".part")
    for mirror in _mirrors():
        command = [APT_HELPER, "download-file", f"{mirror}{package.path}", str(part), f"SHA256:{package.sha256}"]
        part.unlink(missing_ok=True)
        if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            break
    else:
        url = f"{ARCHIVE}/{_stamp()}/{package.path}"
        with suppress(OSError, HTTPException), urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  it is https
            part.write_bytes(answer.read())
    if not part.exists() or hashlib.sha256(part.read_bytes()).hexdigest() != package.sha256:
        sys.exit(f"nobody gives {package.path} as debian.txt has it; for what there is now: python3 krew/debian.py")
    part.rename(package.file)


def _stamp() -> str:
    match = re.search(r"^# (\d{8}T\d{6}Z)$", PINS.read_text(), re.MULTILINE)
    return match[1] if match else ""


def _mirrors() -> list[str]:
    """Those of this machine's apt, which tells none before its first update, and Debian's; none where there is no apt."""
    if not shutil.which("apt-get") or not Path(APT_HELPER).exists():
        return []
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return list(dict.fromkeys((*(f"{each.rstrip('/')}/" for each in told if "debian" in each), EVERYONES)))


# ---- renewing


def main() -> int:
    """Ask Debian, and write the pins."""
    found: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        for architecture in ARCHITECTURES:
            options = _lists(Path(temporary, architecture), architecture)
            found += [f"{architecture} {path} {sha256}\n" for path, sha256 in (_newest(options, name) for name in NAMES)]
    stamp = datetime.now(tz=timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    PINS.write_text(HEAD.format(stamp=stamp) + "".join(found))
    return 0


def _lists(place: Path, architecture: str) -> list[str]:
    """apt's options for lists of its own, of the suite and an architecture alone; apt has checked their signature."""
    (place / "lists" / "partial").mkdir(parents=True)
    (place / "cache" / "partial").mkdir(parents=True)
    mirror = next(iter(_mirrors()), "")
    if not mirror:
        sys.exit("the pins are renewed on a Debian, whose apt has a mirror")
    (place / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
    (place / "status").touch()
    settings = {
        "APT::Sandbox::User": "root",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": place / "lists",
        "Dir::State::Status": place / "status",
        "Dir::Cache": place / "cache",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True, stdin=subprocess.DEVNULL)
    return options


def _newest(options: list[str], name: str) -> tuple[str, str]:
    """(path, SHA-256) of the newest version of a package."""
    shown = subprocess.run(["apt-cache", *options, "show", "--no-all-versions", name], check=True, capture_output=True, text=True)
    fields = dict(line.split(": ", 1) for line in shown.stdout.splitlines() if ": " in line and not line.startswith(" "))
    return fields["Filename"], fields["SHA256"]


if __name__ == "__main__":
    sys.exit(main())
