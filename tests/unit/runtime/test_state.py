"""Where the state lies: as the user says, as XDG says, else at home; nothing that is not there is made in a share's place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import state


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, "home/.local/state/kubectl-lrs"),
        ({"XDG_STATE_HOME": "{}/xdg"}, "xdg/kubectl-lrs"),
        ({"XDG_STATE_HOME": "relative"}, "home/.local/state/kubectl-lrs"),
        ({"XDG_STATE_HOME": ""}, "home/.local/state/kubectl-lrs"),
        ({"XDG_STATE_HOME": "{}/xdg", "LRS_STATE_DIR": "{}/mine"}, "mine"),
        ({"LRS_STATE_DIR": ""}, "home/.local/state/kubectl-lrs"),
    ],
)
def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert state.root() == tmp_path / wanted
    assert state.folder_of("65f0-uid") == tmp_path / wanted / "65f0-uid"
    assert state.folders() == []
    made = state.made("65f0-uid")
    assert state.folders() == [made]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made, made.parent)} == {0o700}


@pytest.mark.parametrize("whom", ["", "..", "../../etc", "https://10.0.0.1:6443", "a/b", "x" * 500])
def test_no_cluster_leads_out_of_it(whom: str) -> None:
    assert state.folder_of(whom).parent == state.root()
    assert state.folder_of(whom).name not in ("", ".", "..")


def test_a_share_that_is_not_mounted_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_STATE_DIR", str(tmp_path / "share" / "state"))
    with pytest.raises(UsageError, match="neither it nor"):
        state.made_or_why("c")
    assert not (tmp_path / "share").exists()


def test_no_home_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    folder, why = state.made_or_why("c")
    assert folder is None
    assert "nobody" in why
    assert not (tmp_path / "nobody").exists()


def test_where_none_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default that is said, and one goes without; where the user has named it, it is an error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    folder, why = state.made_or_why("c")
    assert folder is None
    assert "file" in why
    monkeypatch.setenv("LRS_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="file"):
        state.made_or_why("c")


@pytest.mark.parametrize(
    ("variables", "has_config", "is_volume", "is_refused"),
    [
        ({}, False, False, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False, False, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False, True, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True, False, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBECONFIG": "x"}, False, False, False),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "LRS_STATE_DIR": "/state"}, False, False, False),
    ],
)
def test_in_a_pod(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    *,
    has_config: bool,
    is_volume: bool,
    is_refused: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if has_config:
        (tmp_path / "home" / ".kube").mkdir()
        (tmp_path / "home" / ".kube" / "config").write_text("")
    devices = {"/": 1, str(tmp_path / "b"): 2 if is_volume else 1}
    monkeypatch.setattr(state, "_device", lambda path: devices[str(path)])
    if is_refused:
        with pytest.raises(UsageError, match="is gone when this pod is"):
            state.require_lasting(tmp_path / "b")
    else:
        state.require_lasting(tmp_path / "b")


def test_what_is_not_there_lies_on_what_is_to_hold_it(tmp_path: Path) -> None:
    assert state._device(tmp_path / "a" / "b" / "c") == tmp_path.stat().st_dev
