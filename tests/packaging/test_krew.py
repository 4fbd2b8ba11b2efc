"""The krew archives: built alike every time, accepted by krew's own checks, and working where there is no Python at all."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from krew import base, build, pack
from kubectl_lrs import __version__
from kubectl_lrs.cli import manual_page
from tests.bed import loader, prepare, samples, toolchain
from tests.bed.controlplane import ControlPlane
from tests.bed.s3 import S3
from tests.builders.compare import essences
from tests.builders.krewed import Built, QuietHandler, User
from tests.conftest import ROOT, Crd

pytestmark = pytest.mark.timeout(600)  # the first run on a machine fetches and compiles what the archives carry

CACHE = toolchain.cache()
"""Looked up before a test hides the developer's home."""
GLIBC = (2, 17)
"""The newest glibc that an archive may ask for: that of RHEL 7."""
NEWER = {("arm64", "packages/obstore/_obstore.abi3.so"): (2, 18)}
"""What asks for a newer one, and is done without where there is none."""
ELF_MACHINES = {"amd64": 62, "arm64": 183}
MANUAL = "share/man/man1/kubectl-lrs.1"
MACH_CPUS = {"amd64": 0x01000007, "arm64": 0x0100000C}


@pytest.fixture(autouse=True)
def cached(isolation: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is built is found again."""
    monkeypatch.setenv("LRS_BED_CACHE", str(CACHE))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """All archives with a manifest that points to a server of ours."""
    folder = tmp_path_factory.mktemp("krew")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        build.build(folder, base_url=url)
        yield Built(folder, url)
        server.shutdown()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH that holds kubectl, krew, what krew needs, and no Python."""
    folder = tmp_path_factory.mktemp("tools")
    programs = {
        "kubectl": toolchain.binary(),
        "kubectl-krew": prepare.krew("krew"),
        "validate": prepare.krew("validate-krew-manifest"),
        **{name: Path(str(shutil.which(name))) for name in ("git", "readlink", "sh")},
    }
    for name, program in programs.items():
        (folder / name).symlink_to(program)
    return folder


@pytest.fixture
def user(tmp_path: Path, tools: Path) -> User:
    """With no cluster."""
    home = tmp_path / "user at home"
    home.mkdir()
    return User(home, tools)


@pytest.fixture
def installed(user: User, built: Built) -> User:
    """With the plugin."""
    user.install(built)
    return user


# ---- the build


def _build_check(folder: Path, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "krew" / "build.py"), "--check", str(folder), "--base-url", url]
    old = os.umask(0o077)
    try:
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    finally:
        os.umask(old)


