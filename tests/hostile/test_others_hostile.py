"""What others saved, made by somebody who means harm: it is refused by name, nothing is written, and memory is bounded."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_lrs.model.errors import DamageError, LrsError
from kubectl_lrs.sources import tarball
from kubectl_lrs.sources.velero import opened
from tests.builders import velero


def lrs(name: str = "a", namespace: str = "n", **other: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, **other}
    return {"apiVersion": "lrs.datarobot.com/v1", "kind": "LRS", "metadata": metadata, "spec": {"image": name}}


def odd(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


ITEMS = list(velero.items([lrs()]))
PATH = f"{velero.LRS}/namespaces/n/a.json"


def _raw(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def _unpacked(**of: Any) -> bytes:
    return gzip.decompress(velero.tarball(ITEMS, **of))


def _pax_bomb() -> bytes:
    """A header of 1 TiB."""
    info = tarfile.TarInfo("bomb")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    return _raw(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


def _larger() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        info = tarfile.TarInfo(PATH)
        info.size = tarball.MAX_MEMBER + 1
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    return _raw(_unpacked()[:1024] + held.getvalue())


HARM: dict[str, tuple[Callable[[], bytes], str]] = {
    "a path that leads up": (lambda: velero.tarball([*ITEMS, ("resources/../../etc/passwd", b"x")]), "leads out of it"),
    "a path from the root": (lambda: velero.tarball([*ITEMS, ("/etc/passwd", b"x")]), "leads out of it"),
    "a link": (lambda: velero.tarball(ITEMS, odd=[odd(f"{PATH}2", tarfile.SYMTYPE, "/etc/shadow")]), "is a link"),
    "a hard link": (lambda: velero.tarball(ITEMS, odd=[odd("x", tarfile.LNKTYPE, PATH)]), "is a link"),
    "a device": (lambda: velero.tarball(ITEMS, odd=[odd("null", tarfile.CHRTYPE)]), "is no plain file"),
    "a pipe": (lambda: velero.tarball(ITEMS, odd=[odd("pipe", tarfile.FIFOTYPE)]), "is no plain file"),
    "a sparse file": (lambda: velero.tarball(ITEMS, odd=[odd("holes", tarfile.GNUTYPE_SPARSE)]), ""),
    "one object twice": (lambda: velero.tarball([*ITEMS, ITEMS[0]]), "is in it twice"),
    "one object as two": (
        lambda: velero.tarball([ITEMS[0], (ITEMS[1][0], ITEMS[1][1].replace(b'"a"}', b'"b"}'))]),
        "twice and differs",
    ),
    "an object of another name": (lambda: velero.tarball([(ITEMS[0][0].replace("a.json", "b.json"), ITEMS[0][1])]), "belongs"),
    "an object of another namespace": (lambda: velero.tarball([(PATH.replace("/n/", "/kube-system/"), ITEMS[0][1])]), "belongs"),
    "a Secret in its place": (
        lambda: velero.tarball([(PATH, ITEMS[0][1].replace(b'"LRS"', b'"Secret"').replace(b"lrs.datarobot.com/v1", b"v1"))]),
        "is not an LRS",
    ),
    "an LRS of the whole cluster": (
        lambda: velero.tarball([*ITEMS, (f"{velero.LRS}/cluster/a.json", b"{}")]),
        "not where Velero",
    ),
    "no JSON": (lambda: velero.tarball([(PATH, b"{")]), ""),
    "too deep": (lambda: velero.tarball([(PATH, b"[" * 100_000)]), ""),
    "no format": (lambda: velero.tarball(ITEMS, version=""), "has no metadata/version"),
    "a later format": (lambda: velero.tarball(ITEMS, version="2.0.0"), "format 2.0.0 is not read"),
    "an object that is too large": (_larger, "is larger than"),
    "a header that is too large": (_pax_bomb, "asks for"),
    "a tar that just stops": (lambda: _raw(_unpacked()[:2048]), "cut off"),
    "a header that is none": (lambda: _raw(_unpacked()[:1024] + b"\xff" * 512 + _unpacked()[1536:]), "cut off"),
    "a second tar behind it": (lambda: _raw(_unpacked() + _unpacked()), "comes after its end"),
    "a gzip file that is cut": (lambda: velero.tarball(ITEMS)[:-20], "damaged"),
    "a gzip file whose sum is wrong": (lambda: velero.tarball(ITEMS)[:-8] + bytes(8), "damaged"),
    "no gzip at all": (lambda: b"PK\x03\x04" + bytes(100), "damaged"),
    "nothing": (lambda: b"", "damaged"),
}


@pytest.mark.parametrize("what", HARM)
def test_harm_is_refused_by_name(tmp_path: Path, what: str) -> None:
    make, said = HARM[what]
    place = tmp_path / "place"
    place.mkdir()
    path = place / "nightly.tar.gz"
    path.write_bytes(make())
    with pytest.raises(LrsError) as caught:
        opened(path)
    assert said in str(caught.value)
    assert "nightly.tar.gz" in str(caught.value)
    assert not isinstance(caught.value.__cause__, AssertionError)
    assert [each.name for each in place.iterdir()] == ["nightly.tar.gz"]


def test_a_bomb_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarball, "FREE", 1 << 20)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        info = tarfile.TarInfo("resources/pods/namespaces/n/huge.json")
        info.size = 64 << 20
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    path = tmp_path / "nightly.tar.gz"
    path.write_bytes(gzip.compress(held.getvalue(), 9))
    with pytest.raises(DamageError, match="more comes out of it"):
        opened(path)


def test_a_tarball_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(velero.tarball(ITEMS))
    (tmp_path / "nightly.tar.gz").symlink_to(tmp_path / "real")
    with pytest.raises(LrsError, match="cannot be read"):
        opened(tmp_path / "nightly.tar.gz")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"kind":"Backup"}', b'{"kind":1,"apiVersion":2,"metadata":3}', b"[" * 10_000]
)
def test_what_velero_cannot_have_said(tmp_path: Path, text: bytes) -> None:
    folder = velero.store(tmp_path, "nightly", velero.tarball(ITEMS), text)
    with pytest.raises(DamageError, match="not what Velero says"):
        opened(folder)
