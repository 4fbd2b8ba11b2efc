"""One saved LRS held against the live one: what is to happen, for each policy, and as a patch that touches nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_lrs.model.existing import Existing
from kubectl_lrs.model.plan import Action
from kubectl_lrs.stores.lrs.decide import LiveLrs, LrsStep, Rules, decide, json_patch, with_finalizers
from kubectl_lrs.stores.lrs.saved import StoredLrs
from tests.builders.fake_kube import LRS, FakeKube

SAVED: dict[str, Any] = {
    "apiVersion": "lrs.datarobot.com/v1",
    "kind": "LRS",
    "metadata": {"namespace": "n", "name": "a", "labels": {"datarobot-lrs-type": "deployment"}},
    "spec": {"image": "i", "none": None, "a/b~c": 1},
}


def _live(changes: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    made = copy.deepcopy(SAVED)
    made["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1, **metadata}
    made["spec"] |= changes or {}
    made["status"] = {"phase": "Running"}
    return made


def _decided(
    live: dict[str, Any] | None, existing: Existing = Existing.SKIP, saved: dict[str, Any] = SAVED, **rules: Any
) -> LrsStep:
    known = LiveLrs(FakeKube([live] if live else []), LRS)  # type: ignore[arg-type]
    known.read(["n"])
    return decide(StoredLrs(saved, (), None, sum=b"s"), known, Rules(existing=existing, **rules))


def test_what_is_not_there_is_created_and_what_is_equal_stays() -> None:
    assert _decided(None).action is Action.CREATE
    assert _decided(_live()).action is Action.UNCHANGED
    assert _decided(_live(labels={**SAVED["metadata"]["labels"]}, annotations={}, finalizers=[])).action is Action.UNCHANGED
    waiting = _decided(_live(deletionTimestamp="now"))
    assert (waiting.action, waiting.reason) == (Action.CREATE, "when the one that is being deleted is gone")


@pytest.mark.parametrize(
    ("existing", "action"),
    [
        (Existing.SKIP, Action.CONFLICT),
        (Existing.FAIL, Action.CONFLICT),
        (Existing.UPDATE, Action.UPDATE),
        (Existing.REPLACE, Action.REPLACE),
        (Existing.RECREATE, Action.RECREATE),
    ],
)
def test_what_differs(existing: Existing, action: Action) -> None:
    step = _decided(_live({"image": "j", "more": 1}), existing)
    assert step.action is action
    assert (step.uid, step.resource_version, step.sum) == ("u", "7", b"s")
    assert {change.field for change in step.diff} == {"spec.image", "spec.more"}
    assert step.kept == ("spec.more",)


def test_what_only_the_live_one_has_is_no_update() -> None:
    kept = _decided(_live({"more": 1}), Existing.UPDATE)
    assert (kept.action, kept.reason) == (Action.UNCHANGED, "only the live object has: spec.more")
    assert _decided(_live(annotations={}, labels={**SAVED["metadata"]["labels"]}), Existing.UPDATE).reason == ""
    assert _decided(_live({"more": 1}), Existing.REPLACE).action is Action.REPLACE


@pytest.mark.parametrize("existing", Existing)
def test_what_the_server_would_refuse_is_not_begun(existing: Existing) -> None:
    step = _decided(_live({"image": "j"}), existing, problems=lambda _manifest: "refused")
    assert step.action is Action.CONFLICT
    assert _decided(None, existing, problems=lambda _manifest: "refused").reason == "refused"


def test_what_is_not_restored_is_not_looked_at() -> None:
    skipped = _decided(_live({"image": "j"}), Existing.RECREATE, skipped_types={"deployment": "why"})
    assert (skipped.action, skipped.reason) == (Action.SKIP, "why")
    assert _decided(None, unusable={"n": "it goes"}).reason == "it goes"
    alone = {"left_alone": lambda _manifest: (Action.SKIP, "activate brings it back")}
    assert _decided(_live({"image": "j"}), Existing.RECREATE, **alone).reason == "activate brings it back"
    assert _decided(_live(), **alone).action is Action.UNCHANGED


def test_finalizers_of_the_live_one_are_kept_where_it_stays() -> None:
    live = _live({"image": "j"}, finalizers=["theirs"])
    assert [change.field for change in _decided(live, Existing.REPLACE).diff] == ["spec.image"]
    refused = _decided(live, Existing.RECREATE, recreate_refused="nobody is awake")
    assert (refused.action, refused.reason) == (Action.CONFLICT, "nobody is awake")
    both = with_finalizers({"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["b", "c"]}})
    assert both["metadata"]["finalizers"] == ["b", "c", "a"]
    assert with_finalizers(SAVED, _live()) is SAVED


def test_the_patch_sets_what_the_backup_has_and_takes_nothing_away() -> None:
    step = _decided(_live({"image": "j", "none": 1, "a/b~c": 2, "more": 1}), Existing.UPDATE)
    assert json_patch(step) == [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "replace", "path": "/spec/image", "value": "i"},
        {"op": "replace", "path": "/spec/none", "value": None},
        {"op": "replace", "path": "/spec/a~1b~0c", "value": 1},
    ]
    live = _live()
    del live["spec"]["none"]
    assert json_patch(_decided(live, Existing.UPDATE))[1:] == [{"op": "add", "path": "/spec/none", "value": None}]


def test_which_live_ones_have_owners() -> None:
    owned = _live(ownerReferences=[{"uid": "o1"}, {"uid": "o2"}])
    kube: Any = FakeKube([owned, {**_live(), "metadata": {**_live()["metadata"], "name": "free"}}])
    known = LiveLrs(kube, LRS, with_owners=True)
    known.read(["n", "empty"])
    assert {key: each.owners for key, each in known.owned.items()} == {("n", "a"): ({"uid": "o1"}, {"uid": "o2"})}
    assert known.seen("n", "free") is not None
    assert known.seen("n", "nobody") is None
    assert known.fetch("n", "nobody") is None
