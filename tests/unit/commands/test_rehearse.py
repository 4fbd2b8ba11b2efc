"""`rehearse` by its words."""

from __future__ import annotations

from kubectl_lrs.commands import rehearse_, rehearse_run
from kubectl_lrs.commands.restore_parts import chosen_parts
from kubectl_lrs.model.names import LATEST
from kubectl_lrs.model.stores import RESOURCES, STORES


def test_it_has_its_parts() -> None:
    assert rehearse_.command.name == "rehearse"
    assert rehearse_.Flags().backup == LATEST
    assert rehearse_.STORE_OPTIONS.keys() == STORES.keys()
    assert callable(rehearse_run.prove)


def test_without_a_tier_it_is_all_that_there_is() -> None:
    assert chosen_parts((), None) == [RESOURCES]
