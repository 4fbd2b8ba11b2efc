"""What a container runtime makes of an image, as far as a process has it: its layers unpacked, and its entry point run.

The root is read-only, /dev and /proc are there, /tmp is empty, the user is nobody in particular and can win no privilege, the
environment is that of the image: no HOME. It needs root and the namespaces of Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANYBODY = 51234
"""A user that no file of an image names."""

SCRIPT = f"""
root=$1; shift
{{mount}} --bind "$root" "$root" && {{mount}} -o remount,bind,ro "$root" || exit 99
{{mount}} --rbind /dev "$root/dev" && {{mount}} --rbind /proc "$root/proc" || exit 99
{{mount}} -t tmpfs -o mode=1777 tmpfs "$root/tmp" || exit 99
{{cat}} > "$root/tmp/kubeconfig"
{{chmod}} 644 "$root/tmp/kubeconfig"
for call; do
    {{setpriv}} --no-new-privs {{unshare}} --root="$root" --wd="$WORKDIR" -S {ANYBODY} -G {ANYBODY} $ENTRY $call || exit $?
done
"""
TOOLS = ("mount", "cat", "chmod", "setpriv", "unshare")


def cannot() -> str:
    """Why no image can be run here; empty where one can."""
    if os.geteuid() != 0:
        return "the root of a container is made by root"
    lacking = [name for name in (*TOOLS, "sh") if not shutil.which(name)]
    if lacking:
        return f"there is no {lacking[0]}"
    done = subprocess.run([str(shutil.which("unshare")), "--mount", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "no namespace of mounts can be made"


@dataclass(frozen=True)
class Unpacked:
    """The image for one machine, by its parts."""

    manifest: dict[str, Any]
    config: dict[str, Any]
    root: Path

    def run(self, *calls: str, environment: Mapping[str, str], kubeconfig: str = "") -> subprocess.CompletedProcess[str]:
        """The entry point with these words, once for each call, all with the same /tmp, until one fails."""
        settings = self.config["config"]
        (entry,) = settings["Entrypoint"]
        own = dict(each.split("=", 1) for each in settings["Env"])
        tools = {name: str(shutil.which(name)) for name in TOOLS}
        return subprocess.run(
            [tools["unshare"], "--mount", str(shutil.which("sh")), "-c", SCRIPT.format(**tools), "sh", str(self.root), *calls],
            env={**own, **environment, "ENTRY": entry, "WORKDIR": settings["WorkingDir"]},
            input=kubeconfig,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def layers(layout: Path, architecture: str) -> tuple[dict[str, Any], dict[str, Any], list[Path]]:
    """(manifest, configuration, layers from the lowest) of the image for a machine, in an OCI layout."""

    def document(digest: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(blob(digest).read_bytes())
        return found

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    (one,) = (each for each in document(top["digest"])["manifests"] if each["platform"]["architecture"] == architecture)
    manifest = document(one["digest"])
    return manifest, document(manifest["config"]["digest"]), [blob(each["digest"]) for each in manifest["layers"]]


def unpacked(layout: Path, architecture: str, root: Path) -> Unpacked:
    """The image for a machine, its layers one over the other in the new folder `root`."""
    manifest, config, files = layers(layout, architecture)
    root.mkdir()
    for file in files:
        with tarfile.open(file) as tar:
            tar.extractall(root, filter="fully_trusted")
    return Unpacked(manifest, config, root)
