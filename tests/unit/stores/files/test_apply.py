"""Files written to a path and held against what was sent: file systems that lose modes, names, owners, or have no room."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.backends.base import Backend, Skipped, Stat, Written, put
from kubectl_lrs.backends.local import Local
from kubectl_lrs.backends.local_upload import LocalUpload, is_unfinished
from kubectl_lrs.backends.memory import Memory
from kubectl_lrs.model.errors import DeniedError, ExitCode, LrsError, UnreachableError
from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action, ApplyOptions, StorePlan
from kubectl_lrs.model.report import Report, Result
from kubectl_lrs.render.restore import report_view
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime import sorting
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.stores.files import apply, restore, saved
from kubectl_lrs.stores.files.collect import FilesCollector
from kubectl_lrs.stores.files.plan import FileSteps
from kubectl_lrs.stores.files.restore import FilesRestorer
from kubectl_lrs.stores.files.storage import Storage
from tests.builders.said import nothing
from tests.builders.sealing import Notes, sealed

FILES = {f"d{n % 3}/f{n:02}": b"content %d" % n for n in range(20)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SealedFolder:
    """A backup of files on a path, with mode 640. It is only read."""
    tmp_path = tmp_path_factory.mktemp("backup")
    (tmp_path / "from").mkdir()
    source = Local(str(tmp_path / "from"))
    for key, data in FILES.items():
        put(source, key, data, {"mode": 0o640})
    os.chmod(tmp_path / "from" / "d1", 0o2750)
    return _sealed(source, tmp_path)


def _sealed(source: Backend, tmp_path: Path) -> SealedFolder:
    tier = FilesCollector(Storage(source), nothing, take_all=True)

    def work(writer: FolderWriter) -> None:
        assert tier.collect(writer, Silent())["missing"] == []

    return sealed(tmp_path, work, "backup", others={"files": {}})


@pytest.fixture
def target(tmp_path: Path) -> Local:
    (tmp_path / "to").mkdir()
    return Local(str(tmp_path / "to"))


def _restorer(folder: SealedFolder, backend: Backend, existing: Existing = Existing.SKIP, stop: Any = None) -> FilesRestorer:
    index = saved.read(folder)
    assert index is not None
    return FilesRestorer(folder, index, Storage(backend), existing=existing, workers=2, stop=stop or Cancel())


def _apply(restorer: FilesRestorer, plan: StorePlan | None = None) -> Report:
    report = Report(source="", target="")
    restorer.apply(plan or restorer.plan(Silent()), ApplyOptions(workers=2, timeout=10), report, Silent())
    return report


def _results(report: Report) -> dict[str, Result]:
    return {each.name: each.result for each in report.outcomes}


def _content(backend: Backend) -> dict[str, bytes]:
    found = {}
    for each in backend.list():
        held = bytearray()
        backend.read(each, held.extend)
        found[each.key] = bytes(held)
    return found


def test_in_batches_all_of_it_comes_and_nothing_else_is_left(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "batch", 7)
    assert set(_results(_apply(_restorer(folder, target))).values()) == {Result.CREATED}
    assert _content(target) == FILES
    left: list[str] = []
    list(target.list(skipped=lambda key, _what, _error: left.append(key)))
    assert left == []
    assert target.directory("d1")["mode"] == 0o2750
    assert {each.action for each in _restorer(folder, target).plan(Silent()).steps} == {Action.UNCHANGED}


def test_a_plan_that_waits_on_the_disk_is_carried_out_alike(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the list, the plan and what is there no more is in memory than may be."""
    monkeypatch.setattr(sorting, "AT_ONCE", 3)
    put(target, "d0/f00", b"another")
    put(target, "d1/f01", FILES["d1/f01"], {"mode": 0o640})
    restorer = _restorer(folder, target, Existing.REPLACE)
    plan = restorer.plan(Silent())
    assert isinstance(plan.steps, FileSteps)
    assert plan.counts() == {Action.CREATE: 18, Action.REPLACE: 1, Action.UNCHANGED: 1}
    assert plan.counts() == Counter(step.action for step in plan.steps)
    assert [step.name for step in plan.steps] == sorted(FILES)
    assert plan.steps.to_write == sum(map(len, FILES.values())) - len(FILES["d1/f01"])
    assert {step.name for step in plan.steps.having((Action.REPLACE,))} == set(plan.steps.names((Action.REPLACE,)))
    assert len(plan.steps._steps._held) < 3
    assert Counter(_results(_apply(restorer, plan)).values()) == {
        Result.CREATED: 18, Result.REPLACED: 1, Result.UNCHANGED: 1
    }  # fmt: skip
    assert _content(target) == FILES


