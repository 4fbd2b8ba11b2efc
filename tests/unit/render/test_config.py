"""Settings as they are shown: what is said stands in the table, the rest in the wide one; no secret stands in either."""

from __future__ import annotations

from kubectl_lrs.commands import config_run
from kubectl_lrs.model.flags import Flag
from kubectl_lrs.model.settings import Origin, Shown
from kubectl_lrs.render.config import settings_view

SETTINGS = [
    Shown("mongo.uri", Flag(names=("--mongo-uri",)), "mongodb://u:hunter2hunter2@h/", Origin.ENVIRONMENT, "LRS_MONGO_URI"),
    Shown("images.exclude", Flag(names=("--exclude-image",)), ("a", "b"), Origin.FILE, "prod.yaml"),
    Shown("files.all", Flag(names=("--files-all",)), True, Origin.FLAG, "--files-all"),
    Shown("files.endpoint", Flag(names=("--files-endpoint",)), "", Origin.DEFAULT, "not the file's, beside --files-url"),
    Shown("cluster.uid", Flag(names=("cluster.uid",)), "", Origin.DEFAULT, ""),
]


def test_what_is_said() -> None:
    view = settings_view(SETTINGS, "prod.yaml", with_origin=True)
    assert view.rows[1:] == [
        ("images.exclude", "a, b", "file", "prod.yaml"),
        ("files.all", "true", "flag", "--files-all"),
        ("files.endpoint", "", "default", "not the file's, beside --files-url"),
    ]
    assert len(view.wide_rows) == len(SETTINGS)
    assert [row[-1] for row in view.wide_rows][-2:] == ["--files-endpoint", ""]
    assert {len(row) for row in view.wide_rows} == {len(view.wide_columns)}
    assert view.after == ("1 settings are at their defaults (-o wide shows them)",)
    assert settings_view(SETTINGS, "", with_origin=False).columns == ("SETTING", "VALUE")


def test_no_secret_is_shown() -> None:
    view = settings_view(SETTINGS, "prod.yaml", with_origin=True)
    assert "hunter2" not in f"{view.data}{view.rows}{view.wide_rows}"


def test_values_for_programs_keep_their_kind() -> None:
    values = {each["key"]: each["value"] for each in settings_view(SETTINGS, "", with_origin=False).data["settings"]}
    assert (values["images.exclude"], values["files.all"], values["cluster.uid"]) == (["a", "b"], True, "")
    assert callable(config_run.run)
