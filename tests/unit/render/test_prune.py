"""What is said of what a prune has done to the objects that backups share."""

from __future__ import annotations

import pytest

from kubectl_lrs.render.prune import _notes
from kubectl_lrs.repository.count import NOTHING
from kubectl_lrs.repository.pruning import PoolFacts


@pytest.mark.parametrize(
    ("url", "has_rule"), [("s3://bucket/lrs", True), ("gs://bucket/lrs", False), ("az://container/lrs", False)]
)
def test_what_keeps_what_was_deleted_is_said_as_each_storage_does_it(url: str, has_rule: bool) -> None:
    """A rule for noncurrent versions is one of S3's, and ends no soft deletion."""
    assert _notes(PoolFacts(swept=NOTHING, condemned=NOTHING)) == []
    (note,) = _notes(PoolFacts(swept=NOTHING, condemned=NOTHING, kept_at=url))
    assert ("NoncurrentVersionExpiration" in note, "takes up room until" in note) == (has_rule, True)
