"""What is killed is drawn beforehand, from a seed."""

import pytest

from crash.plan import LONGEST_BURST, ROLES, Kill, Restart, Store, draw

STORES: list[Store] = ["sqlite", "postgresql"]


@pytest.mark.parametrize("store", STORES)
def test_the_same_seed_kills_the_same_nodes_in_the_same_order(store: Store) -> None:
    assert draw(store, 50, 7) == draw(store, 50, 7)
    assert draw(store, 50, 7) != draw(store, 50, 8)


@pytest.mark.parametrize("store", STORES)
def test_every_kill_is_in_some_burst_and_every_node_has_its_turn(store: Store) -> None:
    bursts = draw(store, 200, 1)
    kills = [event for burst in bursts for event in burst if isinstance(event, Kill)]
    assert len(kills) == 200
    assert {kill.node for kill in kills} == set(range(len(ROLES[store])))
    assert {kill.at_work for kill in kills} == {True, False}
    assert all(1 <= len(burst) <= LONGEST_BURST[store] for burst in bursts)


@pytest.mark.parametrize(("kills", "restarts"), [(1, 1), (40, 2), (200, 10)])
def test_the_database_is_restarted_in_both_ways(kills: int, restarts: int) -> None:
    events = [event for burst in draw("postgresql", kills, 3) for event in burst]
    stops = [event.how for event in events if isinstance(event, Restart)]
    assert len(stops) == restarts
    assert set(stops) == ({"immediate"} if restarts == 1 else {"immediate", "fast"})


def test_sqlite_has_no_database_to_restart() -> None:
    assert all(isinstance(event, Kill) for burst in draw("sqlite", 60, 3) for event in burst)
