"""The pure function that decides what follows an attempt, as a table."""

import pytest

from waypost.delivery.model import (
    Advance,
    Delivered,
    Failed,
    Hold,
    Outcome,
    Park,
    Parking,
    Schedule,
    Step,
    next_step,
)
from waypost.settings import Settings

NOW = 1_766_000_000_000
REFUSED = Failed("The endpoint answered 503.", status=503)


def held(seconds: float, attempts: int) -> Hold:
    return Hold(due_at=NOW + round(seconds * 1000), attempts=attempts)


def asked(seconds: float) -> Failed:
    return Failed("The endpoint answered 429.", status=429, retry_after_seconds=seconds)


@pytest.mark.parametrize(
    ("outcome", "failures", "changed", "step"),
    [
        pytest.param(Delivered(200), 0, False, Advance(), id="delivered at once"),
        pytest.param(Delivered(204), 7, False, Advance(), id="delivered at last"),
        pytest.param(Delivered(None), 0, False, Advance(), id="delivered without a status"),
        pytest.param(
            Delivered(200), 3, True, Advance(), id="delivered although the destination changed meanwhile"
        ),
        pytest.param(REFUSED, 0, False, held(0, 1), id="the first retry is at once"),
        pytest.param(REFUSED, 1, False, held(10, 2), id="then after 10 s"),
        pytest.param(REFUSED, 2, False, held(10, 3), id="after 10 s again"),
        pytest.param(REFUSED, 3, False, held(20, 4), id="20 s"),
        pytest.param(REFUSED, 4, False, held(30, 5), id="30 s"),
        pytest.param(REFUSED, 5, False, held(50, 6), id="50 s"),
        pytest.param(REFUSED, 6, False, held(80, 7), id="80 s"),
        pytest.param(REFUSED, 7, False, held(120, 8), id="120 s"),
        pytest.param(REFUSED, 8, False, held(120, 9), id="and 120 s from then on"),
        pytest.param(REFUSED, 1_000_000, False, held(120, 1_000_001), id="for ever"),
        pytest.param(asked(60), 0, False, held(60, 1), id="the destination asks for more than the schedule"),
        pytest.param(asked(5), 1, False, held(10, 2), id="the destination asks for less than the schedule"),
        pytest.param(asked(0), 1, False, held(10, 2), id="the destination asks for nothing"),
        pytest.param(asked(3600), 0, False, held(3600, 1), id="one hour is honoured"),
        pytest.param(asked(86400), 0, False, held(3600, 1), id="one hour is the most"),
        pytest.param(REFUSED, 7, True, held(0, 0), id="changed meanwhile: due now, from the start"),
        pytest.param(asked(3600), 7, True, held(0, 0), id="changed meanwhile: what was asked for counts no more"),
    ],
)
def test_what_follows_an_attempt(outcome: Outcome, failures: int, changed: bool, step: Step) -> None:
    schedule = Schedule(Settings.model_fields["retry_schedule"].default)
    assert next_step(outcome, failures=failures, schedule=schedule, changed=changed, now_ms=NOW) == step


@pytest.mark.parametrize(("failures", "seconds"), [(1, 7), (2, 7), (100, 7)])
def test_a_schedule_of_one_delay_repeats_it(failures: int, seconds: float) -> None:
    assert Schedule((7,)).delay(failures) == seconds


PARKING = Parking((422, 503), 3)


@pytest.mark.parametrize(
    ("outcome", "refused", "changed", "step"),
    [
        pytest.param(REFUSED, 0, False, Hold(NOW + 10_000, 2, 1), id="the first answer that counts"),
        pytest.param(REFUSED, 1, False, Hold(NOW + 10_000, 2, 2), id="one less than it takes"),
        pytest.param(REFUSED, 2, False, Park, id="so many in all"),
        pytest.param(REFUSED, 9, False, Park, id="more than it takes, since the rule changed"),
        pytest.param(REFUSED, 2, True, Hold(NOW, 0, 0), id="changed meanwhile: none of it counts"),
        pytest.param(Failed("no", status=500), 2, False, Hold(NOW + 10_000, 2, 2), id="another status"),
        pytest.param(Failed("Timed out."), 2, False, Hold(NOW + 10_000, 2, 2), id="no answer"),
        pytest.param(Delivered(200), 2, False, Advance(), id="delivered after all"),
    ],
)
def test_a_subscription_may_park_what_is_refused(
    outcome: Outcome, refused: int, changed: bool, step: Step | type[Park]
) -> None:
    schedule = Schedule((0, 10))
    found = next_step(
        outcome, failures=1, schedule=schedule, changed=changed, now_ms=NOW, parking=PARKING, refused=refused
    )
    assert isinstance(found, Park) if step is Park else found == step


def test_nothing_is_parked_without_a_rule() -> None:
    step = next_step(REFUSED, failures=1_000_000, schedule=Schedule((7,)), changed=False, now_ms=NOW, refused=99)
    assert isinstance(step, Hold)
