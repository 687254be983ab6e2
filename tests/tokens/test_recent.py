"""The bounded memory."""

from tests.conftest import SetClock

from waypost.tokens.recent import Recent


def test_entries_count_for_their_time_only(clock: SetClock) -> None:
    recent: Recent[str, int] = Recent(clock, most=10, life_ms=1000)
    recent.put("a", 1)
    clock.advance(0.999)
    assert recent.get("a") == 1
    clock.advance(0.001)
    assert recent.get("a") is None


def test_a_clock_set_back_keeps_nothing_alive(clock: SetClock) -> None:
    recent: Recent[str, int] = Recent(clock, most=10, life_ms=1000)
    recent.put("a", 1)
    clock.advance(-3600)
    assert recent.get("a") is None


def test_the_entry_used_longest_ago_goes_first(clock: SetClock) -> None:
    recent: Recent[str, int] = Recent(clock, most=2, life_ms=1000)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert [recent.get(name) for name in "abc"] == [1, None, 3]


def test_clearing_forgets_everything(clock: SetClock) -> None:
    recent: Recent[str, int] = Recent(clock, most=2, life_ms=1000)
    recent.put("a", 1)
    recent.clear()
    assert recent.get("a") is None
