"""An object that is sent to be created, and an answer that is this object again, as nearly every answer is.

Where the text of the answer is the very text that was sent, but for the metadata, so is what it says: there is nothing to
read of it but the metadata, and nothing to compare. Everything else is read whole, by whoever reads answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from kubectl_lrs.formats.nesting import is_readable
from kubectl_lrs.model.manifest import Manifest

_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
_decoded = json.JSONDecoder().raw_decode
_FIRST = ("apiVersion", "kind", "metadata")
"""The fields that the API server writes first, in this order."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An object as it is sent. `before` and `after`: the text around its metadata, as the API server writes it."""

    manifest: Manifest
    body: bytes
    before: str
    after: str

    @classmethod
    def of(cls, manifest: Manifest) -> Sent:
        """Its JSON."""
        first = {key: manifest[key] for key in _FIRST[:-1] if key in manifest}
        rest = {key: value for key, value in manifest.items() if key not in _FIRST}
        before = f'{_encoded(first)[:-1]}{"," if first else ""}"metadata":'
        after = f",{_encoded(rest)[1:]}" if rest else "}"
        text = f"{before}{_encoded(manifest['metadata'])}{after}"
        return cls(manifest, text.encode("utf-8", "surrogatepass"), before, _as_go_writes(after))

    def echoed(self, data: bytes) -> Manifest | None:
        """What the server made of it, where that is this object again but for the metadata; None where it is to be read whole."""
        try:
            text = data.decode()
            metadata, end = _decoded(text, len(self.before))
        except (ValueError, RecursionError):
            return None
        between = slice(len(self.before), end)
        if text[: between.start] != self.before or text[end:].rstrip("\n") != self.after:
            return None
        if not isinstance(metadata, dict) or not is_readable(text[between], metadata):
            return None
        return {**self.manifest, "metadata": metadata}


def _as_go_writes(text: str) -> str:
    """JSON as the API server writes it; these characters stand in strings alone."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
