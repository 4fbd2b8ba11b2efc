"""The executable that kubectl asks: written beside the plugin, and over nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubectl_lrs.completion.install import executable, install
from kubectl_lrs.model.errors import LrsError, UsageError


@pytest.mark.parametrize(
    ("argv0", "name"),
    [
        ("/x/kubectl-lrs", "kubectl-lrs"),
        ("kubectl-datarobot_lrs", "kubectl-datarobot_lrs"),
        ("/x/__main__.py", "kubectl-lrs"),
        ("kubectl-lrs.exe", "kubectl-lrs"),
    ],
)
def test_the_name_that_the_plugin_was_started_by(argv0: str, name: str) -> None:
    assert executable(argv0) == name


def test_it_is_written_once_and_runs(folder: Path) -> None:
    made = install(str(folder / "kubectl-lrs"), "", f"/bin:{folder}")
    assert (made.path, made.is_new, made.is_on_path) == (folder / "kubectl_complete-lrs", True, True)
    assert made.path.read_text() == '#!/bin/sh\nexec kubectl-lrs __complete "$@"\n'
    assert os.access(made.path, os.X_OK)
    assert not install(str(folder / "kubectl-lrs"), "", str(folder)).is_new
    made.path.chmod(0o644)
    assert install(str(folder / "kubectl-lrs"), "", str(folder)).is_new, "one that cannot be run is written again"
    assert os.access(made.path, os.X_OK)
    assert [each.name for each in folder.iterdir()] == ["kubectl_complete-lrs"]


def test_another_folder_that_is_not_on_path(folder: Path) -> None:
    made = install("__main__.py", str(folder), "/bin")
    assert (made.path.name, made.is_on_path) == ("kubectl_complete-lrs", False)


def test_what_else_is_there_is_left_alone(folder: Path) -> None:
    other = folder / "kubectl_complete-lrs"
    other.write_text("#!/bin/sh\necho mine\n")
    with pytest.raises(LrsError, match="left alone"):
        install("kubectl-lrs", str(folder), "")
    assert other.read_text() == "#!/bin/sh\necho mine\n"
    other.unlink()
    other.symlink_to(folder / "nowhere")
    with pytest.raises(LrsError, match="left alone"):
        install("kubectl-lrs", str(folder), "")
    other.unlink()
    other.write_text("#!/bin/sh\nexec old __complete\n")
    assert install("kubectl-lrs", str(folder), "").is_new, "an old one of ours is replaced"


def test_nowhere_to_write(folder: Path) -> None:
    with pytest.raises(UsageError, match="not on PATH"):
        install("__main__.py", "", str(folder))
    with pytest.raises(LrsError, match="cannot be written"):
        install("kubectl-lrs", str(folder / "none"), "")
