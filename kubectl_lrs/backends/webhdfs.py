"""What fsspec's WebHDFS leaves out: limits on waiting, failures of data nodes, and a rename that says what it did.

Only what the library shows is used of it: its session, its URL and its parameters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from kubectl_lrs.backends.base import BETWEEN
from kubectl_lrs.backends.place import StorageLocation
from kubectl_lrs.backends.webhdfs_again import insist_on, operation_of
from kubectl_lrs.clients.http.foreign import take_over
from kubectl_lrs.clients.proxies import Proxies
from kubectl_lrs.clients.tls import Tls, from_files

TIMEOUT = (10.0, 300.0)
"""Seconds for a connection and for the next bytes; WebHDFS has none by itself."""


def prepare(system: Any, place: StorageLocation) -> None:
    """Its session of `requests` is given what all of ours have; a refusal is not taken for content, nor a part for the whole."""
    verify = place.options.get("session_verify")
    bundle = place.ca_file or (verify if isinstance(verify, str) else "")
    flag = place.said.ca_file if place.ca_file else f"{place.said.options}: session_verify"
    tls = Tls(insecure=True) if verify is False and not bundle else from_files(bundle, os.environ, flag=flag)
    take_over(system.session, first=system.url, tls=tls, proxies=Proxies(os.environ), timeout=TIMEOUT, retries=0)
    insist_on(system.session)
    system.session.hooks["response"] += [_keep_name, _require_hdfs, _require_content]


def _keep_name(answer: Any, **_: Any) -> None:
    """A name node writes by Java's URL where the bytes of a file are, and that composes letters: an e with an accent of its own
    becomes another name, of which nothing is there, or a folder is made.
    """
    asked, led = urlsplit(str(answer.url)), urlsplit(answer.headers.get("Location", ""))
    if led.path != asked.path and _composed(led.path) == _composed(asked.path):
        answer.headers["Location"] = urlunsplit(led._replace(path=asked.path))


def _composed(path: str) -> str:
    return normalize("NFC", unquote(path))


def _require_hdfs(answer: Any, **_: Any) -> None:
    """What says that all is well is of HDFS: a page to sign in or of maintenance tells nothing. ConnectionError."""
    if answer.status_code not in (200, 201):
        return
    wanted = _TOLD.get(operation_of(str(answer.url)), "")
    is_page = "html" in answer.headers.get("Content-Type", "").lower()
    if is_page or (wanted and not _tells(answer, wanted)):
        raise ConnectionError(f"what is answered is not of HDFS; {BETWEEN}")


_TOLD: Mapping[str, str] = {
    "GETFILESTATUS": "FileStatus",
    "LISTSTATUS": "FileStatuses",
    "GETCONTENTSUMMARY": "ContentSummary",
    "MKDIRS": "boolean",
    "DELETE": "boolean",
}
"""What an answer says, by what was asked."""


def _tells(answer: Any, wanted: str) -> bool:
    try:
        found = answer.json()
    except ValueError:
        return False
    return isinstance(found, dict) and wanted in found


def _require_content(answer: Any, **_: Any) -> None:
    asked = operation_of(str(answer.url))
    if asked == "OPEN":
        _require_whole(answer)
    elif asked in ("CREATE", "APPEND") and answer.status_code >= 400 and (error := _remote(answer)):
        raise error  # of what a data node says, such as that a quota is exceeded, the library looks at the status alone


def _require_whole(answer: Any) -> None:
    """Of content: it is there, and as long as it was said to be. ConnectionError."""
    if answer.status_code >= 400:
        _raise(answer)
    said = answer.headers.get("Content-Length")
    if answer.status_code == 200 and said is not None and len(answer.content) != int(said):
        raise ConnectionError(f"{len(answer.content)} of {said} bytes came")


def _raise(answer: Any) -> None:
    """HDFS says by the name of a Java class what it is; HTTP's status tells the rest."""
    if error := _remote(answer):
        raise error
    answer.raise_for_status()


def _remote(answer: Any) -> Exception | None:
    """What Hadoop itself says, without where in it; None where the answer is anybody's."""
    try:
        remote = answer.json()["RemoteException"]
        name, message = str(remote["exception"]), str(remote["message"])
    except (ValueError, KeyError, TypeError):
        return None
    return _JAVA.get(name, RuntimeError)(message.partition("\n")[0])


_JAVA: Mapping[str, type[Exception]] = {
    "FileNotFoundException": FileNotFoundError,
    "AccessControlException": PermissionError,
    "FileAlreadyExistsException": FileExistsError,
}


def rename(system: Any, part: str, full: str, *, replace: bool) -> float | None:
    """A file to its place, over what is there only where it is to replace it. When that was, as far as the name node says."""
    option = "OVERWRITE" if replace else "NONE"
    return _date_of(_put(system, part, {"op": "RENAME", "destination": full, "renameoptions": option}))


def set_time(system: Any, full: str, at: float) -> None:
    """A file was changed then, by seconds of the epoch; a rename leaves it the time of its last byte."""
    _put(system, full, {"op": "SETTIMES", "modificationtime": str(int(at * 1000)), "accesstime": "-1"})


def _put(system: Any, path: str, parameters: Mapping[str, str]) -> Any:
    url = _through(system.proxy)(f"{system.url}{quote(path, safe='/=')}")
    answer = system.session.put(url, params={**system.pars, **parameters})
    if answer.status_code >= 400:
        _raise(answer)
    return answer


def date(system: Any, path: str) -> float | None:
    """Seconds of the epoch by the clock of the name node, whose times files have; None where it does not say."""
    answer = system.session.get(f"{system.url}{quote(path, safe='/=')}", params={**system.pars, "op": "GETFILESTATUS"})
    if answer.status_code >= 400:
        with suppress(FileNotFoundError):  # that is its own word, too
            _raise(answer)
    return _date_of(answer)


def _date_of(answer: Any) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return None


def _through(proxy: Any) -> Callable[[str], str]:
    """The option `data_proxy`, as the library takes it: a function, or what is replaced by what."""

    def mapped(url: str) -> str:
        if callable(proxy):
            return str(proxy(url))
        for host, other in (proxy or {}).items():
            url = url.replace(host, other)
        return url

    return mapped
