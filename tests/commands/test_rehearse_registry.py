"""`rehearse --scratch-repository`: images are pushed into a real registry, read back, and go again; nobody else's do."""

from __future__ import annotations

import base64
import json
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.front import Front, Trouble
from tests.bed.loader import PATIENCE
from tests.bed.registry import PASSWORD, USER, Registry
from tests.builders import imagery
from tests.conftest import Cli, Crd, _Installed

SPACE = "images-rehearsal"
PATH = "lrs/scratch"
LARGE = 256 << 10


@dataclass
class Bed:
    """A backup of images, the registry that they are of, and an empty one."""

    cli: Cli
    made: dict[str, images.Image]
    source: Registry
    scratch: Registry
    front: Front

    def run(self, *flags: str, host: str = "", code: int = 0) -> dict[str, Any]:
        done = self.cli.run(*self.words(*flags, host=host))
        assert done.returncode == code, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def words(self, *flags: str, host: str = "") -> tuple[str, ...]:
        where = f"{host or self.scratch.host}/{PATH}"
        return ("rehearse", "saved", "--tier", "images", "--scratch-repository", where, "-o", "json", *flags)

    def refused(self, *flags: str) -> str:
        done = self.cli.run("rehearse", "saved", *flags)
        assert done.returncode == 2, done.stdout + done.stderr
        return done.stderr

    def start(self) -> subprocess.Popen[str]:
        return self.cli.start(*self.words(host=self.front.host))

    def left(self, registry: Registry | None = None) -> list[str]:
        """The tags, and the manifests of the backup, that the repository has."""
        there = registry or self.scratch
        digests = {digest for image in self.made.values() for digest in image.manifests}
        found = [each for each in digests if there.call("GET", f"/v2/{PATH}/manifests/{each}", headers=ACCEPT)[0] == 200]
        return sorted([*there.tags(PATH), *found])


ACCEPT = {"Accept": ", ".join(each for kind in images.TYPES.values() for each in kind.values())}


def part(report: dict[str, Any]) -> dict[str, int]:
    (tier,) = report["tiers"]
    return {verdict: count for verdict, count in tier["counts"].items() if count}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("source")) as running:
        yield running


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("scratch")) as running:
        yield running


@pytest.fixture(scope="module")
def crd(plane: ControlPlane) -> Crd:
    return _Installed.ensure(plane, loader.CRDS / "v1alpha1-lrs.yaml")


