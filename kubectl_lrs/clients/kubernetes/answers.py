"""What the API server's answers mean: objects and pages of lists, or an error of ours that says what was refused, and why.

Nothing is sent here. What cannot be read is no answer: of a write it then is not known whether it was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubectl_lrs.clients.kubernetes.metadata import is_in_protobuf, listed
from kubectl_lrs.clients.kubernetes.transport import Response, TransportError
from kubectl_lrs.formats.documents import TOO_DEEP
from kubectl_lrs.formats.nesting import is_readable
from kubectl_lrs.model.errors import (
    ApiError,
    ConflictError,
    CredentialsError,
    ExitCode,
    ExpiredError,
    LrsError,
    MissingRightError,
    NoDryRunError,
    NotFoundError,
    UnreachableError,
)
from kubectl_lrs.model.manifest import Manifest, loads, metadata_of, split_list
from kubectl_lrs.model.recall import Recall, Recalled
from kubectl_lrs.runtime import redact

_NO_DRY_RUN = "does not support dry run"
"""How the API server ends its only word for it: the Status has no cause of its own."""

_ERRORS: Mapping[int, type[ApiError]] = {404: NotFoundError, 409: ConflictError, 410: ExpiredError}


class UnansweredError(UnreachableError):
    """A write was sent and no answer came: it may or may not have been done. The caller finds out."""


@dataclass(frozen=True)
class Page:
    """A page of a LIST: each object as the server's own text and as data; the token of the next page, if any.

    `too_deep`: of objects that are nested too deeply for any step that descends, their metadata alone. `recalled`: by their
    place in `items`, those that an earlier backup has; they were not read, and are empty.
    """

    items: list[tuple[str, Manifest]]
    resource_version: str
    next: str
    size: int
    too_deep: list[Manifest] = field(default_factory=list)
    recalled: dict[int, Recalled] = field(default_factory=dict)


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


def written(data: bytes, server: str) -> Manifest:
    """What the server made of a write. Where its answer cannot be read, whether it was done is not known."""
    try:
        return object_of(data, server)
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
    head: dict[str, Any] = {}
    for key, value in split_list(data.decode(), recall):
        if key != "items":
            head[key] = value
        elif value is not None:
            text, manifest = value
            if isinstance(manifest, Recalled):
                recalled[len(items)] = manifest
                items.append((text, {}))
                continue
            if not is_readable(text, manifest):
                too_deep.append({"metadata": dict(metadata_of(text))})
                continue
            manifest["metadata"].items()  # each has metadata, whatever is done with it
            items.append((text, manifest))
    metadata = head["metadata"] or {}
    version, token = metadata.get("resourceVersion"), metadata.get("continue")
    return Page(items, str(version or ""), str(token or ""), len(data), too_deep, recalled)


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
        message, reason, causes = f"{server}: HTTP {status} {answer.reason} to {method} {path}", "", []
    if status == 401:
        return CredentialsError(
            f"{server}: the credentials were refused",
            hint="check the context's user, or log in again",
        )
    if status == 403:
        return MissingRightError(message, causes=causes)
    if reason == "BadRequest" and message.endswith(_NO_DRY_RUN):
        return NoDryRunError(message, status=status, reason=reason)
    # A GET was asked again, as long as that may help: nothing can be had of a server that still fails.
    exit_code = ExitCode.UNREACHABLE if method == "GET" and status >= 500 else None
    return _ERRORS.get(status, ApiError)(message, status=status, reason=reason, exit_code=exit_code)


def _causes(status: Mapping[str, Any]) -> list[str]:
    """The reasons that a Status gives in its details, such as NamespaceTerminating."""
    details = status.get("details")
    listed = details.get("causes") if isinstance(details, dict) else None
    return [str(each["reason"]) for each in listed or () if isinstance(each, dict) and each.get("reason")]
