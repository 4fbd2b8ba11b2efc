"""What gateways and proxies between us and S3 do to requests, as rules of `bed/s3_between.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.bed.s3_between import Answer, Forward, Request, Rule


def key_of(request: Request) -> str:
    """The key of a request about one object, without the prefix."""
    return request.path.partition("?")[0].partition("/p/")[2]


def loses(*names: str) -> Rule:
    """A gateway that does not keep some headers of an object."""

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method not in ("HEAD", "GET") or not key_of(request):
            return None
        answer = forward()
        answer.headers = {name: value for name, value in answer.headers.items() if name.lower() not in names}
        return answer

    return rule


def adds(name: str, value: str) -> Rule:
    """One that keeps something of its own with it."""

    def rule(request: Request, forward: Forward) -> Answer | None:
        if request.method not in ("HEAD", "GET") or not key_of(request):
            return None
        answer = forward()
        answer.headers = {**answer.headers, name: value}
        return answer

    return rule


def answers(method: str, key: str, answer: Callable[[], Answer]) -> Rule:
    """It answers so to a method and a key, and the server is not asked."""

    def rule(request: Request, _forward: Forward) -> Answer | None:
        return answer() if request.method == method and key_of(request) == key else None

    return rule


def always(status: int, code: str, *methods: str) -> Rule:
    return lambda request, _forward: Answer.error(status, code) if request.method in methods else None


def first(count: int, method: str, act: Callable[[Forward], Answer]) -> Rule:
    """Something that happens to the first requests of a method."""
    left, lock = [count], threading.Lock()

    def rule(request: Request, forward: Forward) -> Answer | None:
        with lock:
            if request.method != method or not left[0]:
                return None
            left[0] -= 1
        return act(forward)

    return rule


def done(forward: Forward, answer: Answer) -> Answer:
    forward()
    return answer