@pytest.fixture(scope="module")
def saved(plane: ControlPlane, crd: Crd, source: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A backup of five images, one of them larger, and the LRS that name them."""
    loader.create_namespace(plane, SPACE)
    made = imagery.standard(source)
    made[f"{source.host}/large:five"] = images.image("large", size=LARGE)
    images.push(source, "large", "five", made[f"{source.host}/large:five"])
    every = [imagery.lrs(crd.api_version, crd.kind, SPACE, number, name) for number, name in enumerate(made)]
    loader.create_many(plane, every)
    directory = tmp_path_factory.mktemp("saved")
    Cli(plane.kubeconfig, directory).ok("backup", "-n", SPACE, "--images", "copy", "--name", "saved")
    yield directory, made
    loader.delete_namespace(plane, SPACE, wait=False)


@pytest.fixture
def bed(saved: tuple[Path, dict[str, images.Image]], plane: ControlPlane, source: Registry, scratch: Registry) -> Iterator[Bed]:
    with Front(scratch) as front:
        yield Bed(Cli(plane.kubeconfig, saved[0]), saved[1], source, scratch, front)
    scratch.destroy()


def test_they_come_back_and_go_again_and_what_was_there_stays(bed: Bed) -> None:
    theirs = bed.made[f"{bed.source.host}/{imagery.PREFIX}/base-image:four"]
    images.push(bed.scratch, PATH, "theirs", theirs)
    before = bed.left()
    assert len(before) == 1 + len(theirs.manifests)
    report = bed.run(host=bed.front.host)
    assert (part(report), report["proved"], report["notProved"]) == ({"proved": 5}, True, [])
    assert report["tiers"][0]["findings"] == []
    assert bed.left() == before
    tags = {match[0] for path in bed.front.paths("PUT") if (match := re.search(r"lrs-rehearsal-\d{14}-[0-9a-f]{16}-\d$", path))}
    assert len(tags) == 4  # the fifth is theirs
    assert report["recoverySeconds"] is not None
    shown = bed.cli.ok("rehearse", "saved", "--dry-run", "--scratch-repository", f"{bed.scratch.host}/{PATH}")
    assert f"{bed.scratch.host}/{PATH}" in shown
    assert bed.left() == before


def test_a_registry_that_removes_nothing_says_what_stays(bed: Bed, tmp_path: Path) -> None:
    options = {"storage": {"filesystem": {"rootdirectory": str(tmp_path / "kept/storage")}}}
    with Registry(tmp_path / "kept", options=options) as kept:
        for _ in range(2):
            report = bed.run(host=kept.host)
            assert (part(report), report["proved"]) == ({"proved": 5}, True)
        (finding,) = report["tiers"][0]["findings"]
    assert "manifests stay, such as sha256:" in finding["message"]
    assert "the registry does not remove it: UNSUPPORTED" in finding["message"]


@pytest.mark.campaign
def test_a_tag_that_cannot_be_removed_by_itself_goes_with_its_manifest(bed: Bed) -> None:
    bed.front.troubles.append(Trouble(r"^DELETE .*/manifests/lrs-rehearsal-", times=99, status=405))
    assert bed.run(host=bed.front.host)["proved"]
    assert bed.left() == []


@pytest.mark.campaign
def test_what_somebody_else_names_meanwhile_stays(bed: Bed) -> None:
    held = threading.Event()
    trouble = Trouble(r"^GET .*/blobs/sha256:", held=held)
    bed.front.troubles.append(trouble)
    process = bed.start()
    assert trouble.seen.wait(PATIENCE)
    name, image = next(iter(bed.made.items()))
    images.push(bed.scratch, PATH, "theirs", image)
    held.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    (finding,) = json.loads(out)["tiers"][0]["findings"]
    assert "theirs names it too" in finding["message"], name
    assert bed.scratch.tags(PATH)["theirs"] == image.digest
    assert image.digest in bed.left()


@pytest.mark.campaign
def test_what_comes_back_as_something_else(bed: Bed) -> None:
    blob, data = next(iter(bed.made[f"{bed.source.host}/large:five"].blobs.items()))
    bed.front.troubles.append(Trouble(rf"^GET .*/blobs/{blob}", times=99, body=bytes(len(data))))
    report = bed.run(host=bed.front.host, code=4)
    assert part(report) == {"proved": 4, "differs": 1}
    assert bed.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)])
def test_it_removes_what_it_made_when_it_is_interrupted(bed: Bed, number: signal.Signals) -> None:
    held = threading.Event()
    trouble = Trouble(r"^PUT .*/manifests/lrs-rehearsal-.*-\d$", held=held)
    bed.front.troubles.append(trouble)
    process = bed.start()
    assert trouble.seen.wait(PATIENCE)
    assert bed.scratch.tags(PATH)
    process.send_signal(number)
    held.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert json.loads(out)["interrupted"]
    assert bed.left() == []


def test_the_next_one_removes_what_a_killed_one_has_left_and_nothing_else(bed: Bed) -> None:
    trouble = Trouble(r"^(HEAD|GET) .*/manifests/lrs-rehearsal-.*-\d$", skip=2, held=threading.Event())
    bed.front.troubles.append(trouble)
    process = bed.start()
    assert trouble.seen.wait(PATIENCE)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert trouble.held
    trouble.held.set()
    tags = bed.scratch.tags(PATH)
    mark = min(tags, key=len)
    assert len(tags) > 1
    theirs, moved = f"lrs-rehearsal-20200101000000-{'0' * 16}-1", max(tags)
    for tag in (theirs, moved):  # a tag without a mark, and one of the run's that names something else by now
        images.push(bed.scratch, PATH, tag, images.image("theirs"))
    done = bed.cli.run(*bed.words()[:-2])
    assert done.returncode == 0, done.stderr
    assert f"images: removed {bed.scratch.host}/{PATH}:{mark}, which a killed rehearsal has left" in done.stdout
    assert "nothing says what one has made: left alone" in done.stdout
    assert bed.left() == sorted([theirs, moved])


@pytest.mark.campaign
def test_one_that_is_at_work_is_not_disturbed(bed: Bed) -> None:
    trouble = Trouble(r"^PUT .*/manifests/lrs-rehearsal-.*-\d$", held=threading.Event())
    bed.front.troubles.append(trouble)
    process = bed.start()
    assert trouble.seen.wait(PATIENCE)
    report = bed.run(code=3)
    assert "a rehearsal is at work in it or may be" in report["notProved"][0]
    assert "left alone" in report["earlierRuns"][0]
    assert trouble.held
    trouble.held.set()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert json.loads(out)["proved"]
    assert bed.left() == []


@pytest.mark.campaign
def test_a_registry_that_is_full(bed: Bed) -> None:
    process = bed.scratch._process  # no file of it may become larger than this
    assert process
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LARGE // 2, resource.RLIM_INFINITY))
    report = bed.run(code=3)
    assert part(report) == {"proved": 4, "not proved": 1}
    assert bed.left() == []


def test_a_repository_that_is_in_use_is_refused(bed: Bed, plane: ControlPlane, crd: Crd) -> None:
    before = bed.source.repositories()
    said = bed.refused("--scratch-repository", f"{bed.source.host}/large")
    assert f"the backup names {bed.source.host}/large:five" in said
    other = imagery.lrs(crd.api_version, crd.kind, SPACE, 99, f"{bed.scratch.host}/{PATH}:live")
    loader.create_many(plane, [other])
    try:
        said = bed.refused("--scratch-repository", f"{bed.scratch.host}/{PATH}")
        assert f"LRS {SPACE}/app-99 uses it" in said
        bed.run(host=bed.front.host)  # of another name
    finally:
        plane.api("DELETE", f"{loader.objects_path(crd.api_version, SPACE)}/app-99")
    assert bed.source.repositories() == before


def test_who_may_not_push(bed: Bed, tmp_path: Path) -> None:
    with Registry(tmp_path / "guarded", auth="htpasswd") as guarded:
        report = bed.run(host=guarded.host, code=5)
        assert f"{guarded.host}/{PATH}" in report["notProved"][0]
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded.host: {"auth": login}}}))
        done = bed.cli.run(*bed.words(host=guarded.host), env={"DOCKER_CONFIG": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        assert guarded.tags(PATH) == {}
