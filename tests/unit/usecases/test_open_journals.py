"""What is open is found beside the backups and in the state, each journal once, whoever's cluster it is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_lrs.runtime.copies import Copies, mirror
from kubectl_lrs.runtime.journal import write_journal
from kubectl_lrs.stores.common.journals import OPERATOR_PREFIX, RECREATE_PREFIX
from kubectl_lrs.stores.deployments.journal import Journal, JournalledDeployment
from kubectl_lrs.stores.deployments.statuses import State
from kubectl_lrs.usecases.open_journals import open_journals

CLUSTER = "0f3c0000-0000-4000-8000-000000000000"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the backups; the state lies beside it."""
    monkeypatch.setenv("LRS_STATE_DIR", str(tmp_path / "state"))
    for name in ("backups", "state", f"state/{CLUSTER}", "state/app.example.com", "state/another"):
        (tmp_path / name).mkdir(mode=0o700)
    return tmp_path / "backups"


def _deactivated(folder: Path, *states: State) -> Path:
    entries = {
        str(place): JournalledDeployment(id=str(place), label="", organisation="", model="", before="active", state=state)
        for place, state in enumerate(states)
    }
    path = folder / "lrs_deactivated_2026_11_24_10_00_00.json"
    journal = Journal(path=path, endpoint="https://app.example.com/api/v2", created="2026-11-24T10:00:00Z", entries=entries)
    path.write_text(journal.serialise())
    path.chmod(0o600)
    return path


def _write(prefix: str, document: dict[str, object], *paths: Path) -> None:
    Copies(id="ab" * 8, paths=list(paths)).write(document)
    assert all(path.name.startswith(prefix) for path in paths)


def test_nothing_is_open(here: Path, tmp_path: Path) -> None:
    assert open_journals(here) == ([], [])
    assert open_journals(tmp_path / "not there") == ([], [])
    _deactivated(here, State.ACTIVATED, State.GONE)
    assert open_journals(here) == ([], [])


@pytest.mark.parametrize("where", ["backups", "state/app.example.com", "state/another"])
def test_deployments(here: Path, where: str) -> None:
    path = _deactivated(here.parent / where, State.DEACTIVATED, State.ACTIVATED, State.DEACTIVATING)
    ((found,), problems) = open_journals(here)
    assert (found.path, found.left, found.waits_for, problems) == (path, 2, "activate", [])
    assert found.of == "https://app.example.com/api/v2"
    path.write_text(path.read_text().replace('"deactivated"', '"activated"').replace('"deactivating"', '"planned"'))
    assert [each.waits_for for each in open_journals(here)[0]] == ["deactivate"]


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("mirrored", [True, False])
def test_an_lrs_that_was_deleted(here: Path, beside: bool, mirrored: bool) -> None:
    """In its two places it is one; beside the backups alone, or in the state alone, it is found too."""
    places = [here / f"{RECREATE_PREFIX}{CLUSTER}.json"] if beside else []
    places += [mirror(here.parent / "state" / CLUSTER, RECREATE_PREFIX, "ab" * 8)] if mirrored else []
    if places:
        _write(RECREATE_PREFIX, {"cluster": CLUSTER, "objects": {"ns/b": {}, "ns/a": {}}}, *places)
    found, problems = open_journals(here)
    assert problems == []
    assert [(each.path, each.left, each.waits_for) for each in found] == (
        [(places[0], 2, "restore --existing recreate")] if places else []
    )


def test_those_of_another_folder_of_backups(here: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    places = (tmp_path / "other" / f"{OPERATOR_PREFIX}{CLUSTER}.json", tmp_path / "state" / CLUSTER / f"{OPERATOR_PREFIX}x.json")
    _write(OPERATOR_PREFIX, {"operator": "dr/lrs-operator", "replicas": 3}, *places)
    ((found,), problems) = open_journals(here)
    assert (found.what, found.path, problems) == ("operator dr/lrs-operator is paused; it had 3 replicas", places[0], [])
    places[0].unlink()
    assert open_journals(here) == ([], []), "what is gone beside the backups is closed"


@pytest.mark.parametrize("text", ["{", "[]", "", '{"objects": 5}', '{"operator": ""}'])
def test_what_is_no_journal(here: Path, text: str) -> None:
    """It is said, and hides none of another kind."""
    path = _deactivated(here, State.DEACTIVATED)
    for prefix in (OPERATOR_PREFIX, RECREATE_PREFIX):
        (here / f"{prefix}{CLUSTER}.json").write_text(text)
        (here / f"{prefix}{CLUSTER}.json").chmod(0o600)
    found, problems = open_journals(here)
    assert [each.path for each in found] == [path]
    assert len(problems) == (2 if text in ("{", "") else 0)


def test_of_others(here: Path) -> None:
    write_journal(here / f"{RECREATE_PREFIX}{CLUSTER}.json", {"objects": {"ns/a": {}}})
    (here / f"{RECREATE_PREFIX}{CLUSTER}.json").chmod(0o666)
    found, problems = open_journals(here)
    assert (found, len(problems)) == ([], 1)
