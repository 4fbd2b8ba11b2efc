"""Installed by pip: a wheel and a source distribution that hold what they should, and work in an empty environment."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from krew import build, release
from kubectl_lrs import __version__
from kubectl_lrs.cli import manual_page
from tests.bed import loader, samples, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.builders.compare import essences
from tests.conftest import ROOT, Crd

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches the dependencies

CACHE = toolchain.cache()
"""Looked up before a test hides the developer's home."""


@pytest.fixture(autouse=True)
def cached(isolation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built is found again."""
    monkeypatch.setenv("LRS_BED_CACHE", str(CACHE))


@dataclass(frozen=True)
class Packages:
    """What pip can install."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Built as a release builds them."""
    folder = tmp_path_factory.mktemp("packages")
    return Packages(*(folder / name for name in release.packages(folder)))


@pytest.fixture(scope="module")
def environment(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment into which pip has installed the wheel with all that it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    toolchain.pip(["install", "--quiet", str(packages.wheel)], python=folder / "bin" / "python")
    return folder / "bin"


def _files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")}


def test_names_say_the_version(packages: Packages) -> None:
    assert packages.sdist.name == f"kubectl_lrs-{__version__}.tar.gz"
    assert packages.wheel.name == f"kubectl_lrs-{__version__}-py3-none-any.whl"


def test_wheel_holds_the_product_and_its_licence_alone(packages: Packages) -> None:
    files = _files(packages.wheel)
    product = {path.relative_to(ROOT).as_posix() for path in (ROOT / "kubectl_lrs").rglob("*.py")} | {"kubectl_lrs/py.typed"}
    metadata = {name for name in files if ".dist-info/" in name}
    manual = f"kubectl_lrs-{__version__}.data/data/share/man/man1/kubectl-lrs.1"
    assert set(files) - metadata == product | {manual}
    assert files[manual].decode("ascii") == manual_page()
    info = f"kubectl_lrs-{__version__}.dist-info"
    assert files[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    assert files[f"{info}/entry_points.txt"].decode().split() == ["[console_scripts]", "kubectl-lrs", "=", "kubectl_lrs.cli:main"]


def test_metadata_is_what_an_index_accepts(packages: Packages) -> None:
    raw = _files(packages.wheel)[f"kubectl_lrs-{__version__}.dist-info/METADATA"]
    metadata = Metadata.from_email(raw, validate=True)
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert str(metadata.version) == __version__
    assert str(metadata.requires_python) == settings["options"]["python_requires"]
    wanted = {str(Requirement(line)) for line in settings["options"]["install_requires"].split("\n") if line}
    assert {str(each) for each in metadata.requires_dist or [] if not each.marker} == wanted
    assert metadata.description_content_type == "text/markdown"
    assert (metadata.description or "").strip() == (ROOT / "README.md").read_text().strip()


def test_source_distribution_gives_the_same_wheel(packages: Packages, tmp_path: Path) -> None:
    with tarfile.open(packages.sdist) as packed:
        assert {f"kubectl_lrs-{__version__}/{name}" for name in ("LICENSE", "README.md", "setup.cfg", "setup.py")} <= set(
            packed.getnames()
        )
        packed.extractall(tmp_path)
    name = release.run_backend(tmp_path / f"kubectl_lrs-{__version__}", "build_wheel", tmp_path / "again")
    assert _files(tmp_path / "again" / name) == _files(packages.wheel)


def test_wheel_is_the_same_bytes_each_time(packages: Packages, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        again = release.packages(tmp_path)
    finally:
        os.umask(old)
    assert (tmp_path / again[1]).read_bytes() == packages.wheel.read_bytes()


EVERY_MODULE = """
import importlib, pkgutil, kubectl_lrs
for module in pkgutil.walk_packages(kubectl_lrs.__path__, "kubectl_lrs."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        print(module.name)
"""


def test_every_module_can_be_imported_where_only_the_wheel_is(environment: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [environment / "python", "-I", "-c", EVERY_MODULE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "kubectl_lrs.cli" in done.stdout.split()
    assert (environment.parent / "share" / "man" / "man1" / "kubectl-lrs.1").read_text() == manual_page()


def test_backup_and_restore_where_pip_has_installed_it(
    plane: ControlPlane, crd: Crd, namespace: str, environment: Path, tmp_path: Path
) -> None:
    settings = {"PATH": f"{environment}:{plane.bin}", "HOME": str(tmp_path), "KUBECONFIG": str(plane.kubeconfig)}

    def kubectl(*arguments: str) -> str:
        done = subprocess.run(
            [plane.kubectl, *arguments], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    assert kubectl("lrs", "version").startswith(f"kubectl lrs {__version__} ")
    kubectl("lrs", "backup", "-n", namespace, "--type", "deployment")
    kept = {
        key: value
        for key, value in essences(plane, crd.api_version, namespace).items()
        if value["metadata"].get("labels", {}).get(samples.TYPE_LABEL) == "deployment"
    }
    kubectl("delete", "lrs", "--all", "-n", namespace)
    kubectl("lrs", "restore", "latest")
    assert kept
    assert essences(plane, crd.api_version, namespace) == kept


# ---- from a clone, and the release


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The launcher and the product, without the project's environment."""
    for name in ("bin", "kubectl_lrs"):
        shutil.copytree(ROOT / name, tmp_path / "clone" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "clone"


def test_launcher_of_a_clone_runs_with_the_python_that_calls_it(clone: Path, tmp_path: Path, environment: Path) -> None:
    link = tmp_path / "kubectl-datarobot_lrs"
    link.symlink_to(clone / "bin" / "kubectl-lrs")
    done = subprocess.run([environment / "python", link, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: kubectl datarobot-lrs VERB" in done.stdout


def test_launcher_of_a_clone_says_which_package_is_missing(clone: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", clone / "bin" / "kubectl-lrs", "version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(r"kubectl lrs: the Python package 'click' is missing; .*\n", done.stderr)


def _release(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "krew" / "release.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_dry_run_of_a_release(packages: Packages, tmp_path: Path) -> None:
    done = _release("--dry-run", "--output", tmp_path / "dist")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "dist").iterdir()}
    archives = {build.archive_name(platform) for platform in build.PLATFORMS}
    assert names == {*archives, packages.wheel.name, packages.sdist.name, build.SUMS, "lrs.yaml"}
    assert sorted(line.rpartition("/")[2] for line in done.stdout.split()) == sorted(names)
    subprocess.run(["sha256sum", "--check", "--strict", build.SUMS], cwd=tmp_path / "dist", check=True, capture_output=True)
    assert len((tmp_path / "dist" / build.SUMS).read_text().splitlines()) == len(archives) + 2
    assert build.check(tmp_path / "dist") == []
    again = _release("--dry-run", "--output", tmp_path / "dist")
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_release_of_a_commit_without_its_tag_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "release", lambda _: pytest.fail("it went on"))
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "--quiet", "--allow-empty", "-m", "m"],
        cwd=tmp_path,
        check=True,
    )
    assert release.main(["--output", str(tmp_path / "dist")]) == 1
