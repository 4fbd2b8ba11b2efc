"""Which database and which collections: by what applications need, never guessed between two, and never less than was asked."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_lrs.model.errors import DeniedError, LrsError, UsageError
from kubectl_lrs.stores.mongo.find import DumpOptions, candidates, choose, find_database, restored_database
from kubectl_lrs.stores.mongo.levels import MINIMUM
from kubectl_lrs.stores.mongo.server.info import CollectionInfo


class _Mongo:
    """What a server lists; a database whose value is None may not be looked into."""

    def __init__(self, **databases: list[str] | None) -> None:
        self._databases = databases

    def databases(self) -> list[str]:
        return list(self._databases)

    def names(self, database: str) -> list[str]:
        found = self._databases[database]
        if found is None:
            raise DeniedError("no")
        return found

    def describe(self) -> str:
        return "the server"


def _find(**databases: list[str] | None) -> str:
    return find_database(_Mongo(**databases))  # type: ignore[arg-type]


ALL, SOME = list(MINIMUM), [MINIMUM[0], "other"]


def test_the_one_that_holds_all_of_it() -> None:
    assert _find(x=["a"], MMApp=ALL, old=SOME, admin=ALL, config=ALL, local=ALL, hidden=None) == "MMApp"
    assert _find(only=SOME) == "only", "a part of it is enough where nobody has all"
    assert candidates(_Mongo(a=ALL, b=SOME, c=[])) == (["a"], ["b"])  # type: ignore[arg-type]


def test_that_of_a_rehearsal_is_nobodys_application() -> None:
    """While one is at work, or after one was killed: neither in the way of the application's nor taken for it."""
    scratch = {"lrs_rehearsal_0123456789abcdef": ALL}
    assert _find(MMApp=ALL, **scratch) == "MMApp"
    assert _find(MMApp=SOME, **scratch) == "MMApp"
    assert restored_database(_Mongo(**scratch), "MMApp", "") == "MMApp"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no database"):
        _find(**scratch)
    assert _find(lrs_rehearsal_of_ours=ALL) == "lrs_rehearsal_of_ours", "one that only begins so is somebody's"


@pytest.mark.parametrize(
    ("databases", "said"),
    [({}, "no database"), ({"x": ["a"]}, "no database"), ({"admin": ALL}, "no database"), ({"hidden": None}, "no database"),
     ({"a": ALL, "b": ALL}, "more than one database: a, b"), ({"a": SOME, "b": SOME}, "more than one")],
)  # fmt: skip
def test_none_and_several(databases: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        _find(**databases)
    assert "--mongo-db" in caught.value.hint


def _info(name: str, kind: str = "collection") -> CollectionInfo:
    return CollectionInfo(name=name, kind=kind, options=b"", uuid="")


def _present(*names: str, **kinds: str) -> dict[str, CollectionInfo]:
    return {name: _info(name, kinds.get(name, "collection")) for name in names}


def test_what_is_asked_for_each_once_and_nothing_else() -> None:
    options = DumpOptions(level="minimum", added=("more", MINIMUM[0], "more"))
    selected, lacking = choose(_present(*ALL, "more", "other"), options, "db")
    assert [each.name for each in selected] == [*ALL, "more"]
    assert lacking == []


def test_the_data_of_a_time_series_goes_with_it() -> None:
    options = DumpOptions(level="minimum", added=("series",))
    present = _present(*ALL, "series", "system.buckets.series", series="timeseries")
    assert [each.name for each in choose(present, options, "db")[0]] == [*ALL, "series", "system.buckets.series"]
    del present["system.buckets.series"]
    with pytest.raises(LrsError, match="time series"):
        choose(present, options, "db")


@pytest.mark.parametrize(
    ("present", "options", "said", "hint"),
    [
        ({}, DumpOptions(level="minimum"), "does not exist, or is empty", "--mongo-db"),
        (
            _present(MINIMUM[0]),
            DumpOptions(level="minimum"),
            "which --mongo minimum needs",
            f"--mongo-allow-missing {MINIMUM[1]}",
        ),
        (_present(*ALL), DumpOptions(level="minimum", added=("x",)), "which --mongo-collection names", "there are: "),
        (_present(MINIMUM[0]), DumpOptions(level="minimum", added=("x",)), "needs", "--mongo-allow-missing x"),
    ],
)
def test_what_lacks_is_never_left_out_without_a_word(
    present: dict[str, CollectionInfo], options: DumpOptions, said: str, hint: str
) -> None:
    with pytest.raises(LrsError, match=said) as caught:
        choose(present, options, "db")
    assert hint in caught.value.hint


def test_what_may_lack_is_told() -> None:
    options = DumpOptions(level="minimum", may_lack=(MINIMUM[1],))
    selected, lacking = choose(_present(MINIMUM[0]), options, "db")
    assert ([each.name for each in selected], lacking) == ([MINIMUM[0]], [MINIMUM[1]])
