"""What the API server's answers mean: objects and pages of lists, or an error of ours that says what was refused, and why.

Nothing is sent here. What cannot be read is no answer: of a write it then is not known whether it was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from kubectl_lrs.clients.kubernetes.metadata import is_in_protobuf, listed
from kubectl_lrs.clients.kubernetes.transport import Response, TransportError
from kubectl_lrs.formats.documents import TOO_DEEP
from kubectl_lrs.formats.nesting import is_readable
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    ExistsError,
    ExitCode,
    ExpiredError,
    InvalidError,
    LrsError,
    MissingRightError,
    NoDryRunError,
    NotFoundError,
    NotServedError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest, loads, metadata_of, split_list
from kubectl_lrs.model.recall import Recall, Recalled, Unchanged
from kubectl_lrs.runtime import redact

_NO_DRY_RUN = "does not support dry run"
"""How the API server ends its only word for it: the Status has no cause of its own."""

_ERRORS: Mapping[int, type[ApiError]] = {409: ConflictError, 410: ExpiredError}

_NO_SUCH_PATH = b"404 page not found"
"""What the API server answers, in plain text, to a path of a group or version that it does not serve."""

_BY_WEBHOOK = 'admission webhook "'
"""How the word of an admission webhook begins."""

_UNDECODED = "cannot be handled as a"
"""What its word has in it for an object that has a field too many, or one of another type than its schema says."""


class UnansweredError(UnreachableError):
    """A write was sent and no answer came: it may or may not have been done. The caller finds out."""


@dataclass(frozen=True)
class Page:
    """A page of a LIST: each object as the server's own text and as data; the token of the next page, if any.

    `too_deep`: of objects that are nested too deeply for any step that descends, their metadata alone. `recalled`: by their
    place in `items`, those that an earlier backup has; they were not read, and are empty. `unchanged`: likewise, the sums of
    those that have the text that is saved.
    """

    items: list[tuple[str, Manifest]]
    resource_version: str
    next: str
    size: int
    too_deep: list[Manifest] = field(default_factory=list)
    recalled: dict[int, Recalled] = field(default_factory=dict)
    unchanged: dict[int, bytes] = field(default_factory=dict)


def object_of(data: bytes, server: str) -> Manifest:
    """The object that was asked for; UnreachableError where it is none."""
    try:
        text = data.decode()
        document = loads(text)
        is_deep = not is_readable(text, document)
    except RecursionError:
        is_deep = True
    except ValueError as error:
        raise UnreachableError(f"{server}: what answered is not a Kubernetes API server") from error
    if is_deep:
        raise LrsError(f"{server}: an object is {TOO_DEEP}, and is not read")
    if not isinstance(document, dict):
        raise UnreachableError(f"{server}: what answered is not a Kubernetes API server")
    return document


def object_named(data: bytes, server: str, name: str) -> Manifest:
    """The object of this name; UnreachableError where the answer is another one, or none."""
    found = object_of(data, server)
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") != name:
        raise UnreachableError(f"{server}: what answered is not a Kubernetes API server")
    return found


def written(data: bytes, server: str, name: str = "") -> Manifest:
    """What the server made of a write, the object of this `name`, if one is given. Where its answer cannot be read, whether it
    was done is not known."""
    try:
        return object_named(data, server, name) if name else object_of(data, server)
    except LrsError as error:
        raise UnansweredError(f"{error}: a write was answered with what cannot be read") from error


def page_of(data: bytes, recall: Recall | None = None) -> Page:
    """The page that an answer to a LIST is; UnreachableError where it is none."""
    try:
        return _of_metadata(data) if is_in_protobuf(data) else _of_objects(data, recall)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreachableError("the API server's answer to a LIST cannot be read") from error


def _of_metadata(data: bytes) -> Page:
    head, items = listed(data)
    return Page([("", each) for each in items], head.get("resourceVersion", ""), head.get("continue", ""), len(data))


def _of_objects(data: bytes, recall: Recall | None) -> Page:
    """A LIST without items, or with null for them, is an empty one, as Go writes it; anything else that is odd is no answer."""
    items: list[tuple[str, Manifest]] = []
    too_deep: list[Manifest] = []
    recalled: dict[int, Recalled] = {}
    unchanged: dict[int, bytes] = {}
    head: dict[str, Any] = {}
    for key, value in split_list(data.decode(), recall):
        if key != "items":
            head[key] = value
        elif value is not None:
            text, manifest = value
            if isinstance(manifest, (Recalled, Unchanged)):
                if isinstance(manifest, Recalled):
                    recalled[len(items)] = manifest
                else:
                    unchanged[len(items)] = manifest.sum
                items.append((text, {}))
                continue
            if not is_readable(text, manifest):
                too_deep.append({"metadata": dict(metadata_of(text))})
                continue
            manifest["metadata"].items()  # each has metadata, whatever is done with it
            items.append((text, manifest))
    metadata = head["metadata"] or {}
    version, token = metadata.get("resourceVersion"), metadata.get("continue")
    return Page(items, str(version or ""), str(token or ""), len(data), too_deep, recalled, unchanged)


def not_read(kind: str, about: Manifest) -> LrsError:
    """One object keeps a list from being whole."""
    name = "/".join(str(about["metadata"][key]) for key in ("namespace", "name") if about["metadata"].get(key))
    return LrsError(f"{kind} {name}: {TOO_DEEP}, and not read", hint="look at it with kubectl; it cannot be backed up")


# ---- failures


def unanswered(error: TransportError, method: str, path: str, server: str) -> UnreachableError:
    """A write that may have arrived is not the same as a server that is not there."""
    if method != "GET" and error.sent:
        return UnansweredError(f"{server}: no answer to {method} {path}: {error}")
    return UnreachableError(f"{server}: cannot be reached: {error}", hint=_reach_hint(error))


def _reach_hint(error: TransportError) -> str:
    if error.tls:
        return "check certificate-authority of the kubeconfig's cluster, or --tls-server-name"
    return "check the context with: kubectl cluster-info"


def refused(answer: Response, method: str, path: str, server: str) -> LrsError:
    """What a status that is none of success means."""
    status = answer.status
    try:
        said = json.loads(answer.data)
        message, reason, causes = redact.known(str(said["message"])), str(said.get("reason") or ""), _causes(said)
    except (ValueError, KeyError, TypeError):
        said, message, reason, causes = {}, f"{server}: HTTP {status} {answer.reason} to {method} {path}", "", []
    if status == 401:
        return CredentialsError(
            f"{server}: the credentials were refused",
            hint="check the context's user, or log in again",
        )
    if status == 403:
        return MissingRightError(message, causes=causes)
    if status == 404 and not _is_own(said, answer.data, path):
        kind = UnreachableError if method == "GET" else UnansweredError
        return kind(f"{message}: what answered is not a Kubernetes API server", hint="is there a proxy in between?")
    if reason == "BadRequest" and message.endswith(_NO_DRY_RUN):
        return NoDryRunError(message, status=status, reason=reason)
    # A GET was asked again, as long as that may help: nothing can be had of a server that still fails.
    exit_code = ExitCode.UNREACHABLE if method == "GET" and status >= 500 else None
    return _kind(status, reason, said, path)(message, status=status, reason=reason, exit_code=exit_code)


def _is_own(said: Mapping[str, Any], data: bytes, path: str) -> bool:
    """Whether a 404 is the API server's own, and not a load balancer's."""
    return said.get("kind") == "Status" or data.strip() == _NO_SUCH_PATH or path.startswith("/openapi/")


def _kind(status: int, reason: str, said: Mapping[str, Any], path: str) -> type[ApiError]:
    """What a refusal says of the object that was asked about. An admission webhook gives any status and reason it likes."""
    if str(said.get("message")).startswith(_BY_WEBHOOK):
        return _ERRORS.get(status, ApiError)
    details = said.get("details")
    named = str(details.get("name") or "") if isinstance(details, dict) else ""
    if status == 404:
        return NotFoundError if reason == "NotFound" and named in _names_in(path) else NotServedError
    if status == 409 and reason == "AlreadyExists" and named:
        return ExistsError
    has_fields = any(isinstance(each, dict) and each.get("field") for each in _listed_causes(said))
    if (reason == "Invalid" and has_fields) or (reason == "BadRequest" and _UNDECODED in str(said["message"])):
        return InvalidError
    return _ERRORS.get(status, ApiError)


def _names_in(path: str) -> list[str]:
    """Every name that the path of a request has."""
    return [unquote(part) for part in path.split("/") if part]


def _listed_causes(status: Mapping[str, Any]) -> Sequence[Any]:
    details = status.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    return listed if isinstance(listed, list) else ()


def _causes(status: Mapping[str, Any]) -> list[str]:
    """The reasons that a Status gives in its details, such as NamespaceTerminating."""
    return [str(each["reason"]) for each in _listed_causes(status) if isinstance(each, dict) and each.get("reason")]
