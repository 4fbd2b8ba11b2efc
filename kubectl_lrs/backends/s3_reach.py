"""How a bucket is reached, as botocore finds it out: endpoint, region, address, credentials. For whoever speaks S3 without it.

Where an option is not understood here, botocore alone makes the requests.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn
from urllib.parse import urlsplit

from kubectl_lrs.backends.options import S3Options
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import BUNDLES, is_the_systems
from kubectl_lrs.model.errors import CredentialsError, LrsError
from kubectl_lrs.runtime.redact import remember
from kubectl_lrs.runtime.redact import text as heard

_KEYS = ("key", "secret", "token", "profile", "anon")
_UNDERSTOOD = frozenset((*_KEYS, "endpoint_url", "client_kwargs", "config_kwargs"))
_OF_CLIENT = frozenset(("region_name", "endpoint_url"))
_OF_CONFIG = frozenset(("s3", "region_name", "max_pool_connections", "retries"))

FRESH = timedelta(minutes=10)
"""How long credentials are taken from botocore anew, which renews them when they come near their end."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """`endpoint`: scheme, host and port, the bucket being part of it where `is_virtual`. `keys` None: nothing is signed."""

    bucket: str
    endpoint: str
    region: str
    is_virtual: bool = False
    proxy: str = ""
    keys: Keys | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Of the endpoint."""
        return urlsplit(self.endpoint).hostname or ""


class Keys:
    """Credentials by botocore's chain: variables, profiles, SSO, web identities, metadata of the machine."""

    def __init__(self, session: Any, place: StorageLocation, options: S3Options) -> None:
        self._session = session
        self._place = place
        self._options = options
        self._lock = threading.Lock()
        self._found: Any = None
        self._refused: LrsError | None = None

    def give(self) -> dict[str, Any]:
        """Those of now. They are never shown from here on."""
        with self._lock:
            try:
                frozen = self._frozen()
            except Exception as error:
                self._refused = self._told(error)
                raise
            self._refused = None
        remember(*(each for each in (frozen.secret_key, frozen.token) if each))
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(timezone.utc) + FRESH,
        }

    def _frozen(self) -> Any:
        if self._options.get("key") and self._options.get("secret"):
            from botocore.credentials import ReadOnlyCredentials

            return ReadOnlyCredentials(self._options["key"], self._options["secret"], self._options.get("token"))
        self._found = self._found or self._session.get_credentials()
        if self._found is None:
            from botocore.exceptions import NoCredentialsError

            raise NoCredentialsError
        return self._found.get_frozen_credentials()

    def _told(self, error: Exception) -> LrsError:
        hint = f"give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or {self._place.said.options} FILE"
        return CredentialsError(f"s3://{self._place.host_and_path[0]}: {heard(error)}", hint=hint)

    def refused(self) -> LrsError | None:
        """Why there were none when they were asked for last."""
        with self._lock:
            return self._refused


def reach(place: StorageLocation, options: S3Options, session: Any) -> Reach | None:
    """None where only botocore knows how, or it refuses: whoever asks it in earnest will say why. `session`: of botocore.

    Nor where certificates are checked against a bundle: what speaks S3 besides can only add to what the system trusts.
    """
    client, config = _parts(options)
    if not (options.keys() <= _UNDERSTOOD and client.keys() <= _OF_CLIENT and config.keys() <= _OF_CONFIG):
        return None
    try:
        url, region = _address(session, place, options)
        bundles = {place.ca_file, session.get_config_variable("ca_bundle"), *map(os.environ.get, BUNDLES)}
    except Exception:  # noqa: BLE001  what is wrong with the options is said by the client
        return None
    if url.startswith("https:") and not all(is_the_systems(each) for each in bundles if each):
        return None
    parts, bucket = urlsplit(url), place.host_and_path[0]
    proxy = Proxies(os.environ).of(url)
    return Reach(
        bucket=bucket,
        endpoint=f"{parts.scheme}://{parts.netloc}",
        region=region,
        is_virtual=not parts.path.startswith(f"/{bucket}/"),
        proxy=proxy.geturl() if proxy else "",
        keys=None if options.get("anon") else Keys(session, place, options),
    )


def _parts(options: S3Options) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those of the client, those of its configuration, as the user has them."""
    found: tuple[object, object] = (options.get("client_kwargs") or {}, options.get("config_kwargs") or {})
    client, config = (dict(each) if isinstance(each, Mapping) else {"": each} for each in found)
    return client, config


class _Asked(Exception):  # noqa: N818  it ends a request that is never sent
    """Where it would have gone."""


def _address(session: Any, place: StorageLocation, options: S3Options) -> tuple[str, str]:
    """The URL of an object, and the region that is signed for: those of a client that is stopped before it sends."""
    from botocore import UNSIGNED
    from botocore.config import Config

    client, config = _parts(options)
    asked = session.create_client(
        "s3",
        region_name=client.get("region_name"),
        endpoint_url=place.endpoint or options.get("endpoint_url") or client.get("endpoint_url"),
        config=Config(**{**config, "signature_version": UNSIGNED}),
    )
    asked.meta.events.register("before-send.s3.HeadObject", _stop)
    try:
        asked.head_object(Bucket=place.host_and_path[0], Key="k")
    except _Asked as found:
        region = str(asked.meta.region_name or "us-east-1")
        return str(found), "us-east-1" if region == "aws-global" else region
    raise LrsError(f"{place.url}: it is not known where a request would go")


def _stop(request: Any, **_: Any) -> NoReturn:
    raise _Asked(request.url)
