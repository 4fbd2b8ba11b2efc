"""An owner before what it owns: each thing once, in one pass, however long the chain; cycles are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_lrs.stores.lrs.creation_order import Key, WaitingRoom, creation_order

NAMES = st.sampled_from("abcdefg")
GRAPHS = st.dictionaries(NAMES, st.sets(NAMES, max_size=4), max_size=7)


def _key(name: str) -> Key:
    return "n", name


@given(GRAPHS)
def test_every_owner_comes_before_what_it_owns_unless_that_is_on_a_cycle(graph: dict[str, set[str]]) -> None:
    owners = {_key(name): {_key(each) for each in owned_by} for name, owned_by in graph.items()}
    placed = creation_order(owners, there=owners)
    assert placed.keys() == owners.keys()
    for key, listed in owners.items():
        for owner in listed & owners.keys():
            assert placed[owner] < placed[key] or _reaches(owners, owner, key), (owner, key)


def _violated(owners: dict[Key, set[Key]], placed: dict[Key, int]) -> dict[Key, set[Key]]:
    """The owners that come no earlier than what they own."""
    late = {key: {each for each in listed if each in placed and placed[each] >= placed[key]} for key, listed in owners.items()}
    return {key: listed for key, listed in late.items() if listed}


@given(GRAPHS)
def test_only_cycles_are_cut_and_each_thing_comes_as_early_as_it_can(graph: dict[str, set[str]]) -> None:
    owners = {_key(name): {_key(each) for each in owned_by} for name, owned_by in graph.items()}
    placed = creation_order(owners, there=owners)
    cut = _violated(owners, placed)
    kept = {key: listed - cut.get(key, set()) for key, listed in owners.items()}
    assert _on_cycles({key: {each for each in listed if each in owners} for key, listed in kept.items()}) == []
    for key, listed in kept.items():
        assert placed[key] == 1 + max((placed[each] for each in listed if each in placed), default=-1)


def test_what_hangs_on_two_cycles_comes_after_both() -> None:
    """`a` is owned by `c`, which is on a cycle with it, and by `d`, which is on another."""
    owners = {"a": "cd", "c": "a", "d": "b", "b": "d"}
    placed = creation_order(
        {_key(name): {_key(each) for each in listed} for name, listed in owners.items()}, there=set(map(_key, owners))
    )
    assert placed[_key("d")] < placed[_key("a")]
    assert placed == {_key("c"): 0, _key("b"): 0, _key("d"): 1, _key("a"): 2}


def _reaches(owners: dict[Key, set[Key]], start: Key, end: Key) -> bool:
    seen, left = set(), [start]
    while left:
        key = left.pop()
        if key == end:
            return True
        if key not in seen:
            seen.add(key)
            left += owners.get(key, ())
    return False


def test_only_owners_that_are_there_count() -> None:
    owners = {_key("a"): {_key("gone")}, _key("b"): {_key("a"), _key("gone")}}
    assert creation_order(owners, there=[_key("a"), _key("b")]) == {_key("a"): 0, _key("b"): 1}
    assert creation_order({}, there=[]) == {}
    assert creation_order({_key("a"): {_key("c")}}, there=[_key("c")]) == {_key("a"): 1}, "an owner without owners"


def test_a_long_chain_and_many_ways() -> None:
    chain = {_key(str(number)): {_key(str(number - 1))} for number in range(1, 5_000)}
    placed = creation_order(chain, there={*chain, _key("0")})
    assert placed[_key("4999")] == 4_999
    ladder = {_key(f"{row}{side}"): {_key(f"{row - 1}{other}") for other in "ab"} for row in range(1, 60) for side in "ab"}
    assert creation_order(ladder, there={*ladder, _key("0a"), _key("0b")})[_key("59a")] == 59


def test_its_own_owner() -> None:
    assert creation_order({_key("a"): {_key("a")}}, there=[_key("a")]) == {_key("a"): 0}


@given(GRAPHS, st.randoms())
def test_what_waits_comes_out_once_and_after_all_that_it_waits_for(graph: dict[str, set[str]], random: object) -> None:
    order = list(graph)
    random.shuffle(order)  # type: ignore[attr-defined]
    room: WaitingRoom[str] = WaitingRoom(set(graph))
    ended: list[str] = []
    for name in order:
        if not room.must_wait(name, graph[name], name):
            _end(name, room, ended)
    assert len(set(ended)) == len(ended)
    places = {name: place for place, name in enumerate(ended)}
    for name in ended:
        assert all(places[owner] < places[name] for owner in graph[name] if owner in graph)
    stuck = set(graph) - set(ended)
    owners = {_key(name): {_key(each) for each in listed} for name, listed in graph.items()}
    for name in stuck:  # it is on a cycle, or waits for one
        assert any(_reaches(owners, owner, owner_of) for owner in [_key(name)] for owner_of in _on_cycles(owners))


def _on_cycles(owners: dict[Key, set[Key]]) -> list[Key]:
    return [key for key, listed in owners.items() if any(_reaches(owners, owner, key) for owner in listed)]


def _end(name: str, room: WaitingRoom[str], ended: list[str]) -> None:
    left = [name]
    while left:
        each = left.pop()
        ended.append(each)
        left += room.done(each)


def test_what_is_not_expected_is_not_waited_for_and_what_is_done_neither() -> None:
    room: WaitingRoom[str] = WaitingRoom({"a", "b"})
    assert not room.must_wait("x", ["elsewhere"], "x")
    assert not room.must_wait("x", [], "x")
    assert room.done("a") == []
    assert not room.must_wait("x", ["a"], "x")
    assert room.must_wait("y", ["a", "b"], "thing of y")
    assert room.must_wait("z", ["b"], "thing of z")
    assert room.done("b") == ["thing of y", "thing of z"]
    assert room.done("b") == [], "once"
