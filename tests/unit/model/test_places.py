"""A place that may be another installation's is an error, unless this call names it."""

from __future__ import annotations

import pytest

from kubectl_lrs.model.errors import ExitCode
from kubectl_lrs.model.places import NamedBy, RestoreTarget
from kubectl_lrs.model.plan import Severity


def _place(named_by: NamedBy, *, is_saved: bool = True, saved: str = "mongodb://prod") -> RestoreTarget:
    return RestoreTarget(
        target="mongodb://here",
        named_by=named_by,
        by="LRS_MONGO_URI",
        settle="--mongo-uri-file FILE",
        saved=saved,
        is_saved=is_saved,
    )


@pytest.mark.parametrize(
    ("named_by", "is_saved", "from_another_cluster", "is_refused"),
    [
        (NamedBy.FLAG, False, True, False),
        (NamedBy.CLUSTER, False, True, False),
        (NamedBy.ENVIRONMENT, True, False, False),
        (NamedBy.ENVIRONMENT, True, True, True),
        (NamedBy.ENVIRONMENT, False, False, True),
        (NamedBy.ENVIRONMENT, False, True, True),
        (NamedBy.BACKUP, True, False, False),
        (NamedBy.BACKUP, True, True, True),
    ],
)
def test_what_is_refused(named_by: NamedBy, is_saved: bool, from_another_cluster: bool, is_refused: bool) -> None:
    found = _place(named_by, is_saved=is_saved).mixture("mongo", from_another_cluster=from_another_cluster)
    assert (found is not None) is is_refused


def test_what_is_said() -> None:
    found = _place(NamedBy.ENVIRONMENT).mixture("mongo", from_another_cluster=True)
    assert found is not None
    assert (found.severity, found.exit_code) == (Severity.ERROR, ExitCode.USAGE)
    assert found.message == (
        "mongo would be written to mongodb://here, which LRS_MONGO_URI names for every call; "
        "the backup is of another cluster than the one that is restored to"
    )
    assert "--mongo-uri-file FILE" in found.hint
    other = _place(NamedBy.ENVIRONMENT, is_saved=False).mixture("mongo", from_another_cluster=False)
    assert other is not None
    assert other.message.endswith("the backup was taken of mongodb://prod")
    untold = _place(NamedBy.ENVIRONMENT, is_saved=False, saved="").mixture("mongo", from_another_cluster=False)
    assert untold is not None
    assert untold.message.endswith("the backup does not say where it was taken of")
