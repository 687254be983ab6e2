"""kill -9 of real servers under load, again and again, and of the database: `make crash`, for a few kills.

A message that was on its way at a death may arrive twice: at most one for each queue and death.
"""

from pathlib import Path

import pytest

from crash.campaign import Size, run
from crash.plan import Store

KILLS: dict[Store, int] = {"sqlite": 4, "postgresql": 3}


@pytest.mark.parametrize("store", KILLS)
def test_nothing_acknowledged_is_lost_when_nodes_are_killed(store: Store, tmp_path: Path) -> None:
    told: list[str] = []
    found = run(Size(store, KILLS[store], seed=83, seconds=120), tmp_path, told.append)
    assert found.broken == []
    assert (found.kills, found.restarts) == (KILLS[store], int(store == "postgresql"))
    assert all(lane.accepted > 0 for lane in found.lanes)
    assert len(told) == len(found.moving) > 0
    assert dict(found.rows())["lost"] == "0"
