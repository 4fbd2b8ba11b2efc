"""botocore's client of a bucket, out of options and environment: who knows every request of S3. It tries nothing again.

Options are those that s3fs and boto3 have for it; one that nothing would come of is refused.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from kubectl_lrs.backends.options import S3Options, options_of
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.s3_errors import translated
from kubectl_lrs.backends.s3_lists import reader
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import BUNDLES, anchors_file, system_file
from kubectl_lrs.model.errors import UsageError
from kubectl_lrs.runtime.redact import text as heard

AWS = "https://s3.amazonaws.com"
"""Where requests go without an endpoint, as far as rules for proxies are concerned."""

_CREDENTIALS = {"key": "aws_access_key_id", "secret": "aws_secret_access_key", "token": "aws_session_token"}


class Library:
    """A client that is made when it is needed, which takes some tenths of a second; safe to use from several threads."""

    def __init__(self, place: StorageLocation, hidden: tuple[str, ...] = ()) -> None:
        """UsageError where there is an option that it does not have."""
        self.options = options_of(place, S3Options, takes="s3:// takes")
        self.session = session_of(self.options.get("profile"))
        self._place = place
        self._hidden = hidden
        self._lock = threading.Lock()
        self._opened: Any = None
        self._takes: dict[str, frozenset[str]] = {}
        self._beside: dict[str, Any] = {**(self.options.get("s3_additional_kwargs") or {})}
        if self.options.get("requester_pays"):
            self._beside["RequestPayer"] = "requester"

    @property
    def sums_itself(self) -> bool:
        """Whether the user wants the library's checksums, beside which no MD5 may stand."""
        return bool(self._beside.get("ChecksumAlgorithm"))

    def ready(self) -> Any:
        """UsageError for options that are not right; CredentialsError where a profile, or half of a key, is not there."""
        with self._lock:
            if self._opened is None:
                self._opened = self._made()
            return self._opened

    @property
    def is_amazons(self) -> bool:
        """Whether requests go to AWS, and to nobody who only speaks as it does."""
        host = urlsplit(self.ready().meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def call(self, method: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request, once, with what the user wants beside each that has it. The library's own errors."""
        client = self.ready()
        beside = {name: value for name, value in self._beside.items() if name in self._members(client, method)}
        answer: dict[str, Any] = getattr(client, method)(**{**beside, **request})
        return answer

    def _members(self, client: Any, method: str) -> frozenset[str]:
        """What may be in a request."""
        if not self._beside:
            return frozenset()
        if method not in self._takes:
            operation = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
            self._takes[method] = frozenset(operation.input_shape.members)
        return self._takes[method]

    def _made(self) -> Any:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, PartialCredentialsError, ProfileNotFound

        files = ExitStack()
        try:
            self.session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=instant)
            client, config = arguments(self._place, self.options, self.session, files)
            made = self.session.create_client("s3", config=Config(**config), **client)
            made.meta.events.register("before-parse.s3.ListObjectsV2", reader(instant))
        except (PartialCredentialsError, ProfileNotFound) as error:
            raise translated(error, self._place.url, "", self._hidden) from error
        except (TypeError, ValueError, KeyError, BotoCoreError) as error:
            raise UsageError(f"{self._place.said.options}: {heard(error, self._hidden)}") from None
        weakref.finalize(made, files.close)  # it reads them when it connects, which may be again; at the end of the run at last
        return made


def instant(said: Any) -> datetime:
    """A time in an answer, in UTC. The library's own way takes most of the time that it has for a list."""
    if isinstance(said, str) and said.endswith("Z"):
        with suppress(ValueError):
            return datetime.fromisoformat(f"{said[:-1]}+00:00")
    from botocore.utils import parse_timestamp

    found: datetime = parse_timestamp(said)
    return found


def session_of(profile: str | None) -> Any:
    """What knows profiles, credentials and settings; it reads them when it is asked."""
    import botocore.session

    made = botocore.session.Session(profile=profile)
    with suppress(Exception):  # what is wrong with a profile is said by the client
        made.register_component("data_loader", _loader(made.get_config_variable("data_path")))
    return made


@cache
def _loader(data_path: str | None) -> Any:
    """What reads the library's own descriptions of S3, which are megabytes: once for all that a call opens."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


def arguments(
    place: StorageLocation, options: S3Options, session: Any, files: ExitStack
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a client is made of, and its configuration; `files` that are made for it stay as long as it does."""
    from botocore import UNSIGNED

    client: dict[str, Any] = {**(options.get("client_kwargs") or {})}
    config: dict[str, Any] = {"retries": {"total_max_attempts": 1, "mode": "standard"}, "connect_timeout": 10, "read_timeout": 60}
    config |= _no_trailers()
    config |= {"max_pool_connections": max(10, 2 * place.workers), **(options.get("config_kwargs") or {})}
    client |= {_CREDENTIALS[name]: value for name, value in options.items() if name in _CREDENTIALS and value}
    client |= {"use_ssl": options["use_ssl"]} if "use_ssl" in options else {}
    if endpoint := place.endpoint or options.get("endpoint_url"):
        client["endpoint_url"] = endpoint
    if options.get("anon"):
        config["signature_version"] = UNSIGNED
    if place.ca_file:
        client["verify"] = files.enter_context(anchors_file(place.ca_file, what=place.said.ca_file))
    elif "verify" not in client and (bundle := _bundle(session, files)):
        client["verify"] = bundle
    where = str(client.get("endpoint_url") or AWS)
    proxy = Proxies(os.environ).of(where)
    config.setdefault("proxies", {urlsplit(where).scheme: proxy.geturl()} if proxy else {})
    return client, config


def _bundle(session: Any, files: ExitStack) -> str:
    """Whom everybody trusts: the bundle that the environment names, else the system's. Empty: what AWS' own settings say."""
    from botocore.exceptions import BotoCoreError

    with suppress(BotoCoreError):  # a profile that is not there is said by the first request
        if session.get_config_variable("ca_bundle"):
            return ""
    for name in BUNDLES:
        if path := os.environ.get(name):
            return files.enter_context(anchors_file(path, what=name))
    return system_file()


def _no_trailers() -> dict[str, str]:
    """Over TLS the library's own checksums come after the body, as `Content-Encoding: aws-chunked`.

    Not every server takes that for what it is; some keep it with the object. An MD5 goes with every body instead.
    """
    from botocore.config import Config

    return {"request_checksum_calculation": "when_required"} if "request_checksum_calculation" in Config.OPTION_DEFAULTS else {}
