"""Import: what others saved becomes a sealed backup, whole or not at all. Its catalog says where it comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from kubectl_lrs.model.catalog import Catalog
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.sources.others import OthersBackup
from kubectl_lrs.usecases.making import Destination, Signals, Uninterrupted, make


def import_source(
    source: OthersBackup,
    destination: Destination,
    progress: Progress,
    signals: Signals = Uninterrupted(),  # noqa: B008  it has no state
) -> tuple[str, Catalog]:
    """Where the backup is, and its catalog; it is of the instant that the source is of."""

    def fill(writer: Writer, progress: Progress) -> Catalog:
        facts = {tier: part.collect(writer, progress) for tier, part in source.parts.items()}
        missing = tuple(each for tier in facts for each in facts[tier].pop("missing", ()))
        progress.begin("sealing")
        made = replace(
            source.catalog,
            name=writer.name,
            finished=datetime.now(timezone.utc),
            tiers={**source.catalog.tiers, **facts},
            missing=missing,
        )
        return writer.seal(made)

    return make(destination, fill, progress, signals)
