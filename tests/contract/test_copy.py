"""Copying backups between places of every form: the same files, the same identity; what is there stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_lrs.model.catalog import Missing, Origin
from kubectl_lrs.model.errors import DamageError, ExitCode, InterruptedRunError, UnreachableError, UsageError
from kubectl_lrs.model.retention import Rules
from kubectl_lrs.repository import Backup, Repository, open_pruner, open_repository
from kubectl_lrs.repository.base import ALL
from kubectl_lrs.repository.plain.repository import PlainRepository
from kubectl_lrs.repository.plain.sealed import SealedFolder
from kubectl_lrs.repository.plain.writer import FolderWriter
from kubectl_lrs.runtime.progress import Silent
from kubectl_lrs.runtime.trust import OWN
from kubectl_lrs.usecases import copy as module
from kubectl_lrs.usecases.copy import Copying, CopyReport, CopyResult, copy_one, export, is_same
from kubectl_lrs.usecases.prune import plan_prune
from kubectl_lrs.usecases.repository import make
from tests.builders.sealing import nights, sealed, told

FORMS = ("plain", "pooled")
FILES = {
    "files/empty": b"",
    "files/small": b"small" * 100,
    "files/twice": b"small" * 100,
    "files/one-mebibyte": bytes(1 << 20),
    "files/more": bytes(range(256)) * 5000,
    "images/large": os.urandom(3 << 20),
}


def place(path: Path, form: str) -> Repository:
    """An empty one."""
    if form == "pooled":
        make(str(path))
    else:
        path.mkdir(mode=0o700)
    return open_repository(str(path))


def _work(writer: FolderWriter) -> None:
    for path, data in FILES.items():
        writer.write(path, data)


@pytest.fixture
def plain(folder: Path) -> Path:
    """A folder with one backup of all sizes."""
    path = folder / "backups"
    path.mkdir(mode=0o700)
    sealed(path, _work, "one", others={"files": {"files": len(FILES)}})
    return path


def copied(source: Repository, target: Repository, *names: str) -> CopyReport:
    """What became of these, or all."""
    copying = Copying(source=source, target=target, progress=Silent())
    return copying.run(copying.chosen(names))


def content(backup: Backup) -> dict[str, bytes]:
    found = {}
    for path in backup.paths():
        with backup.reading(path) as file:
            found[path] = file.read()
    return found


@pytest.fixture(params=FORMS)
def first(request: pytest.FixtureRequest, plain: Path, folder: Path) -> Repository:
    """The backup in a place of each form."""
    source = open_repository(str(plain))
    if request.param == "plain":
        return source
    target = place(folder / "first", "pooled")
    assert copied(source, target).exit_code() is ExitCode.DONE
    return open_repository(str(folder / "first"))


@pytest.mark.parametrize("form", FORMS)
def test_from_each_form_to_each(first: Repository, folder: Path, form: str) -> None:
    target = place(folder / "second", form)
    report = copied(first, target)
    assert [each.result for each in report.outcomes] == [CopyResult.COPIED]
    before, after = first.find("one"), open_repository(str(folder / "second")).find("one")
    assert content(after) == FILES
    assert after.identity == before.identity
    assert is_same(before, after)
    assert [*after.sums()] == [*before.sums()]
    assert not list(after.damages(share=ALL))
    assert report.outcomes[0].location == after.location
    assert sum(report.outcomes[0].stored[f"{kind}Files"] for kind in ("new", "linked")) == len(FILES)


def test_copies_of_old_ones_are_as_old_as_they_were(folder: Path) -> None:
    """The storage has them from today; a prune of the pool judges them by their own instants all the same."""
    nights(folder / "old", 12)
    target = place(folder / "pool", "pooled")
    assert copied(open_repository(str(folder / "old")), target).exit_code() is ExitCode.DONE
    plan = plan_prune(open_pruner(str(folder / "pool"), OWN), Rules(last=3))
    assert [each.found.doubt for each in plan.steps] == [""] * 12
    assert {each.name for each in plan.steps if each.is_kept} == {"night-0", "night-1", "night-2"}


@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_there_is_left(first: Repository, folder: Path, form: str) -> None:
    place(folder / "second", form)
    there = lambda: open_repository(str(folder / "second"))  # noqa: E731
    copied(first, there())
    before = {path: path.stat().st_mtime_ns for path in (folder / "second").rglob("*")}
    report = copied(first, there())
    assert [each.result for each in report.outcomes] == [CopyResult.THERE]
    assert report.exit_code() is ExitCode.DONE
    assert {path: path.stat().st_mtime_ns for path in (folder / "second").rglob("*")} == before


@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_there_and_lacks_something_is_not_said_to_be_there(first: Repository, folder: Path, form: str) -> None:
    place(folder / "second", form)
    there = lambda: open_repository(str(folder / "second"))  # noqa: E731
    copied(first, there())
    (large,) = (each for each in (folder / "second").rglob("*") if each.is_file() and each.stat().st_size == 3 << 20)
    large.unlink()
    (outcome,) = copied(first, there()).outcomes
    assert outcome.result is CopyResult.FAILED
    assert isinstance(outcome.error, DamageError)


def test_one_that_is_there_without_its_list_is_not_said_to_be_there(first: Repository, folder: Path) -> None:
    copied(first, open_repository(str(folder / "second")))
    (folder / "second" / "one" / "SHA256SUMS").unlink()
    for source, target in ((str(folder / "second"), "third"), (first.location, "second")):
        (outcome,) = copied(open_repository(source), open_repository(str(folder / target))).outcomes
        assert isinstance(outcome.error, DamageError)


def test_what_others_saved_is_not_exported_in_a_form_that_cannot_say_so(plain: Path, folder: Path) -> None:
    origin = Origin(program="mongodump", location="/there", dated="by the time of its files")
    backup = told(SealedFolder.open(plain / "one"), origin=origin)
    with pytest.raises(UsageError, match="made from mongodump /there"):
        export(backup, folder / "out", format_version=1, progress=Silent())
    assert not (folder / "out").exists()
    export(backup, folder / "out", progress=Silent())


@pytest.mark.parametrize("form", FORMS)
def test_what_lies_in_the_current_directory_is_not_there(
    first: Repository, folder: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the backups that are copied lie in it, or others of their names do."""
    here = folder / "here"
    if isinstance(first, PlainRepository):
        monkeypatch.chdir(first.path)
    else:
        nights(here, 1)
        (here / "night-0").rename(here / first.names()[0].rpartition("/")[2])
        monkeypatch.chdir(here)
    target = place(folder / "target", form)
    report = copied(first, target)
    assert [each.result for each in report.outcomes] == [CopyResult.COPIED]
    assert len(target.names()) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", ["other content", "another instant"])
