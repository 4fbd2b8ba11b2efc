"""Sorted tokens in files: their union is that of sets, with few files open and nothing of them in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.model.errors import DamageError
from kubectl_lrs.repository.pool.tokens import FAN, Among, Tokens, union

TOKENS = st.integers(0, 40).map(lambda number: b"b" + number.to_bytes(32, "big"))
SETS = st.sets(TOKENS)


@given(st.lists(SETS, max_size=3 * FAN))
def test_the_union_of_many(sets: list[set[bytes]]) -> None:
    assert list(union(map(sorted, sets))) == sorted(set().union(*sets))


@given(SETS)
def test_they_may_be_gone_through_twice_at_once(tokens: set[bytes]) -> None:
    made = Tokens(sorted(tokens))
    assert list(zip(made, made, strict=True)) == [(each, each) for each in sorted(tokens)]


def test_what_comes_in_no_order_is_refused() -> None:
    with pytest.raises(DamageError):
        Tokens([b"p" * 33, b"b" * 33])


@given(SETS, SETS)
def test_what_is_among_others_and_what_nobody_asked_for(there: set[bytes], asked: set[bytes]) -> None:
    among = Among(sorted(there), limit=3)
    assert {each for each in sorted(asked) if among.has(each)} == there & asked
    among.finish()
    assert among.missed == len(there - asked)
    assert among.passed == sorted(there - asked)[:3]


@given(SETS)
def test_the_same_may_be_asked_for_twice(there: set[bytes]) -> None:
    among = Among(sorted(there))
    assert all(among.has(each) and among.has(each) for each in sorted(there))
    among.finish()
    assert not among.missed