def test_same_sources_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    environment = {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "LANG": "tr_TR.UTF-8", "TMPDIR": str(tmp_path / "elsewhere")}
    done = _build_check(built.folder, built.url, **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_what_is_of_another_commit(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, damaged = tmp_path / "release", build.archive_name(base.PLATFORMS[2])
    shutil.copytree(built.folder, folder)
    (folder / damaged).write_bytes((folder / damaged).read_bytes()[:-1])
    (folder / "lrs.yaml").write_text(built.manifest.read_text().replace("version: v0.", "version: v9."))
    (folder / build.SUMS).unlink()
    files = [path.name for path in built.folder.iterdir()]
    monkeypatch.setattr(build, "build", lambda fresh, **_: [shutil.copy(built.folder / name, fresh) and name for name in files])
    assert build.main(["--check", str(folder)]) == 1
    named = {line.removeprefix(f"error: {folder}/").split()[0] for line in capsys.readouterr().err.splitlines()}
    assert named == {damaged, "lrs.yaml", build.SUMS}


def test_base_is_made_alike_each_time(tmp_path: Path) -> None:
    base.make(base.host(), tmp_path / "again")
    first, again = base.base() / base.host().name, tmp_path / "again"
    names = sorted(path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file())
    assert [name for name in names if (first / name).read_bytes() != (again / name).read_bytes()] == []


def test_sums_are_those_of_the_archives(built: Built) -> None:
    lines = (built.folder / build.SUMS).read_text().splitlines()
    sums = {name: value for value, name in (line.split("  ") for line in lines)}
    assert sums == {
        build.archive_name(each): hashlib.sha256(built.archive(each).read_bytes()).hexdigest() for each in base.PLATFORMS
    }
    platforms = yaml.safe_load(built.manifest.read_text())["spec"]["platforms"]
    assert {each["uri"].rpartition("/")[2]: each["sha256"] for each in platforms} == sums


@pytest.mark.parametrize("damage", ["linux_arm64.tar.gz", "addURIAndSha", "{{ .TagName }}\n"])
def test_template_that_does_not_fit_is_refused(damage: str) -> None:
    sums = {build.archive_name(each): "0" * 64 for each in base.PLATFORMS}
    template = build.TEMPLATE.read_text()
    arguments: dict[str, Any] = {"version": build.version(), "sums": sums, "name": "lrs", "base_url": None}
    assert "{{" not in build.manifest(template, **arguments)
    with pytest.raises(build.BuildError):
        build.manifest(template.replace(damage, damage.replace("a", "o").replace("T", "t")), **arguments)


def test_sizes_are_those_that_the_document_tells(built: Built) -> None:
    told = re.findall(r"^\| (\w+) (\w+) \| (\d+) MB \|", (ROOT / "docs" / "install.md").read_text(), re.MULTILINE)
    there = {(each.os, each.arch): built.archive(each).stat().st_size / 1e6 for each in base.PLATFORMS}
    assert {(system, arch) for system, arch, _ in told} == there.keys()
    assert [row for row in told if abs(there[row[0], row[1]] - int(row[2])) > 1] == []


def test_manifest_is_as_reviewers_of_the_index_want_it(built: Built) -> None:
    document = yaml.safe_load(built.manifest.read_text())
    spec = document["spec"]
    assert spec["version"] == f"v{__version__}"
    assert 0 < len(spec["shortDescription"]) <= 50
    assert max(map(len, spec["description"].splitlines())) <= 80
    assert [each["selector"]["matchLabels"] for each in spec["platforms"]] == [
        {"os": each.os, "arch": each.arch} for each in base.PLATFORMS
    ]


# ---- the archives


@pytest.mark.parametrize("platform", base.PLATFORMS, ids=lambda each: each.name)
def test_archive_holds_what_krew_takes(built: Built, platform: base.Platform) -> None:
    with tarfile.open(built.archive(platform)) as packed:
        entries = packed.getmembers()
        page = packed.extractfile(MANUAL)
        assert page
        assert page.read().decode("ascii") == manual_page()
    names = [entry.name for entry in entries]
    assert names == sorted(set(names))
    assert {"LICENSE", "THIRD-PARTY.md", "kubectl-lrs", "bin/python3.14", "packages/kubectl_lrs/cli.pyc", MANUAL} <= set(names)
    assert [name for name in names if name.endswith(".py")] == ["packages/kubectl_lrs/__init__.py", "start.py"]
    for entry in entries:
        assert entry.isreg()
        assert not PurePosixPath(entry.name).is_absolute()
        assert ".." not in PurePosixPath(entry.name).parts
        assert stat.S_IMODE(entry.mode) == (0o755 if entry.name in pack.EXECUTABLES else 0o644)
        assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) == (0, 0, "", "", pack.EPOCH)


@pytest.mark.parametrize("platform", base.PLATFORMS, ids=lambda each: each.name)
def test_native_files_are_of_the_platform(built: Built, platform: base.Platform) -> None:
    with tarfile.open(built.archive(platform)) as packed:
        native = {
            entry.name: packed.extractfile(entry).read()  # type: ignore[union-attr]
            for entry in packed
            if entry.name.endswith(".so") or entry.name.startswith("bin/")
        }
    assert len(native) >= 5
    for name, content in native.items():
        if platform.os == "darwin":
            assert MACH_CPUS[platform.arch] in _mach_cpus(content), name
        else:
            assert content[:4] == b"\x7fELF", name
            assert struct.unpack_from("<H", content, 18)[0] == ELF_MACHINES[platform.arch], name
            wanted = {(int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", content)}
            assert max(wanted) <= NEWER.get((platform.arch, name), GLIBC), name


def _mach_cpus(content: bytes) -> set[int]:
    if content[:4] == b"\xca\xfe\xba\xbe":  # a universal file: one header for each CPU
        return {struct.unpack_from(">I", content, 8 + 20 * n)[0] for n in range(struct.unpack_from(">I", content, 4)[0])}
    assert content[:4] == b"\xcf\xfa\xed\xfe"
    return {struct.unpack_from("<I", content, 4)[0]}


def test_every_verb_runs_in_the_archive(installed: User, tmp_path: Path) -> None:
    """It says how it is called; that what it imports is there is told by `test_krew_carried.py`."""
    script = tmp_path / "verbs.py"
    script.write_text(
        "import sys; sys.path.append(sys.argv[1])\n"
        "from kubectl_lrs import cli\n"
        "print([verb for verb in cli.VERBS if cli.run([verb, '--help'])])\n"
    )
    store = installed.root / "store" / "lrs" / f"v{__version__}"
    told = installed.ok(store / "bin" / "python3.14", "-I", "-S", "-B", script, store / "packages")
    assert told.splitlines()[-1] == "[]"
    assert "kubectl lrs schedule" in told


def test_objects_of_kubernetes_can_be_built_in_the_archive(installed: User, tmp_path: Path) -> None:
    """By the package's models alone, which nothing imports by name: those that the product names, and no others are carried."""
    script = tmp_path / "models.py"
    script.write_text(
        "import sys; sys.path.append(sys.argv[1])\n"
        "from kubectl_lrs.clients.kubernetes.typed import Models, manifest\n"
        "print(manifest(Models().V1CronJob(kind='CronJob')))\n"
        "print([name for name in sys.argv[2:] if not callable(getattr(Models(), name))])\n"
    )
    assert {"V1CronJob", "RbacV1Subject"} <= set(base.models())
    store = installed.root / "store" / "lrs" / f"v{__version__}"
    found = installed.ok(store / "bin" / "python3.14", "-I", "-S", "-B", script, store / "packages", *base.models())
    assert found == "{'kind': 'CronJob'}\n[]\n"
    assert len([*(store / "packages" / "kubernetes" / "client" / "models").iterdir()]) == len(base.models()) + 1


# ---- krew


def test_check_of_the_index_passes(built: Built, user: User) -> None:
    done = user.run("validate", f"-manifest={built.manifest}")
    assert done.returncode == 0, done.stderr
    assert f"all {len(base.PLATFORMS)} spec.platforms installed fine" in done.stderr


def test_check_of_the_index_can_fail(built: Built, user: User, tmp_path: Path) -> None:
    manifest = tmp_path / "lrs.yaml"
    text = built.manifest.read_text()
    sums = re.findall(r"sha256: (\w{64})", text)
    manifest.write_text(text.replace(sums[0], sums[1]))
    done = user.run("validate", f"-manifest={manifest}")
    assert done.returncode != 0
    assert "checksum does not match" in done.stderr


@pytest.mark.parametrize("platform", base.PLATFORMS, ids=lambda each: each.name)
def test_krew_installs_on_each_platform(built: Built, user: User, platform: base.Platform) -> None:
    archive = built.archive(platform)
    which = {"KREW_OS": platform.os, "KREW_ARCH": platform.arch}
    user.ok("kubectl", "krew", "install", f"--manifest={built.manifest}", f"--archive={archive}", **which)
    launcher = (user.root / "bin" / "kubectl-lrs").resolve()
    assert os.access(launcher, os.X_OK)
    assert platform.loader in launcher.read_text()
    assert os.access(launcher.parent / "bin" / "python3.14", os.X_OK)


def test_backup_and_restore_through_krew(
    plane: ControlPlane, crd: Crd, namespace: str, built: Built, tools: Path, tmp_path: Path
) -> None:
    home = tmp_path / "admin"
    home.mkdir()
    user = User(home, tools, plane.kubeconfig)
    user.install(built)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace))
    before = essences(plane, crd.api_version, namespace)
    user.ok("kubectl", "lrs", "backup", "-n", namespace, "--type", "custom_app", "--type", "deployment")
    kept = {key: value for key, value in before.items() if _type(value) in ("custom_app", "deployment")}
    plane.kubectl_run("delete", "lrs", "--all", "-n", namespace)
    user.ok("kubectl", "lrs", "verify")
    user.ok("kubectl", "lrs", "restore", "latest", "--yes")
    assert kept
    assert essences(plane, crd.api_version, namespace) == kept


def test_file_storage_of_s3_through_krew(
    plane: ControlPlane, crd: Crd, namespace: str, built: Built, tools: Path, tmp_path: Path
) -> None:
    """The archive carries what S3 needs: no package is asked for."""
    home = tmp_path / "admin"
    home.mkdir()
    user = User(home, tools, plane.kubeconfig)
    user.install(built)
    loader.create_many(plane, samples.samples(crd.api_version, crd.kind, namespace)[4:6])
    with S3(tmp_path / "s3") as s3:
        file = s3.buckets / "files" / "app" / "source.py"
        file.parent.mkdir(parents=True)
        file.write_text("print('hello')\n")
        flags = ("--files-url", "s3://files", "--files-endpoint", s3.endpoint)
        call = ("kubectl", "lrs", "backup", "-n", namespace, "--files", "copy", "--files-all", *flags, "--name", "b")
        user.ok(*call, **s3.environment)
        file.unlink()
        user.ok("kubectl", "lrs", "restore", "b", "--tier", "files", "--yes", *flags, **s3.environment)
        assert file.read_text() == "print('hello')\n"


def _type(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"].get("labels", {}).get(samples.TYPE_LABEL))


@pytest.fixture
def index(user: User, built: Built, tmp_path: Path) -> Path:
    """A plugin index: a git repository with our manifest in it."""
    folder = tmp_path / "index"
    (folder / "plugins").mkdir(parents=True)
    shutil.copy(built.manifest, folder / "plugins")
    user.ok("git", "init", "--quiet", "--initial-branch=main", folder)
    _commit(user, folder)
    return folder


def _commit(user: User, folder: Path) -> None:
    user.ok("git", "-C", folder, "add", ".")
    user.ok("git", "-C", folder, "-c", "user.name=n", "-c", "user.email=e@example.com", "commit", "--quiet", "-m", "m")


def test_install_upgrade_and_uninstall_from_an_index(user: User, index: Path) -> None:
    source = {"KREW_DEFAULT_INDEX_URI": f"file://{index}"}
    user.ok("kubectl", "krew", "update", **source)
    untouched = _tree(user.root)
    user.ok("kubectl", "krew", "install", "lrs", **source)
    assert user.ok("kubectl", "krew", "list", **source).split() == ["lrs"]  # its table has a header on a terminal only
    user.ok("kubectl", "lrs", "version")
    assert _versions(user) == [f"v{__version__}"]

    manifest = index / "plugins" / "lrs.yaml"
    manifest.write_text(manifest.read_text().replace(f"version: v{__version__}", "version: v99.0.0"))
    _commit(user, index)
    user.ok("kubectl", "krew", "upgrade", "lrs", **source)
    assert _versions(user) == ["v99.0.0"]
    user.ok("kubectl", "lrs", "version")

    user.ok("kubectl", "krew", "uninstall", "lrs", **source)
    assert _tree(user.root) == untouched
    assert user.run("kubectl", "lrs", "version").returncode == 1


def _versions(user: User) -> list[str]:
    return sorted(path.name for path in (user.root / "store" / "lrs").iterdir())


def _tree(root: Path) -> set[str]:
    """Everything below `root` but git's own."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if ".git" not in path.parts}


def test_nothing_is_written_where_it_is_installed(installed: User) -> None:
    before = _tree(installed.root)
    for arguments in (["--help"], ["version"], ["backup", "--help"], ["list"]):
        installed.run("kubectl", "lrs", *arguments)
    assert _tree(installed.root) == before


def test_under_another_name(user: User, built: Built, tmp_path: Path) -> None:
    manifest = tmp_path / "datarobot-lrs.yaml"
    sums = {build.archive_name(each): hashlib.sha256(built.archive(each).read_bytes()).hexdigest() for each in base.PLATFORMS}
    text = build.manifest(
        build.TEMPLATE.read_text(), version=build.version(), sums=sums, name="datarobot-lrs", base_url=built.url
    )
    manifest.write_text(text)
    user.ok("validate", f"-manifest={manifest}", "-skip-install")
    user.ok("kubectl", "krew", "install", f"--manifest={manifest}", f"--archive={built.archive(base.host())}")
    assert "Usage: kubectl datarobot-lrs VERB" in user.ok("kubectl", "datarobot-lrs", "--help")


# ---- the launcher


def test_no_python_of_the_user_is_touched(installed: User, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("click", "json", "sitecustomize", "usercustomize", "kubectl_lrs"):
        (trap / f"{name}.py").write_text("raise SystemExit('trapped')\n")
    hostile = {"PYTHONPATH": str(trap), "PYTHONHOME": str(trap), "PYTHONSTARTUP": str(trap / "json.py"), "PYTHONINSPECT": "1"}
    assert installed.ok("kubectl", "lrs", "version", **hostile).startswith(f"kubectl lrs {__version__} (Python 3.14.")


def test_exit_status_and_arguments_pass_through(installed: User) -> None:
    done = installed.run("kubectl", "lrs", "show", "no such backup; $(exit 7)", "--backup-dir", "a  b")
    assert done.returncode not in (0, 7)
    assert "no such backup; $(exit 7)" in done.stderr or "a  b" in done.stderr
    assert installed.run("kubectl", "lrs", "--no-such-flag").returncode == 2


@pytest.mark.parametrize("links", [["kubectl-lrs"], ["one", "../links/kubectl-lrs"], ["../links/two", "kubectl-lrs"]])
def test_found_through_links(installed: User, tmp_path: Path, links: list[str]) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    target = str((installed.root / "bin" / "kubectl-lrs").resolve())
    for link in links:
        place = folder / link
        place.symlink_to(target)
        target = link
    assert installed.ok(folder / links[-1], "version").startswith("kubectl lrs")
    assert installed.ok("sh", (folder / links[-1]).resolve(), "version").startswith("kubectl lrs")


@pytest.mark.skipif(base.host().os != "linux", reason="only Linux has more than one C library")
def test_without_glibc_it_says_what_to_do(installed: User) -> None:
    launcher = (installed.root / "bin" / "kubectl-lrs").resolve()
    launcher.write_text(launcher.read_text().replace(base.host().loader, "/no/such/loader"))
    done = installed.run("kubectl", "lrs", "version")
    assert done.returncode == 1
    assert "needs glibc" in done.stderr
    assert "pipx install kubectl-lrs" in done.stderr


def test_trusts_the_authorities_of_the_system_wherever_they_lie(installed: User, plane: ControlPlane) -> None:
    start = (installed.root / "bin" / "kubectl-lrs").resolve().parent / "start.py"
    text = start.read_text()
    call = ["kubectl", "lrs", "backup", "-A", "--allow-empty", "--server", plane.server, "--token", plane.admin_token]
    start.write_text(text.replace('"/etc/', '"/no/such/etc/'))
    refused = installed.run(*call)
    assert refused.returncode == 5
    assert "certificate" in refused.stderr
    start.write_text(text.replace('"/etc/', '"/no/such/etc/').replace("/no/such/etc/ssl/ca-bundle.pem", str(plane.ca_file)))
    assert installed.run(*call).returncode == 0
