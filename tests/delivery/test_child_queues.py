"""Order per patient: what names one patient stays in order, and a poison message holds its own patient only."""

import pytest
import sqlalchemy as sa

from tests.support.house import House
from tests.support.waiting import until
from tests.support.wards import MR, Ward
from waypost.queues import children, recount
from waypost.queues.model import SHARDS


def test_a_poison_message_holds_its_patient_and_nobody_else(patient: House) -> None:
    with Ward(patient) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1)
        ward.send("ann", "bob", "ann", "cid", "bob")
        ward.arrived(3)
        [held] = until(lambda: [each for each in ward.queues() if each["state"] == "held"], "a held queue")
        assert (held["depth"], held["childQueue"], "ann" in str(held)) == (2, True, False)
        assert (ward.of("ann"), ward.of("bob"), ward.of("cid")) == ([], [2, 5], [4])
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.empty()
        assert ward.of("ann") == [1, 3]


def test_a_message_that_names_two_patients_waits_for_both(patient: House) -> None:
    with Ward(patient) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1)
        ward.send("ann", "bob", ("ann", "bob"), "bob", "ann", "cid")
        ward.arrived(2)
        states = until(
            lambda: [
                found for found in [sorted(each["state"] for each in ward.queues())] if "delivering" not in found
            ],
            "both patients' waiting",
        )
        assert states == [["held", "held"]]
        reasons = {each["reason"] for each in ward.queues()}
        assert "Waits for earlier messages of another patient that this message names." in reasons
        assert {number for _, number in ward.taken} == {2, 6}
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.empty()
        assert (ward.of("ann"), ward.of("bob")) == ([1, 3, 5], [2, 3, 4])


def test_a_merge_that_fails_holds_both_and_is_sent_by_one(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1)
        [merged, *_] = ward.send(("ann", "bob"), "ann", "bob", ("bob", "ann"), "bob")
        until(lambda: len(ward.lane.attempts(merged)) >= 5, "attempts")
        assert ward.taken == []
        ward.refuse()
        ward.empty()
        assert (ward.of("ann"), ward.of("bob")) == ([1, 2, 4], [1, 3, 4, 5])
        assert len(ward.taken) == 5


def test_a_message_that_names_nobody_has_a_queue_too(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse("ann")
        ward.send("ann", (), (), "bob")
        ward.arrived(3)
        assert [number for patients, number in ward.taken if not patients] == [2, 3]


def test_turning_child_queues_on_takes_effect_behind_what_is_queued(patient: House) -> None:
    with Ward(patient) as ward:
        ward.refuse(1)
        ward.send("ann", "bob")
        ward.lane.until("held")
        ward.subscription(childQueues=MR)
        ward.send("ann", "bob", "bob")
        until(
            lambda: (
                {each["reason"] for each in ward.queues() if each["childQueue"]}
                == {"Waits for what was queued before childQueues changed."}
            ),
            "children that wait",
        )
        assert ward.taken == []
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.empty()
        assert [number for _, number in ward.taken[:2]] == [1, 2]
        assert (ward.of("ann"), ward.of("bob")) == ([1, 3], [2, 4, 5])


def test_turning_child_queues_off_and_on_keeps_the_order_through_all_generations(patient: House) -> None:
    with Ward(patient) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1)
        ward.send("ann", "bob", "ann")
        ward.arrived(1)
        ward.subscription(childQueues=None)
        ward.send("bob", "ann")
        ward.subscription(childQueues=MR)
        ward.send("ann", "bob")
        until(lambda: "delivering" not in {each["state"] for each in ward.queues()}, "everything's waiting")
        assert [number for _, number in ward.taken] == [2]
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.empty()
        assert (ward.of("ann"), ward.of("bob")) == ([1, 3, 5, 6], [2, 4, 7])
        assert [number for _, number in ward.taken[:5]] in ([2, 1, 3, 4, 5],)


