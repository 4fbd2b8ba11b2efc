"""What obstore raises, as errors of ours: by the answer that stands in its words. Pure."""

from __future__ import annotations

import re
from xml.sax.saxutils import unescape

from kubectl_lrs.backends.base import PassingError
from kubectl_lrs.backends.s3_errors import of_code
from kubectl_lrs.model.errors import LrsError
from kubectl_lrs.runtime.redact import text as heard


class Unfit(Exception):  # noqa: N818  it is no failure
    """This library cannot do it: the other one is asked. `for_good`: nor can it do anything else here.

    `sent`: the request may have arrived all the same, and been acted on.
    """

    def __init__(self, *, for_good: bool = False, sent: bool = False) -> None:
        super().__init__()
        self.for_good = for_good
        self.sent = sent


_ANSWER = re.compile(r"Server returned non-2xx status code: (\d{3})[^:\n]*: ?(.*?)(?:\n\nDebug source|\Z)", re.DOTALL)
_CODE = re.compile(r"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_SYSTEM = re.compile(r'\bmessage: "([^"\n]+)"')
_KIND = re.compile(r"HttpError \{\s*kind: (\w+)")

_ELSEWHERE = frozenset(
    (
        "301",
        "302",
        "307",
        "308",
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraint",
    )
)
"""The bucket is in another region: the other library follows there, or says so."""


def translated(error: BaseException, where: str) -> LrsError | Unfit:
    """The error of ours for one that a request ended with."""
    said = str(error)
    if (found := _ANSWER.search(said)) is not None:
        return _answered(found[1], found[2], where)
    if "ertificate" in said:  # the other library's rules of trust decide, and its words
        return Unfit(for_good=True)
    if "HTTP error" in said or "HttpError" in said:
        return PassingError(f"{where}: cannot be reached: {_why(said)}", hint="check the endpoint and the network")
    return Unfit(sent="Could not parse path" not in said)


def _answered(status: str, body: str, where: str) -> LrsError | Unfit:
    code, message = _CODE.search(body), _MESSAGE.search(body)
    word = unescape(code[1]) if code else status
    if word in _ELSEWHERE or status in _ELSEWHERE:
        return Unfit(for_good=True)
    return of_code(word, unescape(message[1]) if message else f"the server answers {status}", where, status=status)


def _why(said: str) -> str:
    """The innermost reason: the system's words, else the kind of it."""
    if (system := _SYSTEM.search(said)) is not None:
        return heard(system[1])
    kind = _KIND.search(said)
    return _KINDS.get(kind[1] if kind else "", "the connection breaks off")


_KINDS = {"Timeout": "timed out", "Connect": "no connection", "Decode": "what came cannot be understood"}
