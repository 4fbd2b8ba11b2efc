"""Objects by the typed models: what was said and no more, and nothing that no such object has."""

from __future__ import annotations

import pytest

from kubectl_lrs.clients.kubernetes.typed import Models, manifest


def test_what_was_said_and_no_more() -> None:
    models = Models()
    meta = models.V1ObjectMeta(name="a", labels={"x/y": "z"})
    account = models.V1ServiceAccount(metadata=meta, automount_service_account_token=False)
    assert manifest(account) == {"metadata": {"name": "a", "labels": {"x/y": "z"}}, "automountServiceAccountToken": False}
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    assert manifest(models.V1Role(metadata=meta, rules=[rule]))["rules"] == [rule]


def test_a_field_that_there_is_not() -> None:
    with pytest.raises(TypeError):
        Models().V1ServiceAccount(no_such_field=1)
    with pytest.raises(ValueError, match="must not be `None`"):
        Models().V1CronJobSpec(schedule="* * * * *")