def test_idle_child_queues_are_taken_away_and_the_ledger_stays(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse("dan")
        ward.send("ann", "bob", ("ann", "bob"), "cid", "dan")
        ward.arrived(4)
        until(lambda: len(ward.queues()) == 1, "one queue's being left")
        before = ledger(ward)
        quick.run(quick.waypost.engine.worker._tidying.tidy())
        assert rows(ward) == 2  # the subscription's own, and the one in which something waits
        assert ledger(ward) == before
        assert quick.read(recount.faults) == []
        ward.send("ann", "ann")
        ward.arrived(6)
        assert ward.of("ann") == [1, 3, 6, 7]
        ward.refuse()
        ward.empty()


def test_a_queue_in_which_something_arrives_meanwhile_is_not_taken_away(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.send("ann")
        ward.arrived(1)
        mine = (
            "SELECT queue_id FROM queue_head WHERE subscription_id = :id AND since IS NOT NULL AND state = 'idle'"
        )
        query, values = sa.text(mine), {"id": ward.lane.queue_id}
        found = until(lambda: quick.read(lambda tx: tx.scalar(query, values)), "an idle queue")
        assert found in quick.read(lambda tx: children.idle(tx, range(SHARDS)))
        ward.refuse("ann")
        ward.send("ann")
        until(lambda: ward.queues(), "the queue")
        assert quick.write(lambda tx: children.remove(tx, [found])) == 0
        ward.refuse()
        ward.empty()


def test_the_head_of_two_queues_is_skipped_in_both(patient: House) -> None:
    with Ward(patient) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1, 2)
        first, merged, *_ = ward.send("ann", ("ann", "bob"), "bob")
        held = until(
            lambda: [
                each
                for each in ward.queues()
                if each["head"] and each["head"]["logId"] == merged and each["state"] == "held"
            ],
            "bob's queue",
        )
        path = f"/waypost/v1/queues/{held[0]['queueId']}/skip"
        refused = patient.call("POST", path, {"logId": merged, "reason": "no"})
        assert (refused.status, refused.json["type"]) == (409, "/problems/not_the_head")
        [other] = [each for each in ward.queues() if each["head"]["logId"] == first]
        skipped = patient.call(
            "POST", f"/waypost/v1/queues/{other['queueId']}/skip", {"logId": first, "reason": "a"}
        )
        assert skipped.status == 200, skipped.body
        until(lambda: len(ward.lane.attempts(merged)) == 1, "the merge's attempt")
        until(lambda: {each["state"] for each in ward.queues()} == {"held"}, "both held")
        assert patient.call("POST", path, {"logId": merged, "reason": "b"}).status == 200
        ward.empty()
        assert [number for _, number in ward.taken] == [3]
        assert ledger(ward)["skipped"] == 2


def test_pausing_one_patient_holds_what_names_two(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse("ann")
        ward.send("ann")
        [queue] = until(lambda: [each for each in ward.queues() if each["state"] == "held"], "a held queue")
        ward.pause(queue["queueId"])
        ward.refuse()
        ward.send(("ann", "bob"), "cid", "bob")
        ward.arrived(1)
        until(lambda: [each for each in ward.queues() if each["state"] == "held"], "bob's queue")
        assert [number for _, number in ward.taken] == [3]
        quick.call("POST", f"/waypost/v1/queues/{queue['queueId']}/resume")
        ward.empty()
        assert (ward.of("ann"), ward.of("bob")) == ([1, 2], [2, 4])


def test_a_merge_at_the_head_of_a_paused_queue_is_not_sent_by_the_other(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1)
        [merged] = ward.send(("ann", "bob"))
        until(lambda: ward.lane.attempts(merged), "an attempt")
        ids = [queue["queueId"] for queue in ward.queues()]
        for queue_id in ids:
            ward.pause(queue_id)
        until(lambda: {queue["state"] for queue in ward.queues()} == {"paused"}, "both paused")
        ward.refuse()
        assert quick.call("POST", f"/waypost/v1/queues/{ids[0]}/resume").status == 200
        until(lambda: {queue["state"] for queue in ward.queues()} == {"held", "paused"}, "the other's waiting")
        assert ward.taken == []
        assert quick.call("POST", f"/waypost/v1/queues/{ids[1]}/resume").status == 200
        ward.arrived(1)
        ward.empty()


def test_a_replay_goes_to_the_queues_of_its_patients(quick: House) -> None:
    with Ward(quick) as ward:
        (plain,) = ward.send("ann")
        ward.subscription(childQueues=MR)
        (merged,) = ward.send(("ann", "bob"))
        ward.empty()  # that they have arrived is not enough: only what has ended is replayed
        ward.refuse("bob")
        for log_id in (plain, merged):
            assert quick.call("POST", f"/waypost/v1/logs/{log_id}/replay").status == 201
        ward.send("bob", "cid")
        ward.arrived(4)
        assert (ward.of("ann"), ward.of("cid")) == ([1, 2, 1], [4])
        ward.refuse()
        ward.empty()
        assert ward.of("bob")[-2:] == [2, 3]
        assert ledger(ward)["replayed"] == 2


def test_a_replay_waits_behind_what_its_patient_has(patient: House) -> None:
    with Ward(patient) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(2)
        [first, _] = ward.send("ann", "ann")
        ward.arrived(1)
        until(lambda: [each["depth"] for each in ward.queues()] == [1], "the first one's having ended")
        assert patient.call("POST", f"/waypost/v1/logs/{first}/replay").status == 201
        [held] = until(lambda: [each for each in ward.queues() if each["depth"] == 2], "ann's queue with both")
        assert (held["childQueue"], ward.of("ann")) == (True, [1])
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.empty()
        assert ward.of("ann") == [1, 2, 1]


def test_deleting_the_subscription_ends_what_is_pending_once(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse(1, 2, 3)
        ward.send(("ann", "bob"), "ann", "bob")
        path = f"/waypost/v1/subscriptions/{ward.lane.queue_id}"
        assert quick.call("DELETE", path).status == 409
        gone = quick.call("DELETE", path, {"reason": "over"})
        assert (gone.status, "3 pending" in gone.payload["message"]) == (200, True)
        assert quick.read(recount.faults) == []
        assert (ledger(ward)["skipped"], ledger(ward)["pending"]) == (3, 0)


def test_many_patients_and_merges_keep_every_patients_order(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        people = [f"p{number}" for number in range(12)]
        messages = [
            (people[number % 12], people[(number * 5 + 1) % 12]) if number % 3 else (people[number % 12],)
            for number in range(150)
        ]
        ward.refuse(3, 7, 50)
        ward.send(*(tuple(dict.fromkeys(each)) for each in messages))
        ward.refuse()
        ward.lane.patch(name="Mended")
        ward.arrived(150)
        ward.empty()
        for person in people:
            assert ward.of(person) == [number for number, each in enumerate(messages, 1) if person in each]


def test_child_queues_go_on_where_they_were_after_a_restart(quick: House) -> None:
    with Ward(quick) as ward:
        ward.subscription(childQueues=MR)
        ward.refuse("ann")
        ward.send("ann", ("ann", "bob"), "bob")
        until(lambda: len([each for each in ward.queues() if each["state"] == "held"]) == 2, "both held")
        quick.run(quick.waypost.engine.worker.stop())
        ward.refuse()
        quick.clock.ahead_ms += 60_000
        quick.run(quick.waypost.engine.worker.start())
        ward.empty()
        assert (ward.of("ann"), ward.of("bob")) == ([1, 2], [2, 3])


def test_what_a_subscription_parks_ends_parked_and_the_queue_goes_on(quick: House) -> None:
    with Ward(quick, status=422) as ward:
        park = {"statuses": [400, 422], "after": 3}
        assert ward.subscription(park=park)["park"] == park
        ward.refuse(1)
        first, _ = ward.send("ann", "bob")
        ward.arrived(1)
        ward.empty()
        assert (ward.lane.state_of(first), len(ward.lane.attempts(first))) == ("parked", 3)
        assert ledger(ward)["parked"] == 1
        ward.refuse()
        assert quick.call("POST", f"/waypost/v1/logs/{first}/replay").status == 201
        ward.arrived(2)
        ward.empty()


def test_a_message_that_is_parked_at_once_is_logged_as_parked_and_its_queue_not_as_held(
    quick: House, capfd: pytest.CaptureFixture[str]
) -> None:
    with Ward(quick, status=422) as ward:
        ward.subscription(park={"statuses": [422], "after": 1})
        ward.refuse(1)
        [first] = ward.send("ann")
        said: list[str] = []

        def is_told() -> bool:
            said.extend(
                line for line in capfd.readouterr().out.splitlines() if ward.lane.destination["id"] in line
            )
            return bool(said)

        until(is_told, "a line in the log")
        assert ward.lane.state_of(first) == "parked"
    assert ["message.parked" in line for line in said] == [True]


def test_other_failures_do_not_count_towards_parking(quick: House) -> None:
    with Ward(quick, status=500) as ward:
        ward.subscription(park={"statuses": [422], "after": 2})
        ward.refuse(1)
        [first] = ward.send("ann")
        until(lambda: len(ward.lane.attempts(first)) >= 4, "attempts")
        ward.status = 422
        until(lambda: ward.lane.state_of(first) == "parked", "the message's being parked")
        statuses = [each.status for each in ward.lane.attempts(first)]
        assert (statuses.count(422), statuses[-1]) == (2, 422)


def test_a_parked_merge_moves_both_patients(quick: House) -> None:
    with Ward(quick, status=422) as ward:
        ward.subscription(childQueues=MR, park={"statuses": [422], "after": 1})
        ward.refuse(1)
        ward.send(("ann", "bob"), "ann", "bob")
        ward.arrived(2)
        ward.empty()
        assert ledger(ward)["parked"] == 1


def ledger(ward: Ward) -> dict[str, int]:
    """The line of the ward's subscription."""
    environment = ward.house.environments["Development"]
    found = ward.house.call("GET", f"/waypost/v1/environments/{environment}/ledger?_count=500").payload
    [line] = [each for each in found["subscriptions"] if each["subscription"]["id"] == ward.lane.queue_id]
    counts: dict[str, int] = {name: value for name, value in line.items() if isinstance(value, int)}
    return counts


def rows(ward: Ward) -> int:
    """How many queue rows the subscription has."""
    query = sa.text("SELECT count(*) FROM queue_head WHERE subscription_id = :id")
    return int(ward.house.read(lambda tx: tx.scalar(query, {"id": ward.lane.queue_id})) or 0)
