"""`diff` of two backups beyond the LRS: documents, images, files and deployments; what is not compared is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import pytest

from tests.bed import images, loader
from tests.bed.controlplane import ControlPlane
from tests.bed.datarobot import DataRobot
from tests.bed.registry import Registry
from tests.builders import imagery
from tests.builders.deployments import ORGANISATION, TOKEN
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

IDS = [bson.ObjectId(f"65f0c0ffee0123456789ab{number:02x}") for number in range(6)]


@dataclass
class Bed:
    """A namespace with one LRS, and something in every store."""

    cli: Cli
    namespace: str
    app: App
    registry: Registry
    storage: Path
    api: DataRobot

    def backup(self, name: str, *flags: str) -> None:
        """Everything, or what the flags say."""
        everything = (
            "--mongo",
            "minimum",
            "--images",
            "inventory",
            "--files",
            "copy",
            "--files-all",
            "--files-url",
            self.storage,
        )
        env = {**self.app.environment, "LRS_DATAROBOT_URL": self.api.url, "LRS_DATAROBOT_API_TOKEN": TOKEN}
        self.cli.ok("backup", "-n", self.namespace, "--name", name, *(flags or everything), env=env)

    def diff(self, *arguments: str, code: int) -> tuple[dict[str, Any], str]:
        """(what it says as JSON, the last line of the table)."""
        done = self.cli.run("diff", *arguments, "-o", "json")
        assert done.returncode == code, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer, self.cli.run("diff", *arguments).stdout


@pytest.fixture
def bed(plane: ControlPlane, crd: Crd, namespace: str, cli: Cli, app_alone: App, tmp_path: Path) -> Iterator[Bed]:
    storage = tmp_path / "storage"
    storage.mkdir()
    (storage / "same").write_text("same")
    (storage / "other").write_text("one")
    for name in ("custom_applications", "longrunningservices"):
        app_alone.db[name].insert_many([{"_id": each, "n": 1} for each in IDS[:3]])
    with Registry(tmp_path / "registry") as registry, DataRobot({TOKEN: ORGANISATION}) as api:
        api.add(1, ORGANISATION, label="churn")
        images.push(registry, "app", "one", images.image("base", "one"))
        loader.create_many(plane, [imagery.lrs(crd.api_version, crd.kind, namespace, 0, f"{registry.host}/app:one")])
        made = Bed(cli, namespace, app_alone, registry, storage, api)
        made.backup("a")
        yield made


def test_nothing_differs_means_all_of_it(bed: Bed) -> None:
    bed.backup("b")
    answer, text = bed.diff("a", "b", code=0)
    assert {each["tier"]: each["counts"]["equal"] for each in answer["stores"]} == {
        "mongo": 8,  # six documents, and what two collections are
        "images": 1,
        "files": 2,
        "deployments": 1,
    }
    assert answer["notCompared"] == []
    assert text.splitlines()[-1] == "a -> b: nothing differs: 1 equal"


def test_every_store_is_told(bed: Bed) -> None:
    """Documents by _id, images by digest, files by sum, deployments by what is known of them."""
    collection = bed.app.db["custom_applications"]
    collection.update_one({"_id": IDS[0]}, {"$set": {"n": 2}})
    collection.delete_one({"_id": IDS[1]})
    collection.insert_one({"_id": IDS[4], "n": 1})
    bed.app.db["longrunningservices"].create_index("n")
    images.push(bed.registry, "app", "one", images.image("base", "another"))
    (bed.storage / "other").write_text("two")  # of the same size
    (bed.storage / "new").write_text("new")
    next(iter(bed.api.deployments.values())).settled = "inactive"
    bed.backup("b")
    answer, text = bed.diff("a", "b", code=4)
    assert answer["differences"] == []
    told = {each["tier"]: {diff["name"]: diff["change"] for diff in each["differences"]} for each in answer["stores"]}
    shown = {number: f'custom_applications/{{"$oid": "{IDS[number]}"}}' for number in (0, 1, 4)}
    assert told["mongo"] == {
        shown[0]: "changed",
        shown[1]: "removed",
        shown[4]: "added",
        "longrunningservices (options and indexes)": "changed",
    }
    assert list(told["images"].values()) == ["changed"]
    assert told["files"] == {"other": "changed", "new": "added"}
    assert list(told["deployments"].values()) == ["changed"]
    assert f"mongo: changed: {shown[0]}" in text
    assert text.splitlines()[-1] == "a -> b: differs: 1 equal"
    names = bed.cli.run("diff", "a", "b", "-o", "name").stdout.splitlines()
    assert "files/other" in names


def test_what_one_of_them_lacks_is_not_the_same(bed: Bed) -> None:
    bed.backup("less", "--mongo", "minimum")
    answer, text = bed.diff("a", "less", code=0)
    assert [each["part"] for each in answer["notCompared"]] == ["images", "files"]
    assert "not compared: files: less does not hold it" in text
    assert text.splitlines()[-1] == "a -> less: nothing that was compared differs: 1 equal"


def test_chosen_lrs_and_the_cluster_say_what_they_leave_out(bed: Bed) -> None:
    bed.backup("b")
    for arguments in (("a", "b", "-n", bed.namespace), ("a", "live")):
        answer, text = bed.diff(*arguments, code=0)
        assert [each["part"] for each in answer["notCompared"]] == ["mongo", "images", "files", "deployments"]
        assert "nothing that was compared differs: 1 equal" in text.splitlines()[-1]


def test_files_that_are_only_listed_are_not_called_equal(bed: Bed) -> None:
    listed = ("--files", "inventory", "--files-all", "--files-url", str(bed.storage))
    bed.backup("one", *listed)
    (bed.storage / "other").write_text("longer than before")
    bed.backup("two", *listed)
    answer, text = bed.diff("one", "two", code=4)
    (files,) = [each for each in answer["stores"] if each["tier"] == "files"]
    assert files["counts"] == {"removed": 0, "added": 0, "changed": 1, "equal": 0, "notCompared": 1}
    assert "1 not compared (no content is told of them)" in text
