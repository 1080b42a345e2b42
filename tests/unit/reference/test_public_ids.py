"""Public ids are UUIDs of version 7, ascending and unique, however they are asked for."""

import time

from reference.public_ids import new_public_id_array, new_public_ids, uuids_of


def test_ids_are_of_version_seven_ascending_and_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = new_public_ids(count=10_000)
    after = time.time_ns() // 1_000_000
    assert made == sorted(set(made))
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}
    assert {before <= each.int >> 80 <= after for each in made} == {True}
    assert new_public_ids(count=0) == []


def test_the_array_holds_the_same_bytes() -> None:
    array = new_public_id_array(count=3)
    assert [each.bytes for each in uuids_of(public_ids=array)] == [each.tobytes() for each in array]
    assert len(new_public_id_array(count=0)) == 0


def test_two_calls_give_different_ids() -> None:
    assert len({new_public_ids(count=1)[0] for _ in range(1000)}) == 1000
