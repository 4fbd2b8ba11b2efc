"""LRS that others saved, as the files that a backup of ours would have of them; and written into one, where they are imported."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from kubectl_lrs.formats.yaml_writer import dump
from kubectl_lrs.model.catalog import Missing
from kubectl_lrs.model.manifest import Manifest, loads, sanitise
from kubectl_lrs.model.workloads import type_of
from kubectl_lrs.repository import Writer
from kubectl_lrs.runtime.progress import Progress
from kubectl_lrs.stores.lrs.keep import Keeper, Tally, index_line, path_of
from kubectl_lrs.stores.lrs.loose import LooseLrs
from kubectl_lrs.stores.lrs.saved import CRD_FILE, INDEX_FILE, RAW_FILE, TIER

AT_ONCE = 500
"""Objects that are unpacked at once."""


class OthersLrs:
    """`missing`: what the source says, or shows, that it should hold and does not. `crd_note`: why there is no `crd`."""

    tier = TIER

    def __init__(
        self,
        lrs: LooseLrs,
        *,
        missing: Sequence[Missing] = (),
        crd: Manifest | None = None,
        crd_note: str = "there is none in it",
    ) -> None:
        self._lrs = lrs
        self._missing = missing
        self._crd = crd
        self._crd_note = crd_note
        keys = lrs.keys
        self._order = sorted(range(len(keys)), key=lambda number: "/".join(keys[number]))
        self._at: dict[str, int] = {}
        tally = Tally()
        for number, manifest in self._all():
            if not tally.skips(manifest):
                path = path_of(manifest)
                self._at[path] = number
                tally.count(manifest["metadata"]["namespace"], type_of(manifest), len(self._yaml(path)))
        self.facts = self._facts(tally)

    def _facts(self, tally: Tally) -> dict[str, Any]:
        is_saved = self._crd is not None
        return {
            **tally.facts(version=self._lrs.version, kind=self._lrs.kind),
            "missing": list(self._missing),
            "crd": CRD_FILE if is_saved else None,
            "crdNote": "" if is_saved else self._crd_note,
        }

    def _all(self) -> Iterator[tuple[int, Manifest]]:
        """In the order of their keys, those that were being deleted too."""
        return ((number, loads(self._lrs.text(number))) for number in self._order)

    def paths(self) -> list[str]:
        """The files that a backup of ours would have."""
        return [RAW_FILE, INDEX_FILE, *([CRD_FILE] if self._crd else []), *self._at]

    def reading(self, path: str) -> io.BytesIO | None:
        """One of them that is no list of all objects; None where there is none such."""
        if path == CRD_FILE and self._crd:
            return io.BytesIO(dump(self._crd).encode("utf-8", "surrogatepass"))
        return io.BytesIO(self._yaml(path)) if path in self._at else None

    def _yaml(self, path: str) -> bytes:
        return dump(sanitise(loads(self._lrs.text(self._at[path])))).encode("utf-8", "surrogatepass")

    def lines(self, path: str) -> Iterator[str] | None:
        """Those of a list of all objects, as they are read out of a file; None where it is none."""
        if path == RAW_FILE:
            return (f"{self._lrs.text(number)}\n" for number in self._at.values())
        if path == INDEX_FILE:
            return (f"{index_line(loads(self._lrs.text(number)), path)}\n" for path, number in self._at.items())
        return None

    def collect(self, writer: Writer, progress: Progress) -> dict[str, Any]:
        """Write them into a backup; the facts for the catalog."""
        progress.begin("LRS", len(self._order))
        tally = Tally()
        with writer.stream(RAW_FILE, compressed=True) as raw, writer.stream(INDEX_FILE, compressed=True) as index:
            keeper = Keeper(writer, raw, index, "", self._lrs.kind)
            for at in range(0, len(self._order), AT_ONCE):
                texts = [self._lrs.text(number) for number in self._order[at : at + AT_ONCE]]
                keeper.keep(((text, loads(text)) for text in texts), tally)
                progress.advance(len(texts))
        if self._crd:
            writer.write(CRD_FILE, dump(self._crd).encode("utf-8", "surrogatepass"))
        return self._facts(tally)
