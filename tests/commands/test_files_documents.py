"""Files that Mongo documents refer to, through the command line: found by path, by id, by folder; missing ones are said."""

from __future__ import annotations

import json
from pathlib import Path

import bson

from tests.builders import stored
from tests.builders.mongo_fixtures import App
from tests.conftest import Cli, Crd

WORKSPACE = bson.ObjectId("65f0c0ffee0123456789ab00")
ELSEWHERE = "65f0c0ffee0123456789ffff"


def _fill(app: App, ground: stored.Ground) -> dict[str, bytes]:
    """What belongs; beside it lies what does not."""
    ours = {
        f"runtime/{stored.APP}/state.json": b"{}",
        "catalog/ws/main.py": b"print(1)",
        "catalog/ws/README.md": b"# hi",
        f"sources/{WORKSPACE}.tar.gz": b"\x1f\x8b",
        "folders/of/one/deep/file": b"deep",
    }
    ground.fill({**ours, f"runtime/{ELSEWHERE}/state.json": b"not ours", "loose/file": b"not ours"})
    app.fill(3)
    app.db.custom_applications.insert_one({"_id": bson.ObjectId(stored.APP), "name": "app"})
    app.db.workspace_items.insert_many(
        [
            {"_id": WORKSPACE, "files": [{"path": "catalog/ws/main.py"}, {"path": "catalog/ws/README.md"}]},
            {"files": [{"path": "catalog/ws/gone.py"}], "folder": "folders/of/one/"},
            {"files": [], "owner": bson.ObjectId(ELSEWHERE), "mimeType": "text/plain"},
        ]
    )
    return ours


def test_what_documents_refer_to(app: App, crd: Crd, namespace: str, cli: Cli, tmp_path: Path) -> None:
    ground = stored.mount(tmp_path)
    ours = _fill(app, ground)
    flags = ("-n", namespace, "--mongo", "complete", "--files", "copy", *ground.reached, "--name", "docs", "-o", "json")
    done = cli.run("backup", *flags, env=app.environment)
    assert done.returncode == 3, done.stderr
    catalog = json.loads(done.stdout)
    (missing,) = catalog["missing"]
    assert (missing["store"], missing["kind"], missing["name"]) == ("files", "file", "catalog/ws/gone.py")
    assert missing["where"].startswith("workspace_items ")
    assert catalog["tiers"]["files"]["foundBy"] == {"folder": 1, "id": 2, "path": 2}
    assert catalog["tiers"]["files"]["others"] == 2
    listed = {each["path"]: each for each in json.loads((cli.directory / "docs" / "files.json").read_text())["files"]}
    assert listed.keys() == ours.keys()
    main = listed["catalog/ws/main.py"]
    assert (main["source"], main["document"], main["field"]) == ("workspace_items", str(WORKSPACE), "files[].path")
    assert listed[f"runtime/{stored.APP}/state.json"]["source"] == "custom_applications"
    before = app.everything()
    ground.empty()
    app.drop()
    cli.ok("restore", "docs", "--tier", "mongo,files", *ground.reached, "--yes", env=app.environment)
    assert ground.content() == ours
    assert app.everything() == before
