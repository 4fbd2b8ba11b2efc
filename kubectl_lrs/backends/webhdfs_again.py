"""Which requests of WebHDFS are sent again, and when: what a node or a gateway could not do just then, and what broke off.

A name that is given (RENAME) is never sent again here: whoever gives it knows whether it may come late.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubectl_lrs.backends.rest import PATIENT
from kubectl_lrs.runtime.retry import PASSING, REFUSED_UNDONE, Outage, Tries, retry_after

_REPEATABLE = frozenset(("CREATE", "MKDIRS", "SETTIMES", "SETPERMISSION", "SETOWNER"))
"""What comes to the same when it is done twice."""


def operation_of(url: str) -> str:
    """What is asked for."""
    return "".join(parse_qs(urlsplit(url).query).get("op", []))


def insist_on(session: Any) -> None:
    """Have a session of `requests` send again what may be."""
    send, outage = session.send, Outage()

    def sent(request: Any, **settings: Any) -> Any:
        tries = Tries(PATIENT, None, outage=outage)
        while True:
            try:
                answer = send(request, **settings)
            except OSError as error:
                outage.failed()
                if not (may_repeat(request) and _may_pass(error) and tries.again()):
                    raise
                continue
            if answer.status_code not in PASSING or _is_hadoops(answer):
                outage.succeeded()
                return answer
            outage.failed()
            if not (_may_send(request, answer) and tries.again(asked=retry_after(answer.headers.get("Retry-After")))):
                return answer

    session.send = sent


def may_repeat(request: Any) -> bool:
    """Whether it does no harm though it may have been done."""
    if request.method in ("GET", "HEAD", "DELETE"):
        return True
    return not request.body if request.method == "POST" else operation_of(str(request.url)) in _REPEATABLE


def _may_send(request: Any, answer: Any) -> bool:
    is_undone = answer.status_code in REFUSED_UNDONE and operation_of(str(request.url)) != "RENAME"
    return is_undone or may_repeat(request)


def _may_pass(error: OSError) -> bool:
    """Whether it is of the way, and no word of the storage, and not of what was asked."""
    return not isinstance(error, (PermissionError, FileNotFoundError, FileExistsError, ValueError))


def _is_hadoops(answer: Any) -> bool:
    """Whether it is Hadoop's own refusal, which has 500 for many a reason that stays."""
    return answer.status_code not in REFUSED_UNDONE and b'"RemoteException"' in answer.content
