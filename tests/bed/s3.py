"""An S3 service on loopback: versitygw over plain files. It ends when this process does, however it ends."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.bed import toolchain
from tests.bed.controlplane import START_LIMIT
from tests.bed.ports import reserved

MODULE = Path(__file__).resolve().parent / "go-s3"
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
_WITH_ITS_PARENT = """
import os, subprocess, sys
gateway = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.buffer.read()
gateway.kill()
"""
"""The gateway does not watch its standard input; this does, and ends it."""


def program() -> Path:
    """The gateway, built once."""
    return toolchain.program(MODULE, PACKAGE, "versitygw")


class S3:
    """A running gateway. `endpoint` is its URL; `buckets` the folder whose folders are the buckets.

    `versions`: a bucket may keep the versions of its objects. `sidecar`: what stands beside the content of an object is in
    files of its own; else in extended attributes, which not every file system has, and which take no room of their own.
    """

    access, secret = "lrs-test", "lrs-test-not-a-secret"
    """The root user's credentials."""

    def __init__(
        self,
        directory: Path,
        *,
        certificate: tuple[Path, Path] | None = None,
        versions: bool = False,
        sidecar: bool = True,
    ) -> None:
        self.directory = directory
        self._sidecar = sidecar
        self._versions = versions
        self.buckets = directory / "buckets"
        self._certificate = certificate
        self._program = program()  # now: a test may have another HOME, and so another cache, when it starts it again
        (self.port,) = reserved(1)
        self.endpoint = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> S3:
        for path in (self.buckets, *(self.directory / name for name in ("users", "sidecar", "versions"))):
            path.mkdir(parents=True, exist_ok=True)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client finds the root user's credentials in."""
        return {
            "AWS_ACCESS_KEY_ID": self.access,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it, or start it again on its port; returns when it answers."""
        command = [str(self._program), "--port", f"127.0.0.1:{self.port}", "--region", "us-east-1", "--quiet", "--keep-alive"]
        command += ["--iam-dir", str(self.directory / "users")]
        if self._certificate:
            command += ["--cert", str(self._certificate[0]), "--key", str(self._certificate[1])]
        command += ["posix"]
        command += ["--sidecar", str(self.directory / "sidecar")] if self._sidecar else []
        command += ["--versioning-dir", str(self.directory / "versions")] if self._versions else []
        command += [str(self.buckets)]
        with (self.directory / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _WITH_ITS_PARENT, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={
                    "PATH": os.defpath,
                    "HOME": str(self.directory),
                    "ROOT_ACCESS_KEY": self.access,
                    "ROOT_SECRET_KEY": self.secret,
                },
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        limit = time.monotonic() + START_LIMIT
        while time.monotonic() < limit:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/")
                connection.getresponse()
            except http.client.HTTPException:  # it speaks TLS
                return
            except OSError:
                if self._process and self._process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"the S3 gateway does not answer: {(self.directory / 's3.log').read_text(errors='replace')[-2000:]}")

    def add_user(self, access: str, secret: str) -> Mapping[str, str]:
        """One who may do nothing but what a bucket's policy says; what a client finds the credentials in."""
        command = [str(self._program), "admin", "--endpoint-url", self.endpoint, "--region", "us-east-1", "create-user"]
        subprocess.run(
            [*command, "--access", access, "--secret", secret, "--role", "user"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"ADMIN_ACCESS_KEY": self.access, "ADMIN_SECRET_KEY": self.secret, "PATH": os.defpath},
        )
        return {**self.environment, "AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    def allow(self, access: str, bucket: str, *actions: str) -> None:
        """A policy of the bucket: this user may do these things there, and nothing else."""
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = [{"Effect": "Allow", "Principal": access, "Action": list(actions), "Resource": resources}]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.client().put_bucket_policy(Bucket=bucket, Policy=policy)

    def client(self, access: str = "", secret: str = "") -> Any:
        """Amazon's own client, as the root user or another."""
        import botocore.session

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=access or self.access,
            aws_secret_access_key=secret or self.secret,
        )

    def make_locked_bucket(self, name: str) -> None:
        """One in which every object is locked for a day."""
        client = self.client()
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})

    def stop(self) -> None:
        """End it, as a crash would."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None

    def pause(self) -> None:
        """Freeze it: connections stand, no answer comes."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End `pause`."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGCONT)
