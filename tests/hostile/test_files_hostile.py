"""A backup is untrusted: whatever its list of files says, nothing is read or written but what belongs where it should."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import DamageError, UsageError
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.stores.files import saved as index
from tests.bed import loader
from tests.bed.controlplane import ControlPlane
from tests.builders import reseal, stored
from tests.conftest import Cli, _Installed

Edit = Callable[[dict[str, Any]], None]


FILES = {"a/one": b"1", "b/two": b"22", "c": b"333"}


@pytest.fixture(scope="module")
def original(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup with three files, made once."""
    place = tmp_path_factory.mktemp("hostile")
    crd = _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")
    loader.create_namespace(plane, "hostile-files")
    stored.populate(plane, crd, "hostile-files")
    ground = stored.mount(place)
    ground.fill(FILES)
    flags = ("-n", "hostile-files", "--files", "copy", "--files-all", *ground.reached, "--name", "evil")
    Cli(plane.kubeconfig, place).ok("backup", *flags)
    loader.delete_namespace(plane, "hostile-files", wait=False)
    return place / "evil"


@pytest.fixture
def ground(tmp_path: Path) -> stored.Ground:
    """The storage to restore to: empty."""
    return stored.mount(tmp_path)


@pytest.fixture
def saved(original: Path, cli: Cli) -> Path:
    """A copy of the backup, to be altered."""
    return Path(shutil.copytree(original, cli.directory / "evil"))


def _rewrite(folder: Path, edit: Edit) -> None:
    """Edit the list, and seal the backup anew."""
    file = folder / "files.json"
    document = json.loads(file.read_text())
    edit(document)
    entries = document.pop("files")
    head = json.dumps(document)[:-1] + ',"files":[\n'
    file.write_text(head + ",\n".join(map(json.dumps, entries)) + "\n]}\n")
    reseal.rewrite(folder, lambda objects: objects)


def _everything(tmp_path: Path, *but: Path) -> dict[str, bytes]:
    found = {}
    for folder, _, names in os.walk(tmp_path):
        for path in (Path(folder, name) for name in names):
            if not any(path.is_relative_to(each) for each in but):
                found[str(path)] = path.read_bytes()
    return found


@pytest.mark.parametrize(
    "path",
    ["../escaped", "/tmp/lrs-escaped", "a/../../escaped", "..", "", "a//b", "./x", "link/escaped", "x\0y", "a/" * 3000 + "b"],
)
def test_no_path_leaves_the_storage(saved: Path, ground: stored.Ground, cli: Cli, tmp_path: Path, path: str) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["files"][0]["path"] = path

    _rewrite(saved, edit)
    outside = tmp_path / "outside"
    outside.mkdir()
    (ground.root / "link").symlink_to(outside)
    state = Path(os.environ["HOME"]) / ".local"  # where the history says that it was tried
    before = _everything(tmp_path, ground.root, state)
    done = cli.run("restore", "evil", "--tier", "files", *ground.reached, "--files-existing", "replace", "--yes")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    assert _everything(tmp_path, ground.root, state) == before
    assert not Path("/tmp/lrs-escaped").exists()
    assert {each for each in ground.content() if not each.startswith("link/")} == {"b/two", "c"}


def _set(number: int, **values: Any) -> Edit:
    return lambda document: document["files"][number].update(values)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_set(0, file="../../../etc/passwd"), "not in the backup"),
        (_set(0, file="/etc/passwd"), "not in the backup"),
        (_set(0, file="lrs.raw.jsonl.gz"), "not in the backup"),
        (_set(0, file="files/b/two"), "there twice"),
        (_set(0, path="c"), "there twice"),
        (_set(0, sha256="0" * 64), "not in the backup"),
        (_set(0, file="", sha256=""), "the content of no file"),
        (_set(0, size=-1), "no size"),
        (_set(0, size="1"), "no size"),
        (_set(0, size=2**70), "no size"),
        (_set(0, path=1), "no text"),
        (_set(0, attributes=["x"]), "attributes"),
        (lambda document: document["files"].append("x"), "valid list"),
        (lambda document: document.update(kind="other"), "kind"),
        (lambda document: document.update(folders=[]), "folders"),
        (lambda document: document.pop("level"), "level"),
    ],
)
def test_a_list_that_is_not_true_is_not_used(saved: Path, edit: Edit, said: str) -> None:
    _rewrite(saved, edit)
    with pytest.raises(DamageError, match=said):
        index.read(SealedFolder.open(saved))


