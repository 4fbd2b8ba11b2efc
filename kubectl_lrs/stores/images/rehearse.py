"""A rehearsal of images without a registry: all of each image is there, and every manifest and blob is what its digest says.

The backup was read to its end before, and each file held against its sum, so a blob that is named by the same sum needs no
second reading. Whether a registry takes them is not asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.model.plan import WRITES, Action, ApplyOptions, StorePlan
from kubectl_lrs.model.report import Outcome, Report
from kubectl_lrs.repository import Backup
from kubectl_lrs.runtime.cancel import Cancel
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.images.layout import TOP, Descriptor, Layout
from kubectl_lrs.stores.images.plan import ImageStep
from kubectl_lrs.stores.images.saved import TIER, SavedImage, State, saved

CHUNK = 1 << 20

WHY_NOT = {
    State.RECORDED: "the backup only lists it",
    State.MISSING: "the backup does not hold it",
    State.UNRESOLVED: "the backup does not hold it",
}


class ImagesTrial:
    """One rehearsal of images that pushes nothing."""

    name = TIER
    how = "each manifest and blob held against its digest; pushed nowhere"
    aside = 0.0
    is_timed = False

    def __init__(self, folder: Backup, *, stop: Cancel) -> None:
        self._folder = folder
        self._stop = stop

    def sweep(self, _progress: Progress) -> Iterator[str]:
        """It leaves nothing."""
        return iter(())

    def plan(self, progress: Progress) -> StorePlan:
        """All images that the backup knows of."""
        progress.begin("images: reading the list")
        inventory = saved(self._folder)
        if inventory is None:
            raise DamageError(f"{self._folder.describe()}: it holds no images")
        return StorePlan(store=TIER, target="", steps=[_step(each) for each in inventory.entries])

    def apply(self, plan: StorePlan, options: ApplyOptions, report: Report, progress: Progress) -> None:  # noqa: ARG002
        """Hold each against its digests."""
        steps = plan.of(ImageStep)
        progress.begin("images: checking", len(steps))
        reader = _Reader(self._folder) if any(step.action in WRITES for step in steps) else None
        for step in steps:
            if self._stop.is_set():
                break
            report.add(reader.checked(step) if reader and step.action in WRITES else Outcome.of(step))
            progress.advance()


def _step(entry: SavedImage) -> ImageStep:
    why = WHY_NOT.get(entry.state, "")
    return ImageStep(
        name=str(entry.reference),
        action=Action.CONFLICT if why else Action.CREATE,
        reason=f"{why}: {entry.reason}" if why and entry.reason else why,
        bytes=entry.bytes,
        entry=entry,
        target=entry.reference,
    )


class _Reader:
    """Reads images out of a backup; blobs that several share once."""

    def __init__(self, folder: Backup) -> None:
        self._folder = folder
        self._layout = Layout(folder)
        self._sums: Mapping[str, str] = {path: digest for path, digest in folder.sums() if path.startswith(f"{TOP}/")}
        self._good: set[str] = set()

    def checked(self, step: ImageStep) -> Outcome:
        """What became of one image."""
        try:
            self._check_image(step.entry)
        except DamageError as error:
            return Outcome.failed(step, error)
        return Outcome.of(step)

    def _check_image(self, entry: SavedImage) -> None:
        tree = self._layout.tree(str(entry.reference))
        if entry.digest not in tree.manifests:
            raise DamageError(f"{self._folder.describe(TOP)}: it holds another image than {entry.digest}")
        for blob in tree.blobs.values():
            self._check(blob)

    def _check(self, blob: Descriptor) -> None:
        if blob.digest in self._good:
            return
        algorithm, _, value = blob.digest.partition(":")
        found = self._sums.get(blob.path, "") if algorithm == "sha256" else self._digest(blob, algorithm)
        if found != value:
            raise DamageError(f"{self._folder.describe(blob.path)}: altered: it is not what its name says")
        self._good.add(blob.digest)

    def _digest(self, blob: Descriptor, algorithm: str) -> str:
        digest = hashlib.new(algorithm)
        with self._folder.reading(blob.path) as file:
            while data := file.read(CHUNK):
                digest.update(data)
        return digest.hexdigest()
