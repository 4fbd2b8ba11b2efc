"""Names of images: how they are read, which strings are taken for one, and how they are mapped. Nothing but data."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.mapping import map_images, registry_map, unmapped
from kubectl_lrs.stores.common.image_names.recognise import Why, in_lrs
from kubectl_lrs.stores.common.image_names.reference import Reference, parse
from kubectl_lrs.stores.common.image_names.repositories import REPOSITORIES, is_of_the_product
from kubectl_lrs.stores.common.mentions import Mention, strings
from kubectl_lrs.stores.images.find import Wanted, find
from kubectl_lrs.stores.images.targets import creation

SHA = f"sha256:{'0123456789abcdef' * 4}"

READ: dict[str, Reference] = {
    "python": Reference("docker.io", "library/python", "latest"),
    "python:3.12": Reference("docker.io", "library/python", "3.12"),
    "datarobot/env:1": Reference("docker.io", "datarobot/env", "1"),
    "docker.io/python": Reference("docker.io", "library/python", "latest"),
    "index.docker.io/datarobot/env": Reference("docker.io", "datarobot/env", "latest"),
    "localhost/a": Reference("localhost", "a", "latest"),
    "localhost:5000/a:b": Reference("localhost:5000", "a", "b"),
    "Registry.Example.com/a/b__c/d-e.f:T_1-x.y": Reference("registry.example.com", "a/b__c/d-e.f", "T_1-x.y"),
    "[::1]:5000/a:1": Reference("[::1]:5000", "a", "1"),
    f"r.io/a@{SHA}": Reference("r.io", "a", "", SHA),
    f"r.io/a:1@{SHA}": Reference("r.io", "a", "1", SHA),
    f"r.io/a@sha512:{'a' * 128}": Reference("r.io", "a", "", f"sha512:{'a' * 128}"),
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/managed-image:65f0": Reference(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "managed-image", "65f0"
    ),
}


@pytest.mark.parametrize("text", READ)
def test_names_are_read(text: str) -> None:
    assert parse(text) == READ[text]
    assert parse(str(READ[text])) == READ[text]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a b", "A", "r.io/A", "r.io/", "r.io//a", "r.io/a:", "r.io/a:-x", "r.io/a::b", "/a", "a/", "http://r.io/a:1"),
        *("r.io/a@", "r.io/a@sha256:abc", f"r.io/a@md5:{'a' * 32}", f"r.io/a@{SHA.upper()}", "r.io:x/a", "r.io:999999/a", "a\n"),
        *(
            f"r.io/{'a' * 300}",
            "r.io/a:" + "t" * 129,
            "r.io/../a",
            "r.io/a/..",
            "r.io/a?x",
            "user:secret@r.io/a",
            "r.io/a_",
            "é/b:1",
        ),
    ],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert parse(str(found)) == found


_component = st.from_regex(r"[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?", fullmatch=True)


@given(
    st.builds(
        Reference,
        st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{2,5}){1,2}(:[0-9]{1,5})?", fullmatch=True),
        st.lists(_component, min_size=1, max_size=4).map("/".join),
        st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
        st.sampled_from(["", SHA]),
    )
)
def test_what_is_written_is_read_again(reference: Reference) -> None:
    assert parse(str(reference)) == reference


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_repositories_of_the_product_have_any_prefix(repository: str) -> None:
    assert is_of_the_product(repository)
    assert is_of_the_product(f"a/b/{repository}")
    assert not is_of_the_product(f"{repository}-x")
    assert not is_of_the_product(f"{repository}/x")


# ---- which strings are images

IN_LRS: list[tuple[str, str, Why | str | None]] = [
    ("spec.image", "python", Why.FIELD),
    ("spec.image", "r.io/a:1", Why.FIELD),
    ("spec.template.containers[0].image", "python", Why.CONTAINER),
    ("spec.template.spec.initContainers[3].image", "r.io/a/b", Why.CONTAINER),
    ("spec.baseImage", "r.io/a:1", Why.FIELD),
    ("spec.builder_image", "a/b:1", Why.FIELD),
    ("spec.imageUri", "r.io/a:1", Why.FIELD),
    ("spec.env.RUNNER_IMAGE", "r.io/a:1", Why.FIELD),
    ("spec.env[4].value", "r.io/x/managed-image:1", Why.PRODUCT),
    ("spec.args[0]", f"r.io/base-image@{SHA}", Why.PRODUCT),
    ("metadata.annotations.x", "r.io:5000/custom-apps/managed-image:65f0", Why.PRODUCT),
    ("spec.baseImage", "folder/name", "the field is called image, and it names neither registry nor tag"),
    ("spec.args[0]", "--image=r.io/managed-image:1", "a repository of the product is a part of it"),
    ("spec.url", "https://r.io/x/managed-image:1", "a repository of the product is a part of it"),
    ("spec.url", "https://r.io/v2/x/managed-image/tags", None),
    ("spec.path", "datarobot/managed-image:1", "a repository of the product, and no registry"),
    ("spec.image", "${REGISTRY}/app:1", "the field is called image, and it is not the name of one"),
    ("spec.baseImage", "python311", None),
    ("spec.image", "65f00001c0ffee0000001eef", None),
    ("spec.name", "python", None),
    ("spec.host", "mongo.example.com:27017", None),
    ("spec.url", "http://r.io/a:1", None),
    ("spec.imagePullPolicy", "Always", None),
    ("spec.imagePullSecrets[0].name", "pull", None),
    ("spec.note", "the managed-image of yesterday", None),
    ("metadata.labels.part", "managed-image", None),
]


@pytest.mark.parametrize(("field", "text", "wanted"), IN_LRS)
def test_strings_of_an_lrs(field: str, text: str, wanted: Why | str | None) -> None:
    decided = in_lrs(field, text)
    assert (decided[1] if isinstance(decided, tuple) else decided) == wanted


IN_DOCUMENTS: list[tuple[str, str, Why | str | None]] = [
    ("image", "r.io/used:1", Why.USED),
    ("anything", "python:3", Why.USED),
    ("anything", "other.io/x/managed-image:2", Why.PRODUCT),
    ("anything", "r.io/unknown:2", Why.REGISTRY),
    ("source.imageUri", "other.io/original:2", Why.FIELD),
    ("repository", "r.io/x/managed-image", "it names no tag"),
    ("repository", "r.io/unknown", "it names no tag"),
    ("repository", "x/managed-image:1", "it names no registry"),
    ("image", "folder/name:1", "it names no registry"),
    ("log", "pulled r.io/x/managed-image:1 in 3 s", "a repository of the product is a part of it"),
    ("image", "65f00001c0ffee0000001eef", None),
    ("anything", "other.io/original:2", None),
    ("name", "python", None),
    ("host", "mongo.example.com:27017", None),
    ("anything", "python:2", None),
]


def _mentions(rows: list[tuple[str, str, Any]]) -> list[Mention]:
    used = [Mention("lrs", "n/a", "spec.image", "r.io/used:1"), Mention("lrs", "n/b", "spec.containers[0].image", "python:3")]
    return used + [Mention("custom_applications", "65f0", field, text) for field, text, _ in rows]


@pytest.mark.parametrize("row", IN_DOCUMENTS)
def test_strings_of_a_document(row: tuple[str, str, Why | str | None]) -> None:
    found = find(_mentions([row]), Wanted())
    whys = [place.why for image in found.images.values() for place in image.places if place.store != "lrs"]
    assert (whys or [each.why for each in found.undecided] or [None]) == [row[2]]
    if isinstance(row[2], str) and not whys:
        assert [(each.store, each.id, each.field, each.text) for each in found.undecided] == [
            ("custom_applications", "65f0", row[0], row[1])
        ]


def test_another_string_of_an_lrs_with_a_registry_that_is_used() -> None:
    mentions = [Mention("lrs", "n/a", "spec.env[0].value", text) for text in ("r.io/side:1", "other.io/side:1", "r.io/side")]
    assert find(mentions, Wanted()).images == {}
    found = find([*mentions, *_mentions([])], Wanted())
    assert [str(each) for each, image in found.images.items() if image.places[0].why is Why.REGISTRY] == ["r.io/side:1"]


def test_all_places_are_counted_and_the_first_are_kept() -> None:
    found = find([Mention("lrs", f"n/{n}", "spec.image", "r.io/a:1") for n in range(50)], Wanted())
    (image,) = found.images.values()
    assert (image.count, len(image.places), image.places[0].id) == (50, 20, "n/0")


# ---- mapping

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
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=6), inner),
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


def test_the_command_that_creates_a_repository() -> None:
    ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert creation(ecr, "x/managed-image") == (
        "aws ecr create-repository --repository-name x/managed-image --region eu-west-1 --registry-id 123456789012"
    )
    assert creation("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "a")
    assert not creation("registry.example.com", "a")
    assert not creation(f"{ecr}.evil.com", "a")
