"""Two namespaces of LRS and a backup of them, to be restored through a proxy that makes trouble."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.bed import loader, samples
from tests.bed.controlplane import ControlPlane
from tests.bed.proxy import FaultProxy
from tests.builders.compare import Key, essences
from tests.conftest import Cli, Crd

NAMESPACES = ("ground-a", "ground-b")
REPORT = re.compile(r"^saved: (.*?) in [\d.]+s", re.MULTILINE)
NOT_DONE = ("failed", "conflict", "not")  # the last one begins "not tried"
EACH = 24
"""LRS in each namespace."""

POST = r"/lrs\?(?!.*dryRun)"
ONE = r"/lrs/[^/?]+(\?(?!.*dryRun)|$)"
LIST = r"/lrs\?.*limit="


@dataclass(frozen=True)
class Ground:
    """The namespaces are empty when a test begins; the folder `saved` holds what was in them."""

    plane: ControlPlane
    crd: Crd
    proxy: FaultProxy
    cli: Cli
    """The product, through the proxy."""
    wanted: dict[Key, dict[str, Any]]

    _saved: ClassVar[dict[int, tuple[Path, dict[Key, dict[str, Any]]]]] = {}

    @classmethod
    @contextmanager
    def prepared(cls, plane: ControlPlane, crd: Crd, directory: Path) -> Iterator[Ground]:
        """A ground for one test, its files under `directory`."""
        for namespace in NAMESPACES:
            if plane.api("GET", f"/api/v1/namespaces/{namespace}")[0] == 404:
                loader.create_namespace(plane, namespace)
        folder, wanted = cls._backup(plane, crd)
        work = directory / "ground"
        shutil.copytree(folder, work)
        with FaultProxy(plane) as proxy:
            cli = Cli(proxy.kubeconfig(directory / "proxy.kubeconfig"), work)
            ground = cls(plane, crd, proxy, cli, wanted)
            ground.empty()
            yield ground

    @classmethod
    def _backup(cls, plane: ControlPlane, crd: Crd) -> tuple[Path, dict[Key, dict[str, Any]]]:
        if id(plane) not in cls._saved:
            folder = plane.directory / "ground"
            folder.mkdir()
            clear(plane, crd)
            loader.create_many(plane, originals(crd))
            Cli(plane.kubeconfig, folder).ok("backup", "-A", "-l", "datarobot-lrs-type=deployment", "--name", "saved")
            cls._saved[id(plane)] = folder, essences(plane, crd.api_version, *NAMESPACES)
        return cls._saved[id(plane)]

    # ---- the cluster

    def empty(self) -> None:
        """Every LRS is gone."""
        clear(self.plane, self.crd)

    def fill(self, *, different: bool) -> None:
        """Every LRS is there, as it was saved or with two fields that differ and one more."""
        loader.create_many(self.plane, (changed(each) if different else each for each in originals(self.crd)))
        self.proxy.behave()

    def live(self) -> dict[Key, dict[str, Any]]:
        """Every LRS as it is now, by namespace and name."""
        found = [each for namespace in NAMESPACES for each in loader.live(self.plane, self.crd.api_version, namespace)]
        return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in found}

    def path(self, key: Key) -> str:
        """The URL path of an LRS."""
        return f"{loader.objects_path(self.crd.api_version, key[0])}/{key[1]}"

    # ---- the product

    def restore(self, *arguments: object, timeout: float = loader.PATIENCE) -> subprocess.CompletedProcess[str]:
        """Restore all of it, and have each object shown; never a bug, never a traceback."""
        output = () if "-o" in arguments else ("-o", "wide")
        done = self.cli.run("restore", "saved", "--yes", "-q", *output, *arguments, timeout=timeout)
        assert "this is a bug" not in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def journals(self) -> list[Path]:
        """The journals of objects that are deleted and not yet created."""
        return sorted(self.cli.directory.glob("lrs_recreate_*"))

    # ---- what must be so in the end

    def assert_whole(self) -> None:
        """Everything is as it was saved."""
        now = essences(self.plane, self.crd.api_version, *NAMESPACES)
        assert now.keys() == self.wanted.keys()
        assert now == self.wanted

    def assert_made_once(self) -> None:
        """Each was created exactly once, and written by nothing since."""
        assert self.proxy.done("POST") == Counter(dict.fromkeys(self.wanted, 1))
        assert all(each["metadata"]["generation"] == 1 for each in self.live().values())
        assert {each.method for each in self.proxy.writes} == {"POST"}


def originals(crd: Crd) -> list[dict[str, Any]]:
    """What is saved."""
    return [samples.filler(n, crd.api_version, crd.kind, namespace) for namespace in NAMESPACES for n in range(EACH)]


def changed(original: dict[str, Any]) -> dict[str, Any]:
    """Another image, another variable, and a field that is not in the backup."""
    other = copy.deepcopy(original)
    other["spec"]["image"] = "registry.example.com/other"
    other["spec"]["env"]["LANG"] = "POSIX"
    other["metadata"]["annotations"]["example.com/only-live"] = "yes"
    return other


def clear(plane: ControlPlane, crd: Crd) -> None:
    """Delete every LRS of the namespaces, and wait until they are gone."""
    for namespace in NAMESPACES:
        loader.release(plane, namespace=namespace)
        plane.api("DELETE", loader.objects_path(crd.api_version, namespace))
    loader.wait_until(
        lambda: not any(loader.live(plane, crd.api_version, namespace) for namespace in NAMESPACES), "the LRS to be gone"
    )


def counts(output: str) -> dict[str, int]:
    """The last line of a report, as {"created": 48}."""
    found = REPORT.search(output)
    assert found, output
    return {what: int(number) for number, _, what in (part.partition(" ") for part in found[1].split(", "))}


def undone(output: str) -> set[Key]:
    """The objects that a report names as not done."""
    rows = (line.split() for line in output.splitlines())
    return {(row[0], row[1]) for row in rows if len(row) > 3 and row[0] in NAMESPACES and row[3] in NOT_DONE}
