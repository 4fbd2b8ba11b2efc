"""A Blob service of Azure on loopback: Azurite, with its blobs in memory. It needs node and npm, as most machines have them."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from kubectl_lrs.backends.azure_credentials import SharedKey, dated
from tests.bed import toolchain
from tests.bed.service import Service

PACKAGE = "azurite@3.37.0"


def _folder() -> Path:
    return toolchain.cache() / PACKAGE.replace("@", "-")


def missing() -> str:
    """Why there can be no Azurite here; empty where there can."""
    if shutil.which("node") is None:
        return "there is no node, which runs Azurite"
    return "" if _folder().is_dir() or shutil.which("npm") else "there is no npm, which gets Azurite"


def program() -> Path:
    """The script of the Blob service, got once."""
    place = _folder()
    with toolchain.held("azurite"):
        if not place.is_dir():
            toolchain.say(f"getting {PACKAGE} (from npm)")
            part = place.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            command = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--silent",
                "--prefix",
                str(part),
                PACKAGE,
            ]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            part.rename(place)
    return place / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"


class Azurite(Service):
    """A running one. `base` is the URL of its account."""

    account, key = "lrstest", base64.b64encode(b"lrs-test-not-a-secret").decode()

    def __enter__(self) -> Azurite:
        options = ["--inMemoryPersistence", "--disableTelemetry", "--silent", "--skipApiVersionCheck"]
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        environment = {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}", "PATH": os.environ.get("PATH", "")}
        self.run([shutil.which("node") or "node", program(), *where, *options], environment)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def base(self) -> str:
        """Where the account is."""
        return f"{self.endpoint}/{self.account}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client finds it by."""
        string = f"AccountName={self.account};AccountKey={self.key};BlobEndpoint={self.base};DefaultEndpointsProtocol=http"
        return {"AZURE_STORAGE_CONNECTION_STRING": string}

    def make_container(self, name: str) -> None:
        """An empty one."""
        url = f"{self.base}/{name}?restype=container"
        headers = dated({}, 0)
        headers |= SharedKey(self.account, self.key).headers("PUT", url, headers)
        with urllib.request.urlopen(urllib.request.Request(url, None, headers, method="PUT"), timeout=30) as answer:
            answer.read()
