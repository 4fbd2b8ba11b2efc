"""Many small objects into a bucket and out of it: through our back end, without obstore, and by botocore alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import Row, Run, run, side_by_side
from tests.bed import toolchain
from tests.bed.s3 import S3

COUNT, SIZE, THREADS = 2_000, 4 << 10, 8
KINDS = ("obstore", "without", "botocore")
DATA = bytes(range(256)) * (SIZE // 256)


def measure() -> Iterator[Row]:
    """What is written, read and listed; processor time is ours alone, the gateway's is not in it."""
    with tempfile.TemporaryDirectory(prefix="kubectl-lrs-bench-") as temporary, S3(Path(temporary, "s3")) as s3:
        for act, what in (("put", "written"), ("get", "read"), ("list", "listed, 10 times")):
            for peer in KINDS[1:]:
                ours, theirs = side_by_side(_doing(s3, temporary, "obstore", act), _doing(s3, temporary, peer, act), 3)
                said = f"{COUNT:,} objects of {SIZE >> 10} KiB {what}"
                yield Row(what=said, ours=ours.wall, against=peer, theirs=theirs.wall, budget=None)
                yield Row(what=f"{said}: processor time", ours=ours.cpu, against=peer, theirs=theirs.cpu, budget=None)


def _doing(s3: S3, temporary: str, kind: str, act: str) -> Callable[[], Run]:
    bucket = s3.buckets / kind
    bucket.mkdir(exist_ok=True)
    command = [str(toolchain.venv()), "-m", "benchmarks.objects", kind, act, s3.endpoint]
    environment = {**s3.environment, "PATH": os.defpath, "HOME": temporary, "PYTHONPATH": str(toolchain.ROOT)}
    return lambda: run(command, environment=environment, cwd=Path(temporary))


# ---- the process that is measured


def main(kind: str, act: str, endpoint: str) -> None:
    """All of the objects, by several threads."""
    put, get, count = _library(endpoint) if kind == "botocore" else _backend(kind, endpoint)
    keys = [f"blobs/{number % 256:02x}/{number:08}" for number in range(COUNT)]
    if act == "list":
        for _ in range(10):
            if count() < COUNT:
                sys.exit("not all is listed")
        return
    with ThreadPoolExecutor(THREADS) as pool:
        if act == "put":
            list(pool.map(put, keys))
        elif {*pool.map(get, keys)} != {DATA}:
            sys.exit("what was read is not what was written")


_Acts = tuple[Callable[[str], object], Callable[[str], bytes], Callable[[], int]]


def _backend(kind: str, endpoint: str) -> _Acts:
    from kubectl_lrs.backends import base, s3_client
    from kubectl_lrs.backends.place import StorageLocation, open_backend

    if kind == "without":
        vars(s3_client)["is_here"] = lambda: False
    backend = open_backend(StorageLocation(url=f"s3://{kind}/p", endpoint=endpoint, is_ours=True))

    def put(key: str) -> object:
        return base.put(backend, key, DATA, replace=True)

    def get(key: str) -> bytes:
        return backend.read_range(key, 0, SIZE)

    return put, get, lambda: sum(1 for _ in backend.list())


def _library(endpoint: str) -> _Acts:
    import botocore.session
    from botocore.config import Config

    config = Config(max_pool_connections=THREADS)
    client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint, config=config)

    def put(key: str) -> object:
        return client.put_object(Bucket="botocore", Key=f"p/{key}", Body=DATA)

    def get(key: str) -> bytes:
        data: bytes = client.get_object(Bucket="botocore", Key=f"p/{key}")["Body"].read()
        return data

    def count() -> int:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="botocore", Prefix="p/")
        return sum(len(page["Contents"]) for page in pages)

    return put, get, count


if __name__ == "__main__":
    main(*sys.argv[1:])
