"""Which flags belong to which part of a restore: each of restore's own does to one, or to all of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kubectl_lrs.commands.restore_parts import FLAGS, RESOURCES, SHARED, STORE_OPTIONS, TIERS, refuse_unused
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import flags_of


@dataclass
class _Given:
    words: list[str]


def test_every_part_has_its_flags() -> None:
    assert set(FLAGS) == set(TIERS)
    for name, kind in STORE_OPTIONS.items():
        assert {flag.word for _, flag in flags_of(kind)} == FLAGS[name]
    assert {"--existing", "--wait", "--url", "--type"} <= FLAGS[RESOURCES]


@pytest.mark.parametrize("word", ["--mongo-existing", "--files-url", "--registry-plain-http"])
def test_a_flag_of_a_part_that_is_left_alone(word: str) -> None:
    part = next(name for name in STORE_OPTIONS if word in FLAGS[name])
    refuse_unused(_Given([word]), [part])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{word} says nothing here: {part} is not restored"):
        refuse_unused(_Given([word]), [RESOURCES])  # type: ignore[arg-type]


@pytest.mark.parametrize("word", SHARED)
def test_a_flag_that_several_parts_follow(word: str) -> None:
    for part in SHARED[word]:
        refuse_unused(_Given([word]), [part])  # type: ignore[arg-type]
