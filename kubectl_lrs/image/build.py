"""The image for each machine, and the index over them: configuration, manifests, labels; the same bytes for the same parts.

Source: OCI image specification 1.1. The entry point is a program of its own, without a shell; any user may run it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubectl_lrs import __version__
from kubectl_lrs.image.base import LAYER, Base
from kubectl_lrs.image.layer import Layer, write
from kubectl_lrs.image.layout import MAKE_ONE, Layout
from kubectl_lrs.image.plugin import START, File, Plugin
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime import redact
from kubectl_lrs.stores.images.registry.content import OCI_INDEX, OCI_MANIFEST, Manifest, digest_of

CONFIG = "application/vnd.oci.image.config.v1+json"
ENTRY = "usr/bin/kubectl-lrs"
HOME = "usr/lib/kubectl-lrs"
USER = "65532:65532"
"""Nobody's in particular: whoever runs it may say another. A number, so that Kubernetes can tell that it is not root."""

TAG = f"v{__version__}"
"""What it is called where nobody says otherwise."""

CREATED = "1980-01-01T00:00:00Z"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}

PROGRAM = f"""#!/{HOME}/{{python}} -ISB
# Starts the plugin as its launcher does elsewhere; here is no shell.
import sys

__file__ = "/{HOME}/{START}"
sys.argv.insert(0, __file__)
with open(__file__, encoding="utf-8") as source:
    exec(compile(source.read(), __file__, "exec"))
"""

BASE_LABEL = "org.opencontainers.image.base"
TITLE, VERSION = "org.opencontainers.image.title", "org.opencontainers.image.version"
LABELS = {
    TITLE: "kubectl-lrs",
    "org.opencontainers.image.description": "Backs up, verifies and restores DataRobot Long Running Services",
    VERSION: __version__,
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.created": CREATED,
}


def files(plugin: Plugin) -> Iterator[File]:
    """What the layer of the plugin holds, by paths in the image."""
    yield File(ENTRY, True, PROGRAM.format(python=plugin.python).encode())
    for file in plugin.files():
        yield File(f"{HOME}/{file.name}", file.is_program, file.data)


def image(plugin: Plugin, base: Base, layout: Layout) -> Manifest:
    """Write the image for one machine; its manifest."""
    with layout.part.open("wb") as out:
        top = write(files(plugin), out, LAYER)
    layout.keep(top.digest)
    said = {f"{BASE_LABEL}.name": base.name, f"{BASE_LABEL}.digest": base.digest}
    labels = {**LABELS, **(said if base.name else {})}
    config = _json(_config(plugin.architecture, [*base.layers, top], base.environment, labels))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": CONFIG, "digest": layout.add(config), "size": len(config)},
        "layers": [{"mediaType": each.media_type, "digest": each.digest, "size": each.size} for each in (*base.layers, top)],
        "annotations": labels,
    }
    return _kept(layout, manifest, OCI_MANIFEST)


def index(images: Mapping[str, Manifest], layout: Layout) -> Manifest:
    """Write the index over the images, which are there by their architecture."""
    entries = [
        {
            "mediaType": each.media_type,
            "digest": each.digest,
            "size": len(each.data),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, each in sorted(images.items())
    ]
    return _kept(layout, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": LABELS}, OCI_INDEX)


def require_ours(top: Manifest, what: str) -> None:
    """UsageError where an image is none of this plugin, or one of another version: it is not pushed as what it is not."""
    annotations = json.loads(top.data).get("annotations")
    said = annotations if isinstance(annotations, dict) else {}
    if said.get(TITLE) != LABELS[TITLE]:
        raise UsageError(f"{what}: not the image of this plugin", hint=MAKE_ONE)
    if said.get(VERSION) != __version__:
        version = redact.text(str(said.get(VERSION)))
        raise UsageError(
            f"{what}: its version is {version}, and this one is {__version__}", hint="push it with the version that made it"
        )


def _config(architecture: str, layers: Sequence[Layer], environment: Iterable[str], labels: Mapping[str, str]) -> dict[str, Any]:
    said = dict(each.partition("=")[::2] for each in environment)
    return {
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": [f"/{ENTRY}"],
            "Env": [f"{name}={value}" for name, value in {**ENVIRONMENT, **said}.items()],
            "WorkingDir": "/tmp",  # noqa: S108  that of the image, which is there for everybody
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
    }


def _kept(layout: Layout, document: Mapping[str, Any], media_type: str) -> Manifest:
    data = _json(document)
    layout.add(data)
    return Manifest(data, digest_of(data), media_type)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
