"""Where the stores beside the cluster are: said where nothing of the call says it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from kubectl_lrs import render
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.model.flags import Options
from kubectl_lrs.model.places import RestoreTarget
from kubectl_lrs.stores.base import connect_module


def say_named(stores: Mapping[str, Options]) -> None:
    """Of stores that are read, those that the environment names; where it does so wrongly, whoever connects says it."""
    for name, options in stores.items():
        with suppress(UsageError):
            if found := connect_module(name).by_environment(options):
                where, by = found
                render.say(f"{name}: {where} ({by})")


def say_places(places: Mapping[str, RestoreTarget]) -> None:
    """Of stores that are restored, all of them, and who says so."""
    for name, place in places.items():
        if place.target:
            render.say(f"{name}: {place.target}{f' ({place.by})' if place.by else ''}")