def test_a_list_of_a_newer_format_is_refused(saved: Path) -> None:
    _rewrite(saved, lambda document: document.update(formatVersion=2))
    with pytest.raises(UsageError, match="newer"):
        index.read(SealedFolder.open(saved))


@pytest.mark.parametrize(
    "text", ["", "x", "[" * 100_000, "{" * 5, '{"kind":"lrs-files","files":[\n{"path"\n]}\n', "\xff", "x" * (65 << 20)]
)
def test_a_list_that_is_not_json(saved: Path, text: str) -> None:
    (saved / "files.json").write_text(text)
    reseal.rewrite(saved, lambda objects: objects)
    with pytest.raises(DamageError, match="not a valid list of files"):
        index.read(SealedFolder.open(saved))


def test_the_command_line_refuses_it_before_the_first_write(saved: Path, ground: stored.Ground, cli: Cli) -> None:
    _rewrite(saved, _set(0, file="lrs.raw.jsonl.gz"))
    done = cli.run("restore", "evil", "--tier", "files", *ground.reached)
    assert done.returncode == 4
    assert "its content is not in the backup" in done.stderr
    assert ground.content() == {}


def test_attributes_do_no_harm(saved: Path, ground: stored.Ground, cli: Cli) -> None:
    def edit(document: dict[str, Any]) -> None:
        document["files"][0]["attributes"] = {"mode": 0o106777, "uid": -1, "gid": 2**80, "ContentType": "a\r\nb", "x": {"y": []}}
        document["files"][1]["attributes"] = {"mode": "rwx", "uid": None}
        document["folders"] = {"a": {"mode": 0o107777}, "b": {"mode": []}, "../x": {"mode": 1}, "c": {}}

    _rewrite(saved, edit)
    cli.ok("restore", "evil", "--tier", "files", *ground.reached)
    assert ground.content() == FILES
    assert (ground.root / "a" / "one").stat().st_mode & 0o7000 == 0


def test_a_size_that_is_not_true_is_found_after_the_write(saved: Path, ground: stored.Ground, cli: Cli) -> None:
    _rewrite(saved, _set(0, size=5))
    done = cli.run("restore", "evil", "--tier", "files", *ground.reached)
    assert done.returncode == 3
    assert "of another size" in done.stdout


def test_names_take_over_no_terminal(saved: Path, ground: stored.Ground, cli: Cli) -> None:
    _rewrite(saved, _set(0, path="\x1b[2J\x07evil\n"))
    done = cli.run("restore", "evil", "--tier", "files", *ground.reached, "--dry-run", "client")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x07" not in done.stdout + done.stderr


@pytest.mark.parametrize("what", ["alter", "surplus", "missing", "link"])
def test_damage_stops_the_restore_before_the_first_write(saved: Path, ground: stored.Ground, cli: Cli, what: str) -> None:
    file = saved / "files" / "b" / "two"
    if what == "alter":
        file.write_bytes(b"xx")
    elif what == "surplus":
        (saved / "files" / "more").write_bytes(b"x")
    else:
        file.unlink()
        if what == "link":
            file.symlink_to("/etc/passwd")
    done = cli.run("restore", "evil", "--tier", "files", *ground.reached)
    assert done.returncode == 4
    assert "files/more" in done.stderr or "files/b/two" in done.stderr
    assert ground.content() == {}
