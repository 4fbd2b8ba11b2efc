"""Names of images: how they are read, and that any text is one or a ValueError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.stores.common.image_names.reference import Reference, parse

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
