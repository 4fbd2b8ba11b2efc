"""The `Warning:` headers of an API server."""

from __future__ import annotations

import pytest

from kubectl_lrs.clients.kubernetes.warnings import MOST, Warnings, texts


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('299 - "unknown field \\"spec.x\\""', ['unknown field "spec.x"']),
        ('299 - "one", 299 - "two"', ["one", "two"]),
        ('299 kube "with a date" "Tue, 15 Nov 1994 08:12:31 GMT", 299 - "next, please"', ["with a date", "next, please"]),
        ('199 proxy "stale"', []),
        ('110 - "response is stale", 299 - "ours"', ["ours"]),
        ('299 - "back\\\\slash"', ["back\\slash"]),
        ('299 - "ünïcödé"'.encode().decode("latin-1"), ["ünïcödé"]),
        ("299 - no quotes", []),
        ('299 - "open', []),
        ("", []),
        ('299 - ""', []),
    ],
)
def test_texts(header: str, expected: list[str]) -> None:
    assert list(texts(header)) == expected


def test_each_is_told_once_and_what_came_before_anybody_listened_is_told_too() -> None:
    warnings, told = Warnings(), list[str]()
    warnings.read(['299 - "early"'])
    with warnings.told(told.append):
        assert told == ["Warning: early"]
        warnings.read(['299 - "late"', '299 - "early"'])
        warnings.read(['299 - "late"'])
    warnings.read(['299 - "after"', '299 - "late"'])
    assert told == ["Warning: early", "Warning: late"]
    with warnings.told(told.append):
        pass
    assert told[2:] == ["Warning: after"]


def test_endless_texts_do_not_fill_memory() -> None:
    warnings, told = Warnings(), list[str]()
    with warnings.told(told.append):
        for number in range(2 * MOST):
            warnings.read([f'299 - "{number}"'])
    assert len(told) == MOST
