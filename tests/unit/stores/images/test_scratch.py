"""A rehearsal of images in a registry, before anybody is asked: what its flag means, and what is never pushed into."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.stores.common.image_names.reference import Reference, named_repository
from kubectl_lrs.stores.images.flags import RehearseOptions
from kubectl_lrs.stores.images.scratch import FLAG, LIFE, MARGIN


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("h.example.com/a/b", Reference("h.example.com", "a/b")),
        ("localhost/a", Reference("localhost", "a")),
        ("h:5000/a", Reference("h:5000", "a")),
        ("index.docker.io/team/a", Reference("docker.io", "team/a")),
    ],
)
def test_a_repository(text: str, meant: Reference) -> None:
    assert named_repository(text, FLAG) == meant
    assert RehearseOptions(scratch=text).scratch == text


@pytest.mark.parametrize(
    "text", ["a", "team/a", "h.example.com", "h.example.com/a:b", f"h.io/a@sha256:{'0' * 64}", "h.io/A", "h.io/"]
)
def test_no_repository(text: str) -> None:
    with pytest.raises(UsageError, match=FLAG):
        RehearseOptions(scratch=text)


def test_a_run_ends_before_it_is_taken_for_dead() -> None:
    assert 0 < MARGIN < LIFE
