"""Which strings of an LRS are taken for images, and why."""

from __future__ import annotations

import pytest

from kubectl_lrs.stores.common.image_names.recognise import Why, in_lrs
from tests.unit.stores.common.image_names.test_reference import SHA

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
