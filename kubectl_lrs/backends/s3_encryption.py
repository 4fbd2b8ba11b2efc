"""How a bucket is asked to encrypt what is written into it: by its own keys, or by one of KMS. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubectl_lrs.model.errors import UsageError

ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")
SSE, KEY, BUCKET_KEY = "LRS_S3_SSE", "LRS_S3_SSE_KEY", "LRS_S3_BUCKET_KEY"
_YES_OR_NO = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Encryption:
    """What is asked for with each upload; nothing leaves it to the bucket.

    `key`: the id of a key of KMS. `bucket_key`: whether one key of KMS serves for all objects for a while.
    """

    algorithm: str = ""
    key: str = ""
    bucket_key: bool | None = None

    @property
    def request(self) -> dict[str, object]:
        """As PutObject and CreateMultipartUpload take it."""
        given = {"ServerSideEncryption": self.algorithm, "SSEKMSKeyId": self.key}
        asked: dict[str, object] = {name: value for name, value in given.items() if value}
        return asked if self.bucket_key is None else {**asked, "BucketKeyEnabled": self.bucket_key}


BY_THE_BUCKET = Encryption()


def from_environment(environment: Mapping[str, str]) -> Encryption:
    """As LRS_S3_SSE, LRS_S3_SSE_KEY and LRS_S3_BUCKET_KEY say. UsageError where they do not go together."""
    algorithm, key, bucket_key = (environment.get(name, "").strip() for name in (SSE, KEY, BUCKET_KEY))
    if algorithm and algorithm not in ALGORITHMS:
        raise UsageError(f"{SSE}={algorithm!r}: no such encryption", hint=f"one of: {', '.join(ALGORITHMS)}")
    if (key or bucket_key) and not algorithm.startswith("aws:kms"):
        raise UsageError(f"{KEY if key else BUCKET_KEY} is of use only with {SSE}=aws:kms", hint=f"set {SSE}, or leave it out")
    if bucket_key and bucket_key.lower() not in _YES_OR_NO:
        raise UsageError(f"{BUCKET_KEY}={bucket_key!r}: true or false")
    if bucket_key and algorithm == "aws:kms:dsse":
        raise UsageError(f"{BUCKET_KEY} is not for aws:kms:dsse", hint="leave it out")
    return Encryption(algorithm=algorithm, key=key, bucket_key=_YES_OR_NO.get(bucket_key.lower()))
