"""The demo's judge: it must see everything that can go wrong, or its table is worth nothing."""

import json

from waypost.demo.verdict import Got, Sent, Verdict, judge


def body(number: int, **meta: object) -> bytes:
    return json.dumps({"Meta": {"DataModel": "PatientAdmin", **meta}, "Patient": {"Number": number}}).encode()


SENT = [Sent(f"log {number}", body(number, Source={"ID": "s"})) for number in range(1, 6)]


def got(number: int, *, at: float | None = None, sequence: int | None = None) -> Got:
    """Message `number` as it arrives, its `Meta` set for the delivery."""
    delivered = body(number, Source={"ID": "s", "Name": "Source"}, Logs=[{"ID": f"log {number}"}])
    return Got(number if at is None else at, f"log {number}", number if sequence is None else sequence, delivered)


def test_everything_once_and_in_order_holds() -> None:
    verdict = judge(SENT, [got(number) for number in range(1, 6)])
    assert verdict == Verdict()
    assert verdict.holds


def test_a_lost_message_is_seen() -> None:
    verdict = judge(SENT, [got(1), got(2), got(4), got(5)])
    assert verdict == Verdict(lost=("log 3",))
    assert not verdict.holds


def test_a_lost_last_message_is_seen() -> None:
    assert judge(SENT, [got(number) for number in range(1, 5)]).lost == ("log 5",)


def test_a_repeated_message_is_seen() -> None:
    verdict = judge(SENT, [got(1), got(2), got(2, at=2.5), got(3), got(4), got(5)])
    assert verdict == Verdict(repeated=("log 2",))
    assert not verdict.holds


def test_two_inverted_messages_are_seen() -> None:
    verdict = judge(SENT, [got(1), got(3, at=2), got(2, at=3), got(4), got(5)])
    assert verdict == Verdict(disordered=("log 2",))
    assert not verdict.holds


def test_a_message_that_one_receiver_gets_after_the_other_had_a_later_one_is_out_of_order() -> None:
    first, second = [got(1), got(3, at=9)], [got(2), got(4), got(5)]
    assert judge(SENT, [*first, *second]).disordered == ("log 3",)


def test_sequence_numbers_that_do_not_rise_are_out_of_order() -> None:
    verdict = judge(SENT, [got(1), got(2), got(3, sequence=1), got(4), got(5)])
    assert verdict.disordered == ("log 3",)


def test_a_changed_body_is_seen() -> None:
    changed = Got(3, "log 3", 3, body(99))
    verdict = judge(SENT, [got(1), got(2), changed, got(4), got(5)])
    assert verdict == Verdict(altered=("log 3",))


def test_a_changed_member_of_meta_is_seen() -> None:
    changed = Got(3, "log 3", 3, body(3, EventType="Discharge"))
    assert judge(SENT, [got(1), got(2), changed, got(4), got(5)]).altered == ("log 3",)


def test_a_message_that_nobody_sent_is_seen() -> None:
    verdict = judge(SENT, [*(got(number) for number in range(1, 6)), got(6)])
    assert verdict == Verdict(unknown=("log 6",))
    assert not verdict.holds
