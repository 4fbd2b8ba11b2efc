"""What an image is made of: which files are the plugin for which machine, and which are refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from kubectl_lrs.image.plugin import SUMS, Installed, archive, installed, plugin
from kubectl_lrs.model.errors import DamageError, LrsError, UsageError
from tests.builders import plugins


def test_a_folder_and_an_archive_hold_the_same(folder: Path) -> None:
    tree = plugins.tree("arm64")
    found = plugin(Installed(plugins.write_tree(folder / "home", tree)))
    with archive(plugins.archive(folder, tree)) as opened:
        other = plugin(opened)
        assert list(other.files()) == list(found.files())
        assert other.base() == found.base() == tree["image/base.tar.gz"]
    assert (found.architecture, found.python) == ("arm64", "bin/python3.14")
    names = [file.name for file in found.files()]
    assert names == sorted(names)
    assert set(tree) - set(names) == {"image/base.tar.gz", "kubectl-lrs", "share/man/man1/kubectl-lrs.1"}
    assert [file.name for file in found.files() if file.is_program] == ["bin/python3.14"]


def test_without_a_python_of_its_own_there_is_no_installation() -> None:
    assert installed() is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start.py": None}, "not the plugin with a Python of its own"),
        ({"bin/python3.13": b""}, "not the plugin with a Python of its own"),
        ({"bin/python3.14": b"\xcf\xfa\xed\xfe" + bytes(60)}, "not one for Linux"),
        ({"bin/python3.14": b"\x7fELF"}, "not one for Linux"),
        ({"bin/python3.14": b"\x7fELF" + bytes(14) + b"\x03\x00"}, "not one for Linux"),
        ({"packages/kubectl_lrs/__init__.py": b'__version__ = "9.9.9"\n'}, "its version is 9.9.9"),
        ({"packages/kubectl_lrs/__init__.py": b""}, "an unknown one"),
    ],
)
def test_what_is_not_the_plugin(folder: Path, change: dict[str, bytes | None], said: str) -> None:
    tree = {name: data for name, data in {**plugins.tree(), **change}.items() if data is not None}
    with pytest.raises(UsageError, match=said):
        plugin(Installed(plugins.write_tree(folder, tree)))


def test_a_plugin_without_a_base(folder: Path) -> None:
    tree = plugins.tree()
    del tree["image/base.tar.gz"]
    with pytest.raises(UsageError, match="it brings no base") as error:
        plugin(Installed(plugins.write_tree(folder, tree))).base()
    assert "--base" in error.value.hint


def _open(path: Path) -> None:
    with archive(path):
        pass


def test_an_archive_is_held_against_the_sums_of_the_release(folder: Path) -> None:
    path = plugins.archive(folder, plugins.tree())
    _open(path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DamageError, match=r"it is not what .*SHA256SUMS says"):
        _open(path)
    (folder / SUMS).write_text(f"{'0' * 64}  other.tar.gz\n")
    with pytest.raises(UsageError, match=r"it does not name amd64\.tar\.gz"):
        _open(path)
    (folder / SUMS).unlink()
    with pytest.raises(UsageError, match=r"SHA256SUMS: cannot be read"):
        _open(path)
    with pytest.raises(UsageError, match="none: cannot be read"):
        _open(folder / "none")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "bin/../../x", "./x", "a//b"])
def test_a_path_that_leads_elsewhere_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(DamageError, match="no place"):
        _open(plugins.archive(folder, {name: b"x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_refused(folder: Path, kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("bin/python3.14")
        entry.type, entry.linkname = kind, "/bin/sh"
        tar.addfile(entry)
    monkeypatch.setattr(plugins, "tar_of", lambda _: out.getvalue())
    with pytest.raises(DamageError, match="no place"):
        _open(plugins.archive(folder, {}))


@pytest.mark.parametrize("data", [b"", b"text", plugins.tar_of({"a": b"b" * 1000})[:-30]])
def test_what_is_no_archive(folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "tar_of", lambda _: data)
    with pytest.raises(LrsError, match=r"amd64.tar.gz"):
        _open(plugins.archive(folder, {}))
