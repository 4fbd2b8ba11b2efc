"""What every test stands on: nothing of the developer's own, a real control plane, the product as a process."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from tests.bed import loader, standin, toolchain, warm
from tests.bed.controlplane import ControlPlane
from tests.builders import documents
from tests.builders.mongo_fixtures import app, app_alone, replica_set, standalone  # noqa: F401  fixtures
from tests.builders.mongo_pods import mongo_bed, named_pods  # noqa: F401  fixtures
from tests.builders.nights import gated, night  # noqa: F401  fixtures
from tests.builders.storages import azurite, cluster, gcs, registry, s3  # noqa: F401  fixtures

ROOT = Path(__file__).resolve().parents[1]
toolchain.cache()  # found before a test hides the developer's HOME
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the product starts thousands of times: compile it once
FOREIGN = ("KUBE", "LRS_", "DATAROBOT_", "REQUESTS_", "SSL_", "CURL_", "HTTP_", "HTTPS_", "NO_PROXY", "ALL_PROXY", "XDG_")
FOREIGN += ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "STORAGE_EMULATOR_", "FSSPEC_", "HADOOP_")
LONG = (
    "commands/test_schedule_runs.py", "packaging/test_krew.py", "drills/test_complete_drill.py", "contract/test_backends.py",
    "faults/test_schedule_faults.py", "faults/test_faults_away.py", "commands/test_repository.py",
    "commands/test_deactivate_interrupted.py", "commands/test_deactivate.py", "rights/test_rights.py",
    "faults/test_altered.py", "drills/test_repository_drill.py", "faults/test_mongo_trouble.py", "commands/test_wait.py",
    "faults/test_pool_faults.py", "commands/test_activate.py", "faults/test_faults.py", "commands/test_streams.py",
    "faults/test_pool_prune_faults.py", "commands/test_diff_selection.py", "docs/test_runbooks.py", "drills/test_drill.py",
    "faults/test_faults_500.py", "commands/test_policies.py", "commands/test_check.py", "commands/test_citizen.py",
    "drills/test_rehearsal.py", "faults/test_images_faults.py", "rights/test_mongo_access.py", "faults/test_objects.py",
    "packaging/test_install.py", "commands/test_config.py", "commands/test_install_crd.py", "contract/test_pool.py",
    "commands/test_one_application.py", "commands/test_others.py", "commands/test_every_input.py", "commands/test_pause.py",
    "docs/test_demo.py", "faults/test_interruption.py", "commands/test_mongo_restore.py", "commands/test_preflight.py",
    "commands/test_operator.py", "commands/test_whose.py", "commands/test_citizen_trust.py", "commands/test_diff.py",
    "hostile/test_hostile.py", "commands/test_status.py", "faults/test_clean_spark_faults.py", "commands/test_wirelog.py",
    "drills/test_mongo_in_cluster.py", "hostile/test_damage.py", "commands/test_backup.py", "commands/test_schedule.py",
    "drills/test_mongo_through_cluster.py", "commands/test_verify_cluster.py", "drills/test_mongo_interop.py",
    "commands/test_restore.py", "commands/test_waiting.py", "commands/test_images_backup.py", "commands/test_mongo_running.py",
    "commands/test_mapping.py", "commands/test_owners.py", "rights/test_repository_rights.py", "docs/test_docs.py",
    "commands/test_nightly.py", "drills/test_files_drill.py", "faults/test_pool_readers.py", "faults/test_files_evidence.py",
    "commands/test_questions.py", "commands/test_images_restore.py", "commands/test_rehearse_scratch.py",
    "contract/test_datarobot_api.py", "drills/test_files_hdfs.py", "commands/test_completion.py",
    "faults/test_files_faults.py", "rights/test_files_access.py",
)  # fmt: skip
"""The files of tests that take longest, from two minutes down to half a one, longest first."""

WARM = ("commands", "contract", "faults", "hostile", "rights")
"""The rooms whose processes of the product come out of a Python that has read its modules. In the others each is started."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # what a shell starts behind itself ignores it, and so would all below
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("gate", max_examples=150, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("unit", max_examples=4, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("gate")  # the same documents each time, fewer of them in `gate.py unit`; `search` looks for others


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that in the end no worker is alone with one; in each file one CRD after the other."""
    rank = {ROOT / "tests" / name: place for place, name in enumerate(LONG)}

    def place(item: pytest.Item) -> tuple[int, str, str]:
        callspec = getattr(item, "callspec", None)
        crd = callspec.params.get("each_crd") if callspec else None
        return rank.get(item.path, len(LONG)), str(item.path), crd.stem if crd else "v1alpha1-lrs"

    items.sort(key=place)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes do not name a test: what is compressed holds the second, and two workers that read it then differ in their tests."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """A stand-in that breaks ends the test at once, whatever it waits for."""
    with standin.WATCH.over_a_test():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of a module or a session do is noted here: they come before any test has its HOME."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_server_is_left() -> Iterator[None]:
    yield
    warm.stop()


@pytest.fixture(scope="module", autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """How the product starts in a file of tests."""
    with warm.opened(request.path.parent.name in WARM):
        yield


@pytest.fixture(autouse=True)
def isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's kubeconfig, HOME, settings, proxies and certificates are out of reach."""
    for name in os.environ:
        if name.upper().startswith(FOREIGN):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of the test's own."""
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane that all tests share."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane")) as running:
        _running.append(running)
        yield running
        _running.clear()


