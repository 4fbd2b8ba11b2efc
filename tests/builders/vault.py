"""A server with KMS in place of S3, as a rule of `bed/s3_between.py`: the gateway of the bed knows no keys."""

from __future__ import annotations

import base64
import hashlib

from kubectl_lrs.backends.s3_encryption import Encryption
from tests.bed.s3_between import Answer, Forward, Request

KMS = Encryption(algorithm="aws:kms", key="arn:aws:kms:us-east-1:1:key/k", bucket_key=True)
ASKED = {
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:us-east-1:1:key/k",
    "x-amz-server-side-encryption-bucket-key-enabled": "true",
}


class Vault:
    """A server with KMS: it refuses uploads that do not ask for its key, and has etags that are no sums. Parts are not kept."""

    def __init__(self, *, tells_sums: bool = True) -> None:
        self.held: dict[str, bytes] = {}
        self.tells_sums = tells_sums
        self.spoils = False

    def __call__(self, request: Request, _forward: Forward) -> Answer | None:
        key = request.path.partition("?")[0]
        if request.method == "PUT":
            return self._put(key, request)
        if request.method in ("GET", "HEAD") and "list-type" not in request.path:
            return self._get(key, request)
        return None

    def _put(self, key: str, request: Request) -> Answer:
        if {name: request.headers.get(name) for name in ASKED} != ASKED:
            return Answer.error(403, "AccessDenied")
        if request.headers.get("x-amz-checksum-sha256") != sum_of(request.body):
            return Answer.error(400, "BadDigest")
        if key in self.held and "if-none-match" in request.headers:
            return Answer.error(412, "PreconditionFailed")
        self.held[key] = request.body + b"!" if self.spoils else request.body
        return Answer(status=200, headers={"ETag": self._etag(key), "x-amz-server-side-encryption": "aws:kms"})

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(b"encrypted" + self.held[key], usedforsecurity=False).hexdigest()}"'

    def _get(self, key: str, request: Request) -> Answer:
        if key not in self.held:
            return Answer.error(404, "NoSuchKey")
        data = self.held[key]
        headers = {"ETag": self._etag(key), "Last-Modified": "Fri, 01 Jan 2027 00:00:10 GMT"}
        headers["x-amz-server-side-encryption"] = "aws:kms"
        if self.tells_sums and request.headers.get("x-amz-checksum-mode") == "ENABLED":
            headers["x-amz-checksum-sha256"] = sum_of(data)
        if request.method == "HEAD":
            return Answer(status=200, headers={**headers, "Content-Length": str(len(data))})
        if (wanted := request.headers.get("range")) is None:
            return Answer(status=200, headers=headers, body=data)
        start, end = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
        body = data[start : end + 1]
        return Answer(
            status=206, headers={**headers, "Content-Range": f"bytes {start}-{start + len(body) - 1}/{len(data)}"}, body=body
        )


def sum_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