def test_another_one_of_that_name_is_refused(first: Repository, folder: Path, form: str, what: str) -> None:
    other = folder / "other"
    other.mkdir(mode=0o700)
    if what == "other content":
        sealed(other, lambda writer: writer.write("files/x", b"x"), "one", others={"files": {"files": 1}})
    else:
        sealed(other, _work, "one", others={"files": {"files": len(FILES)}})
    place(folder / "second", form)
    copied(open_repository(str(other)), open_repository(str(folder / "second")))
    identity = open_repository(str(folder / "second")).find("one").identity
    report = copied(first, open_repository(str(folder / "second")))
    assert [each.result for each in report.outcomes] == [CopyResult.REFUSED]
    assert report.exit_code() is ExitCode.USAGE
    assert "another backup has this name" in str(report.outcomes[0].error)
    assert open_repository(str(folder / "second")).find("one").identity == identity
    assert open_repository(str(folder / "second")).names() == ["one"]


def test_many_share_what_is_the_same(folder: Path) -> None:
    nights(folder / "backups", 4)
    place(folder / "pool", "pooled")
    report = copied(open_repository(str(folder / "backups")), open_repository(str(folder / "pool")))
    assert [each.name for each in report.outcomes] == ["night-3", "night-2", "night-1", "night-0"]
    assert [each.stored["linkedBytes"] for each in report.outcomes] == [0, 10_000, 10_000, 10_000]
    back = place(folder / "back", "plain")
    assert copied(open_repository(str(folder / "pool")), back, "night-1").exit_code() is ExitCode.DONE
    assert back.names() == ["night-1"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["files/small", "images/large"])
def test_damage_is_not_sealed_again(plain: Path, folder: Path, form: str, path: str) -> None:
    file = plain / "one" / path
    file.chmod(0o600)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    target = place(folder / "second", form)
    report = copied(open_repository(str(plain)), target)
    assert report.exit_code() is ExitCode.DIFFERENCE
    assert path in str(report.outcomes[0].error)
    assert target.names() == []


def test_a_list_of_sums_that_was_changed_is_not_followed(plain: Path, folder: Path) -> None:
    sums = plain / "one" / "SHA256SUMS"
    sums.chmod(0o600)
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DamageError, match="not the one that was sealed"):
        copy_one(SealedFolder.open(plain / "one"), place(folder / "second", "plain"), "one", progress=Silent())


