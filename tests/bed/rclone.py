"""Rclone, as a peer of measurements and as a gateway of its own that encrypts what it stores."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bed import loader, toolchain
from tests.bed.ports import reserved

MODULE = Path(__file__).resolve().parent / "go-rclone"
ACCESS, SECRET = "lrs-test", "lrs-test-not-a-secret"


def program() -> Path:
    """Rclone, built once."""
    return toolchain.program(MODULE, ".", "rclone")


@contextmanager
def encrypting(directory: Path, bucket: str) -> Iterator[str]:
    """The URL of an S3 gateway with that bucket, whose names and contents lie encrypted in `directory/store`."""
    rclone, store, settings = program(), directory / "store", directory / "rclone.conf"
    store.mkdir(parents=True)
    word = subprocess.run([rclone, "obscure", "-"], input=SECRET, capture_output=True, text=True, check=True).stdout.strip()
    settings.write_text(f"[secret]\ntype = crypt\nremote = {store}\npassword = {word}\n")
    (port,) = reserved(1)
    command = [str(rclone), "--config", str(settings), "serve", "s3", "secret:", "--addr", f"127.0.0.1:{port}"]
    with subprocess.Popen([*command, "--auth-key", f"{ACCESS},{SECRET}"], stderr=subprocess.DEVNULL) as gateway:
        try:
            loader.wait_until(lambda: _has_made(port, bucket), "the gateway to answer")
            yield f"http://127.0.0.1:{port}"
        finally:
            gateway.kill()


def _has_made(port: int, bucket: str) -> bool:
    import botocore.exceptions
    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=ACCESS,
        aws_secret_access_key=SECRET,
    )
    try:
        client.create_bucket(Bucket=bucket)
    except botocore.exceptions.EndpointConnectionError:
        return False
    return True
