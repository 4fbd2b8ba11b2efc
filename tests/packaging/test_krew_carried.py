"""What a krew archive carries is all that the product asks for: every import, every store against its real server, every bug.

What is left out is listed in `krew/base.py`; here it shows who would miss it.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from krew import base, build
from kubectl_lrs.backends.base import get, put
from kubectl_lrs.backends.place import StorageLocation, open_backend
from tests.bed import hdfs, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.loader import PATIENCE
from tests.bed.mongo import MongoServers
from tests.bed.registry import Registry
from tests.builders import stored
from tests.builders import world as worlds
from tests.builders.world import World
from tests.conftest import ROOT, Crd, installed

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches and compiles what the archives carry

CACHE = toolchain.cache()
"""Looked up before a test hides the developer's home."""

BY_PIP_ALONE = ("azure", "google")
"""Credentials of two storages: who needs them installs the extra by pip, and is told so."""


@pytest.fixture(autouse=True)
def cached(isolation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built is found again."""
    monkeypatch.setenv("LRS_BED_CACHE", str(CACHE))


@dataclass(frozen=True)
class Unpacked:
    """The archive for this machine as somebody has unpacked it, who has set nothing but where backups lie."""

    root: Path
    backups: Path

    def python(self, script: str, *words: object) -> subprocess.CompletedProcess[str]:
        """A script, by the Python of the archive, with what it carries."""
        path = f"import sys; sys.path.append({str(self.root / 'packages')!r})\n"
        return self._run(self.root / "bin" / base.PYTHON, "-I", "-S", "-B", "-c", path + script, *words)

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """The product."""
        return self._run(self.root / "kubectl-lrs", *words, **environment)

    def ok(self, *words: object, **environment: str) -> str:
        """What the product says of a call that is done."""
        done = self.run(*words, **environment)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _run(self, *command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": "/usr/bin:/bin", "HOME": str(self.backups), "LRS_BACKUP_DIR": str(self.backups)}
        return subprocess.run(
            [str(each) for each in command],
            env={**own, **environment}, cwd=self.backups, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive for this machine, unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    build.archives(folder, [base.host()])
    with tarfile.open(folder / build.archive_name(base.host())) as packed:
        packed.extractall(folder / "root", filter="data")
    return folder / "root"


@pytest.fixture
def unpacked(root: Path, tmp_path: Path) -> Unpacked:
    """It, with a folder for backups of the test's own."""
    return Unpacked(root, tmp_path)


# ---- imports


@pytest.fixture(scope="module")
def statements(root: Path) -> list[tuple[str, str]]:
    """(who, what) of every import statement in the archive, those within functions too, whatever they stand under."""
    script = ROOT / "tests" / "builders" / "statements.py"
    command = [root / "bin" / base.PYTHON, "-I", "-S", "-B", script, root / "lib" / base.PYTHON, root / "packages"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout
    return [(who, what) for who, _, what in (line.partition("\t") for line in told.splitlines())]


@dataclass(frozen=True)
class Carried:
    """The modules of the archive by their names, those that are packages, and the packages beside the standard library."""

    modules: frozenset[str]
    packages: frozenset[str]
    others: frozenset[str]

    def left_out(self, name: str) -> str:
        """The module that a statement asks for and that `krew/base.py` leaves out; empty where there is none."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            asked, path = ".".join(parts[:count]), "/".join(parts[:count])
            if asked not in self.modules:
                forms = (f"{path}.py", f"{path}/__init__.py")
                keeps = partial(base.is_carried, of_kubernetes=()) if parts[0] in self.others else _is_of_the_library
                return "" if all(map(keeps, forms)) else asked
            if asked not in self.packages:
                return ""  # the rest is in it
        return ""


def _is_of_the_library(path: str) -> bool:
    return base.is_wanted(f"lib/{base.PYTHON}/{path}")


@pytest.fixture(scope="module")
def carried(root: Path) -> Carried:
    """What there is."""
    library, others = root / "lib" / base.PYTHON, root / "packages"
    modules, packages = set[str](), set[str]()
    for top in (library, library / "lib-dynload", others):
        for path in top.rglob("*"):
            parts = path.relative_to(top).parts
            if path.is_dir():
                packages.add(".".join(parts))
            elif path.suffix in (".py", ".pyc", ".so"):
                modules.add(".".join((*parts[:-1], parts[-1].partition(".")[0])).removesuffix(".__init__"))
    tops = {each.name.partition(".")[0] for each in others.iterdir()}
    return Carried(frozenset(modules | packages), frozenset(packages), frozenset(tops))


DONE_WITHOUT = {
    "_pydatetime": {"datetime"},
    "_pydecimal": {"decimal"},
    "_pyrepl": {"_sitebuiltins", "site"},
    "doctest": {"heapq"},
    "ftplib": {"urllib.request"},
    "pydoc": {"_sitebuiltins", "rich.markdown"},
    "rlcompleter": {"site"},
    "statistics": {"random"},
    "xmlrpc": {"multiprocessing.connection"},
}
"""What is left out and would be imported → by whom: what the same in C stands for; what an interpreter at a terminal, a module
that is started by itself, or a URL of ftp: would need; a form of messages between processes that nobody sends."""

STARTED_BY_ITSELF = "__main__"
BUILT_ALONE = "kubernetes"
"""Its models are built by the product alone, and its own `__init__` never runs: `test_krew.py` builds each."""


def test_nobody_misses_what_is_left_out(statements: list[tuple[str, str]], carried: Carried) -> None:
    missed: dict[str, set[str]] = {}
    for who, what in statements:
        if not (who.endswith(STARTED_BY_ITSELF) or who.startswith(BUILT_ALONE)) and (found := carried.left_out(what)):
            missed.setdefault(found, set()).add(who)
    assert missed == DONE_WITHOUT
    seen = set(statements)
    assert {
        ("kubectl_lrs.cli", "click"),
        ("kubectl_lrs.cli", "tempfile"),
        ("dns.name", "dns.enum"),
        ("pymongo", "pymongo.common"),
    } <= seen


IMPORTS = """
import importlib, pkgutil, kubectl_lrs
own = [each.name for each in pkgutil.walk_packages(kubectl_lrs.__path__, "kubectl_lrs.") if not each.name.endswith("__main__")]
for name in (*own, *sys.argv[1:]):
    importlib.import_module(name)
    print(name)
"""


def test_every_module_of_the_product_is_imported_and_all_that_it_names(
    unpacked: Unpacked, statements: list[tuple[str, str]], carried: Carried
) -> None:
    named = {what for who, what in statements if who.startswith("kubectl_lrs")}
    wanted = {each for each in named if not each.startswith((*BY_PIP_ALONE, BUILT_ALONE))} & carried.modules
    done = unpacked.python(IMPORTS, *sorted(wanted))
    assert (done.returncode, done.stderr) == (0, "")
    found, sources = set(done.stdout.splitlines()), (ROOT / "kubectl_lrs").rglob("*.py")
    product = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sources}
    assert product - found == {"kubectl_lrs.__main__"}
    assert {"botocore.session", "bson", "click", "fsspec", "obstore", "pymongo", "requests", "sqlite3", "ssl", "yaml"} <= found


STORAGES = """
from kubectl_lrs.backends.place import StorageLocation, open_backend
from kubectl_lrs.model.errors import UsageError
for url in sys.argv[1:]:
    try:
        print(type(open_backend(StorageLocation(url=url, is_ours=url.endswith("ours")))).__name__)
    except UsageError as error:
        print(error.hint)
"""


def test_every_kind_of_storage_opens_or_says_what_to_install(unpacked: Unpacked) -> None:
    kinds = {
        "file:///tmp": "Local",
        "s3://bucket/files": "S3",
        "s3://bucket/ours": "S3",
        "webhdfs://u@127.0.0.1:9/files": "Hierarchy",
        "abfs://container/ours": "set AZURE_STORAGE_ACCOUNT_NAME",
        "gs://bucket/files": "pip install 'kubectl-lrs[gs]'",
        "gs://bucket/ours": "pip install 'kubectl-lrs[gs]'",
        "abfs://container/files": "pip install 'kubectl-lrs[abfs]'",
        "hdfs://h/files": "pip install 'kubectl-lrs[hdfs]'",
    }
    done = unpacked.python(STORAGES, *kinds)
    assert done.stderr == ""
    assert dict(zip(kinds, done.stdout.splitlines(), strict=True)) == kinds


TOLD = """
import dns.rdatatype, dns.rdata, dns.rdataclass, dns.resolver, pymongo.synchronous.srv_resolver
answers = {"SRV": "0 0 27017 a.example.", "TXT": '"replicaSet=rs"', "CNAME": "b.example.", "SOA": "a. b. 1 2 3 4 5"}
for name, text in answers.items():
    print(type(dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(name), text)).__name__)
print(dns.resolver.YXDOMAIN())
"""


def test_names_that_mongo_is_found_by_are_read_and_what_fails_there_is_told(unpacked: Unpacked) -> None:
    """dnspython imports each kind of record by its name, and tells an error by the docstring of its class."""
    done = unpacked.python(TOLD)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["SRV", "TXT", "CNAME", "SOA", "The DNS query name is too long after DNAME substitution."]


# ---- a bug

BROKEN = """
from kubectl_lrs import cli
from kubectl_lrs.commands import list_run
def broken(*_):
    raise RuntimeError("it broke")
list_run.open_journals = broken
sys.exit(cli.run(["list"]))
"""


def test_a_bug_is_told_by_module_line_and_function(unpacked: Unpacked) -> None:
    """Without the sources, whose lines are those of the release's tag."""
    done = unpacked.python(BROKEN)
    assert done.returncode == 1
    log = re.search(r"please report it with (\S+)$", done.stderr, re.MULTILINE)
    assert log, done.stderr
    told = Path(log[1]).read_text()
    Path(log[1]).unlink()
    source = (ROOT / "kubectl_lrs" / "commands" / "list_run.py").read_text().splitlines()
    (line,) = [number for number, text in enumerate(source, 1) if "= open_journals(" in text]
    assert f'File "packages/kubectl_lrs/commands/list_run.py", line {line}, in run\n' in told
    assert told.endswith("RuntimeError: it broke\n")


# ---- every store, out of the archive

NAMESPACE = "carried"


@pytest.fixture
def world(
    plane: ControlPlane, standalone: MongoServers, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An installation with something in every store."""
    with worlds.standing(plane, installed(plane), NAMESPACE, standalone, registry, tmp_path_factory.mktemp("world")) as made:
        yield made


def test_all_is_lost_and_comes_back_by_the_archive(unpacked: Unpacked, world: World) -> None:
    reach = {**worlds.environment(world), "KUBECONFIG": str(world.plane.kubeconfig)}
    before = world.content()
    unpacked.ok("backup", "-n", NAMESPACE, "--profile", "complete", "--deployments", "--name", "all", **reach)
    unpacked.ok("verify", "all", "--full")
    world.empty()
    assert not any(world.content().values())
    unpacked.ok("restore", "all", "--yes", **reach)
    assert all(before.values())
    assert world.content() == before
    unpacked.ok("diff", "all", **reach)
    unpacked.ok("check", "-n", NAMESPACE, "--profile", "complete", **reach)


@pytest.mark.skipif(bool(hdfs.missing()), reason=f"HDFS is not tested: {hdfs.missing()}")
def test_files_on_hdfs_by_the_archive(
    plane: ControlPlane, crd: Crd, namespace: str, unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stored.populate(plane, crd, namespace)
    with hdfs.Hdfs(tmp_path_factory.mktemp("hdfs")) as cluster:
        storage = open_backend(StorageLocation(url=f"{cluster.url}/data/lrs"))
        put(storage, stored.SPOKEN_OF, b"print('hello')\n")
        reach = ("--files-url", f"{cluster.url}/data/lrs")
        kubeconfig = {"KUBECONFIG": str(plane.kubeconfig)}
        unpacked.ok("backup", "-n", namespace, "--files", "copy", "--files-all", *reach, "--name", "b", **kubeconfig)
        storage.delete(stored.SPOKEN_OF)
        unpacked.ok("restore", "b", "--tier", "files", "--yes", *reach, **kubeconfig)
        assert get(storage, stored.SPOKEN_OF) == b"print('hello')\n"
