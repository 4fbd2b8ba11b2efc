"""Images of a spec under another registry: what is rewritten, and that nothing else is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.mapping import map_images, registry_map, unmapped
from kubectl_lrs.stores.common.image_names.reference import parse
from kubectl_lrs.stores.common.mentions import strings
from tests.unit.stores.common.image_names.test_reference import READ, SHA

LRS: dict[str, Any] = {
    "apiVersion": "x/v1",
    "kind": "L",
    "metadata": {"name": "app", "namespace": "n", "annotations": {"image": "old.io/a:1"}},
    "spec": {
        "image": "old.io/managed-image:1",
        "none": None,
        "numbers": [1, 2.5, {"big": 2**63}],
        "containers": [{"image": f"OLD.io/deep/x:2@{SHA}"}, {"image": "python"}, {"image": "old.io.evil/x:1"}],
        "env": {"BUILDER_IMAGE": "old.io/b", "URL": "https://old.io/v2/", "HOST": "bold.io", "LIKE": "old.io.evil"},
        "args": ["old.io/x/base-image:3", "--from=old.io/c:1", "docker.io/library/python:3"],
    },
}


def test_images_of_a_spec_are_mapped_and_nothing_else() -> None:
    before = copy.deepcopy(LRS)
    mapping = registry_map(["old.io=new.example.com:5000/p", "old.io/deep=deep.io", "docker.io=mirror.io"])
    made = map_images(LRS, mapping)
    assert before == LRS
    wanted = copy.deepcopy(LRS)
    wanted["spec"]["image"] = "new.example.com:5000/p/managed-image:1"
    wanted["spec"]["containers"][0]["image"] = f"deep.io/x:2@{SHA}"
    wanted["spec"]["containers"][1]["image"] = "mirror.io/library/python"
    wanted["spec"]["env"]["BUILDER_IMAGE"] = "new.example.com:5000/p/b"
    wanted["spec"]["args"][0] = "new.example.com:5000/p/x/base-image:3"
    assert made == wanted
    assert list(made["spec"]) == list(LRS["spec"]), "in their order"
    left = [text for _, text in unmapped(strings(LRS), mapping, is_lrs=True)]
    assert left == ["old.io/a:1", "https://old.io/v2/", "--from=old.io/c:1", "docker.io/library/python:3"]
    assert not [text for _, text in unmapped(strings(made["spec"], "spec"), registry_map(["gone.io=x.io"]), is_lrs=True)]


def test_what_needs_no_mapping_is_the_same_object() -> None:
    assert map_images(LRS, registry_map(["gone.io=new.io"])) is LRS
    assert map_images(LRS, registry_map([])) is LRS


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=10,
    )
)
def test_mapping_leaves_everything_else(spec: Any) -> None:
    manifest = {"metadata": {}, "spec": spec}
    assert map_images(manifest, registry_map(["gone.example.com=new.io"])) == manifest


@given(st.sampled_from([text for text in READ if READ[text].registry != "[::1]:5000"]))
def test_mapped_text_means_the_mapped_image(text: str) -> None:
    reference = READ[text]
    mapping = registry_map([f"{reference.registry}=new.io/p"])
    assert parse(mapping.text(text, reference)) == mapping.target(reference)
    assert mapping.target(reference).name == f"new.io/p/{reference.repository}"


@pytest.mark.parametrize(
    "pairs", [["a.io=b.io", "a.io=c.io"], ["A.io=a.io"], ["docker.io=index.docker.io"], ["a.io/X=b.io"], ["a.io"]]
)
def test_mappings_that_make_no_sense(pairs: list[str]) -> None:
    with pytest.raises(UsageError):
        registry_map(pairs)