def _first_format(folder: SealedFolder) -> SealedFolder:
    """As version 0.1.0 wrote it: sums in another order than theirs."""
    path = folder.path / "SHA256SUMS"
    path.chmod(0o600)
    data = "".join(reversed(path.read_text().splitlines(keepends=True))).encode()
    path.write_bytes(data)
    return told(folder, format_version=1, sums_sha256=hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("form", FORMS)
def test_what_version_0_1_0_wrote(plain: Path, folder: Path, form: str) -> None:
    missing = (Missing(store="files", reason="files: reports: q3/app.py"),)
    before = _first_format(told(SealedFolder.open(plain / "one"), missing=missing))
    assert isinstance(json.loads((before.path / "backup.json").read_text())["missing"][0], str)
    place(folder / "second", form)
    assert copied(open_repository(str(plain)), open_repository(str(folder / "second"))).exit_code() is ExitCode.DONE
    after = open_repository(str(folder / "second")).find("one")
    assert content(after) == FILES
    assert after.identity == before.identity
    assert after.catalog.missing == before.catalog.missing
    report = copied(open_repository(str(plain)), open_repository(str(folder / "second")))
    assert [each.result for each in report.outcomes] == [CopyResult.THERE]


@pytest.mark.parametrize("format_version", [1, 2])
def test_an_exported_folder_is_read_by_common_tools(first: Repository, folder: Path, format_version: int) -> None:
    location, catalog = export(first.find("one"), folder / "out", format_version=format_version, progress=Silent())
    assert (location, catalog.format_version) == (str(folder / "out"), format_version)
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder / "out", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert {path: (folder / "out" / path).read_bytes() for path in FILES} == FILES
    document = json.loads((folder / "out" / "backup.json").read_text())
    own = document.pop("sha256")
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    assert hashlib.sha256(text.encode()).hexdigest() == own
    assert hashlib.sha256((folder / "out" / "SHA256SUMS").read_bytes()).hexdigest() == document["sums"]["sha256"]
    assert document["formatVersion"] == format_version
    assert ("stored" in document) == (format_version > 1)
    assert not list(SealedFolder.open(folder / "out").damages())


def test_format_1_says_what_is_missing_in_sentences(plain: Path, folder: Path) -> None:
    lost = Missing(store="files", kind="file", name="a: b", reason="gone", where="app", is_absent=True)
    backup = told(SealedFolder.open(plain / "one"), missing=(lost,))
    export(backup, folder / "out", format_version=1, progress=Silent())
    assert json.loads((folder / "out" / "backup.json").read_text())["missing"] == ["files: file a: b: gone, referred to by app"]


def _exists(folder: Path) -> Path:
    (folder / "out").mkdir()
    return folder / "out"


def _dangling(folder: Path) -> Path:
    (folder / "out").symlink_to("nowhere")
    return folder / "out"


def _no_name(folder: Path) -> Path:
    return folder / "-out"


def _hidden(folder: Path) -> Path:
    return folder / ".out"


def _latest(folder: Path) -> Path:
    return folder / "latest"


def _no_parent(folder: Path) -> Path:
    return folder / "nowhere" / "else" / "out"


@pytest.mark.parametrize("where", [_exists, _dangling, _no_name, _hidden, _latest, _no_parent], ids=lambda each: each.__name__)
def test_a_place_that_nothing_is_exported_to(plain: Path, folder: Path, where: Callable[[Path], Path]) -> None:
    with pytest.raises(UsageError):
        export(SealedFolder.open(plain / "one"), where(folder), progress=Silent())


def test_both_the_same_place(plain: Path) -> None:
    with pytest.raises(UsageError, match="the same place"):
        copied(open_repository(str(plain)), open_repository(f"{plain}/../{plain.name}"))


def test_a_name_that_is_none(plain: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        copied(open_repository(str(plain)), place(folder / "second", "plain"), "two")


def test_of_several_each_has_its_outcome(folder: Path) -> None:
    nights(folder / "backups", 3)
    rotten = folder / "backups" / "night-1" / "files" / "own"
    rotten.chmod(0o600)
    rotten.write_bytes(b"rotten")
    report = copied(open_repository(str(folder / "backups")), place(folder / "second", "pooled"))
    assert [each.result.value for each in report.outcomes] == ["copied", "failed", "copied"]
    assert report.exit_code() is ExitCode.PARTIAL


@pytest.mark.parametrize("error", [UnreachableError("the storage is away"), InterruptedRunError("interrupted")])
def test_what_ends_all_leaves_the_rest_untried(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    nights(folder / "backups", 3)
    real, tried = copy_one, []

    def breaks(backup: Backup, *arguments: object, **more: object) -> object:
        tried.append(backup.name)
        if len(tried) == 2:
            raise error
        return real(backup, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "copy_one", breaks)
    report = copied(open_repository(str(folder / "backups")), place(folder / "second", "plain"))
    assert [each.result.value for each in report.outcomes] == ["copied", "failed", "not tried"]
    assert report.exit_code() in (ExitCode.PARTIAL, ExitCode.INTERRUPTED)


def test_an_interruption_leaves_no_backup(plain: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place(folder / "second", "pooled")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_have", interrupted)
    report = copied(open_repository(str(plain)), target)
    assert report.exit_code() is ExitCode.INTERRUPTED
    assert target.names() == []