@pytest.mark.parametrize("is_full", [False, True])
def test_outcomes_that_wait_on_the_disk_are_told_like_the_others(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    """Where the disk is full they are in memory; what is undone always is."""
    monkeypatch.setattr(restore, "HELD", 5)
    put(target, "d2/f17", b"another")
    restorer = _restorer(folder, target)
    plan = restorer.plan(Silent())
    monkeypatch.setattr(sorting, "AT_ONCE", 3)
    if is_full:
        monkeypatch.setattr(sorting.tempfile, "TemporaryFile", lambda: open("/dev/full", "r+b"))  # noqa: SIM115
    report = _apply(restorer, plan)
    assert sorted(each.name for each in report.every()) == sorted(FILES)
    assert (len(report.outcomes) < len(FILES) - 5) == (not is_full)
    assert report.counts() == report.counts("files") == {Result.CREATED: 19, Result.CONFLICT: 1}
    assert [each.name for each in report.outcomes if each.result is Result.CONFLICT] == ["d2/f17"]
    assert report.exit_code() is ExitCode.PARTIAL
    view = report_view(report, dry_run=False)
    assert sorted(view.names) == sorted(f"files/{name}" for name in FILES if name != "d2/f17")
    assert len(view.wide_rows) == len(view.data["outcomes"]) == len(FILES)
    assert view.data["counts"] == {"conflict": 1, "created": 19}
    small = report_view(report, dry_run=False, output="table")
    assert (small.rows, small.after, small.names, small.wide_rows) == (view.rows, view.after, view.names, [])
    assert report_view(report, dry_run=False, output="name").names == view.names


def test_of_a_plan_from_which_steps_were_taken_the_rest_is_done(folder: SealedFolder, target: Local) -> None:
    restorer = _restorer(folder, target)
    plan = restorer.plan(Silent())
    _apply(restorer, replace(plan, steps=tuple(plan.steps)[:2]))
    assert sorted(_content(target)) == sorted(FILES)[:2]


@pytest.mark.parametrize("error", [None, DeniedError("not yours")], ids=["unset", "refused"])
def test_a_folder_that_is_not_as_it_was_is_said(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch, error: LrsError | None
) -> None:
    """The files in it come all the same."""

    def make_directory(_key: str, _attributes: Any) -> tuple[str, ...]:
        if error:
            raise error
        return ("owner 7:7",)

    monkeypatch.setattr(target, "make_directory", make_directory)
    restorer, report, notes = _restorer(folder, target), Report(source="", target=""), Notes()
    restorer.apply(restorer.plan(Silent()), ApplyOptions(workers=2, timeout=0), report, notes)
    assert {outcome.result for outcome in report.outcomes} == {Result.CREATED}
    assert len(notes.said) == 3
    assert all(("not yours" if error else "could not be set: owner 7:7") in line for line in notes.said)


def test_a_batch_is_synced_once_before_its_files_have_their_names(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, commit, fill = Local.sync, LocalUpload.commit, LocalUpload.fill

    def noted(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            result = act(*arguments, **named)
            done.append(name)
            return result

        return run

    monkeypatch.setattr(Local, "batch", 10)
    monkeypatch.setattr(Local, "sync", noted("sync", sync))
    monkeypatch.setattr(LocalUpload, "commit", noted("commit", commit))
    restorer = _restorer(folder, target)
    plan = restorer.plan(Silent())
    monkeypatch.setattr(LocalUpload, "fill", noted("fill", fill))
    _apply(restorer, plan)
    ten = [*["fill"] * 10, "sync", *["commit"] * 10]
    assert done == [*ten, *ten, "sync"]


@pytest.mark.parametrize("when", ["fill", "sync", "commit"])
def test_a_storage_that_is_lost_leaves_no_parts(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Its parts can still be removed here, as when one write in the middle takes too long."""
    kind: Any = Local if when == "sync" else LocalUpload
    act, left = getattr(kind, when), [1 if when == "sync" else 5]

    def failing(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] < 0 or when == "sync":
            raise UnreachableError("lost")
        return act(*arguments, **named)

    restorer = _restorer(folder, target)
    plan = restorer.plan(Silent())
    monkeypatch.setattr(kind, when, failing)
    monkeypatch.setattr(Local, "is_alive", lambda _self: False)
    report = Report(source="", target="")
    with pytest.raises(UnreachableError, match="lost"):
        restorer.apply(plan, ApplyOptions(workers=2, timeout=10), report, Silent())
    assert not {each.result for each in report.outcomes} - {Result.CREATED, Result.FAILED}
    names = [name for _, _, names in os.walk(target.root) for name in names]
    assert [name for name in names if is_unfinished(name)] == [] or when == "commit"
    assert len(_content(target)) == sum(each.result is Result.CREATED for each in report.outcomes)


def test_a_run_that_is_stopped_in_mid_batch_leaves_no_parts(
    folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Cancel()
    sync = Local.sync
    monkeypatch.setattr(Local, "sync", lambda self: (stop.set(), sync(self)))
    restorer = _restorer(folder, target, stop=stop)
    report = _apply(restorer)
    names = [name for _, _, names in os.walk(target.root) for name in names]
    assert [name for name in names if is_unfinished(name)] == []
    assert len(names) == len(report.outcomes) < len(FILES)


def test_steps_that_are_taken_out_of_a_plan_are_not_done(folder: SealedFolder, target: Local) -> None:
    plan = _restorer(folder, target).plan(Silent())
    half = StorePlan(store=plan.store, target=plan.target, steps=plan.steps[::2])
    report = _apply(_restorer(folder, target), half)
    assert _content(target).keys() == _results(report).keys() == {step.name for step in plan.steps[::2]}


# ---- file systems of other habits


def test_one_that_has_no_modes(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """As vfat, or a share with fixed ones: the call says yes, and nothing is changed."""
    monkeypatch.setattr(os, "fchmod", lambda _descriptor, _mode: None)
    report = _apply(_restorer(folder, target))
    assert {(each.result, each.message) for each in report.outcomes} == {
        (Result.ALTERED, "altered by the storage: mode 600, not 640")
    }
    assert report.exit_code() == 3
    assert {each.action for each in _restorer(folder, target).plan(Silent()).steps} == {Action.CONFLICT}


def test_one_that_refuses_modes_says_so(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_descriptor: int, _mode: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchmod", refused)
    report = _apply(_restorer(folder, target))
    assert {(each.result, each.message) for each in report.outcomes} == {(Result.CREATED, "could not be set: mode 640")}


def test_one_that_takes_an_owner_and_keeps_another(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    index = saved.read(folder)
    assert index is not None
    first = index.entries[0]
    changed = replace(first, attributes={**first.attributes, "uid": 1234, "gid": 2345})
    index = replace(index, entries=[changed, *index.entries[1:]])
    monkeypatch.setattr(os, "fchown", lambda _descriptor, _uid, _gid: None)
    restorer = FilesRestorer(folder, index, Storage(target), workers=1, stop=Cancel())
    outcome = next(each for each in _apply(restorer).outcomes if each.name == first.path)
    assert outcome.result is Result.ALTERED
    assert "owner" in outcome.message
    assert "group" in outcome.message


def test_one_without_hard_links(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **_named: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    plan = _restorer(folder, target).plan(Silent())
    put(target, "d0/f00", b"meanwhile", replace=True)
    results = _results(_apply(_restorer(folder, target), plan))
    assert results.pop("d0/f00") is Result.CONFLICT
    assert set(results.values()) == {Result.CREATED}
    assert _content(target) == {**FILES, "d0/f00": b"meanwhile"}


def test_one_that_cuts_names_short(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def short(source: str, name: str, **named: Any) -> None:
        link(source, name[:2], **named)

    monkeypatch.setattr(os, "link", short)
    report = _apply(_restorer(folder, target))
    assert Result.CREATED not in _results(report).values()
    assert any("not there" in each.message for each in report.outcomes)


@pytest.mark.parametrize("what", ["content", "size", "beside"])
def test_one_whose_answer_is_not_what_it_has_taken(folder: SealedFolder, what: str) -> None:
    class Other(Memory):
        """It says yes, and keeps something else."""

        def place(self, key: str, data: bytes, attributes: Any, *, replace: bool) -> Written:
            data = {"content": data[:-1] + b"?", "size": data + b"?", "beside": data}[what]
            written = super().place(key, data, {**attributes, **({"mode": 0} if what == "beside" else {})}, replace=replace)
            return Written(written.stat, is_proven=what != "content")

    backend = Other(keeps=frozenset(("mode",)))
    assert set(_results(_apply(_restorer(folder, backend))).values()) == {Result.ALTERED}
    assert {each.action for each in _restorer(folder, backend).plan(Silent()).steps} == {Action.CONFLICT}


# ---- what does not say whether it is there


def test_nothing_is_created_in_a_directory_that_cannot_be_listed(folder: SealedFolder) -> None:
    class Closed(Memory):
        def list(self, prefix: str = "", *, after: str = "", skipped: Any = None) -> Any:
            skipped("d1", Skipped.UNREADABLE, DeniedError("closed"))
            return super().list(prefix, after=after)

    steps = _restorer(folder, Closed(keeps=frozenset())).plan(Silent()).steps
    by_action = {action: {step.name[:2] for step in steps if step.action is action} for action in Action}
    assert by_action[Action.CREATE] == {"d0", "d2"}
    assert by_action[Action.CONFLICT] == {"d1"}
    assert {step.reason for step in steps if step.action is Action.CONFLICT} == {"it cannot be told whether it is there: closed"}


@pytest.mark.parametrize("error", [DeniedError("403"), LrsError("odd"), UnreachableError("503")])
def test_one_that_cannot_be_compared_is_a_conflict_and_the_others_go_on(folder: SealedFolder, error: LrsError) -> None:
    class Odd(Memory):
        def read(self, wanted: Stat, sink: Any) -> Any:
            if wanted.key == "d0/f00":
                raise error
            return super().read(wanted, sink)

    backend = Odd(keeps=frozenset())
    put(backend, "d0/f00", FILES["d0/f00"])
    plan = _restorer(folder, backend, Existing.REPLACE).plan(Silent())
    assert {step.name for step in plan.steps if step.action is Action.CONFLICT} == {"d0/f00"}
    assert plan.counts()[Action.CREATE] == len(FILES) - 1


def test_one_that_was_changed_since_the_plan_is_not_replaced(folder: SealedFolder, target: Local) -> None:
    for key in FILES:
        put(target, key, b"another")
    plan = _restorer(folder, target, Existing.REPLACE).plan(Silent())
    assert {step.action for step in plan.steps} == {Action.REPLACE}
    put(target, "d0/f00", b"a third", replace=True)
    target.delete("d0/f03")
    results = _results(_apply(_restorer(folder, target, Existing.REPLACE), plan))
    assert results.pop("d0/f00") is Result.CONFLICT
    assert set(results.values()) == {Result.REPLACED}
    assert _content(target) == {**FILES, "d0/f00": b"a third"}


def test_batches_are_bounded_by_bytes(folder: SealedFolder, target: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "BATCH_BYTES", 25)
    steps = _restorer(folder, target).plan(Silent()).of(apply.FileStep)
    batches = list(apply._batches(steps, 256))
    assert [step for batch in batches for step in batch] == steps
    assert all(len(batch) == 1 or sum(step.bytes for step in batch) <= 25 for batch in batches)
    assert len(batches) >= 10