_running: list[ControlPlane] = []


@pytest.fixture(scope="module", autouse=True)
def swept() -> Iterator[None]:
    """No file of tests leaves LRS to the next one, which may look at all namespaces."""
    yield
    for plane in _running:
        loader.clear(plane)


@dataclass(frozen=True)
class Crd:
    """The installed CRD of LRS."""

    path: Path
    api_version: str
    kind: str

    @property
    def has_status(self) -> bool:
        return "status: {}" in self.path.read_text()


class _Installed:
    """Which CRD is installed now; changing it costs a second or two."""

    current: Path | None = None

    @classmethod
    def ensure(cls, plane: ControlPlane, path: Path) -> Crd:
        there = plane.api("GET", f"{loader.CRD_PATH}/{loader.CRD_NAME}")[0] == 200
        if cls.current != path or not there:
            loader.delete_crd(plane)
            loader.install_crd(plane, path)
            cls.current = path
        return Crd(path, *loader.version_and_kind(path))


def installed(plane: ControlPlane) -> Crd:
    """The CRD with a schema and a status subresource, for a fixture of a wider scope."""
    return _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")


@pytest.fixture
def crd(plane: ControlPlane) -> Crd:
    """The CRD with a schema and a status subresource."""
    return installed(plane)


@pytest.fixture(params=loader.crd_files(), ids=lambda path: path.stem)
def each_crd(plane: ControlPlane, request: pytest.FixtureRequest) -> Crd:
    """Each CRD of the bed in turn."""
    return _Installed.ensure(plane, request.param)


_numbers = itertools.count()


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{next(_numbers)}"
    loader.create_namespace(plane, name)
    yield name
    loader.clear(plane, namespace=name)  # a namespace that is about to go may show them for seconds yet
    loader.delete_namespace(plane, name, wait=False)


@dataclass(frozen=True)
class Cli:
    """The product, as the user's shell would start it."""

    kubeconfig: Path
    directory: Path

    def run(
        self, *arguments: object, env: Mapping[str, str] | None = None, timeout: float = loader.PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end. What it prints for programs is as its schema says."""
        words = [*map(str, arguments)]
        done = warm.run(words, env=self._environment(env), cwd=self.directory, timeout=timeout)
        if documents.is_for_programs(arguments) and (done.returncode >= 0 or done.stdout):
            documents.check(done.stdout)
        return done

    def ok(self, *arguments: object, env: Mapping[str, str] | None = None) -> str:
        """Run it; it must end with 0. Its standard output."""
        done = self.run(*arguments, env=env)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, *arguments: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start it, for a test that sends it signals."""
        return subprocess.Popen(
            self._command(arguments),
            env=self._environment(env),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def _command(self, arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "kubectl_lrs", *map(str, arguments)]

    def _environment(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        return {**warm.environment(), "KUBECONFIG": str(self.kubeconfig), **(extra or {})}


@pytest.fixture
def cli(plane: ControlPlane, tmp_path: Path) -> Cli:
    """The product as administrator of the control plane, in a folder of its own."""
    directory = tmp_path / "work"
    directory.mkdir()
    return Cli(plane.kubeconfig, directory)
