"""A queue that is held too long, and that has drained: one notice each, by webhook and by mail."""

import json
from typing import Any

import sqlalchemy as sa

from tests.notifications.conftest import Watch, smtp_of
from tests.support.lanes import Lane
from tests.support.mail import MailServer
from tests.support.receiver import Receiver, answer
from tests.support.shell import ROOT, blocks
from tests.support.waiting import until
from tests.support.wards import MR


def sent(watch: Watch, kind: str, about: str) -> bool:
    found = watch.notices(kind, about)
    return bool(found) and all(each["state"] == "sent" for each in found[-1]["deliveries"])


PAGE = ROOT / "docs" / "how-to" / "be-told-when-a-queue-is-held.md"
EXAMPLE = blocks(PAGE.read_text(), "json")[1][1]


def members(value: Any) -> Any:
    """The names of an object's members, and of those inside."""
    return {name: members(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_a_queue_held_too_long_is_told_once(watch: Watch, lane: Lane, hook: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url}, heldAfterSeconds=300)
    lane.send(1, 2)
    lane.until("held")
    watch.later(290)
    assert watch.notices(about=lane.queue_id) == []

    watch.later(20)
    (told,) = hook.wait(1)
    for _ in range(3):
        watch.later(3600)

    until(lambda: sent(watch, "queue.held", lane.queue_id), "the record of its sending")
    assert len(hook.requests) == 1
    said = told.json
    queue = lane.queue()
    assert said["type"] == "queue.held"
    assert said["data"] == {
        "noticeId": told.headers["webhook-id"],
        "environment": {
            "id": watch.house.environments["Development"], "name": said["data"]["environment"]["name"],
            "environmentFlag": "Development",
        },
        "text": said["data"]["text"],
        "queueId": lane.queue_id,
        "subscription": {"id": lane.queue_id},
        "destination": {"id": lane.destination["id"], "name": "Ward 7"},
        "reason": "The endpoint answered 503 Service Unavailable.",
        "lastStatus": 503,
        "heldSince": queue["heldSince"],
        "depth": 2,
    }  # fmt: skip
    assert "“Ward 7” has been held since" in said["data"]["text"]
    assert members(said) == members(json.loads(EXAMPLE)), "the page shows another notice"


def test_a_queue_that_has_drained_is_told_once(watch: Watch, lane: Lane, hook: Receiver, ward: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url})
    lane.send(1, 2)
    lane.until("held")
    watch.later(301)
    hook.wait(1)
    watch.look()
    assert len(watch.notices(about=lane.queue_id)) == 1

    ward.behave(answer(200))
    lane.act("retry")
    lane.until("idle")
    watch.look()
    _, told = hook.wait(2)
    for _ in range(3):
        watch.later(3600)

    assert [each["type"] for each in watch.notices(about=lane.queue_id)] == ["queue.held", "queue.drained"]
    assert [each["lasts"] for each in watch.notices(about=lane.queue_id)] == [False, False]
    assert told.json["type"] == "queue.drained"
    assert told.json["data"]["answers"] == hook.requests[0].headers["webhook-id"]
    assert len(hook.requests) == 2


def test_what_fails_again_before_it_has_drained_is_the_same_trouble(
    watch: Watch, lane: Lane, hook: Receiver, ward: Receiver
) -> None:
    watch.set_up(webhook={"url": hook.url})
    lane.send(1, 2, 3)
    lane.until("held")
    watch.later(301)
    hook.wait(1)

    ward.behave(answer(200), answer(503))
    lane.act("retry")
    until(lambda: lane.queue()["depth"] == 2 and lane.queue()["state"] == "held", "the second hold")
    watch.later(301)

    assert [each["type"] for each in watch.notices(about=lane.queue_id)] == ["queue.held"]


def test_a_short_hold_is_told_to_nobody(watch: Watch, lane: Lane, hook: Receiver, ward: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url})
    lane.send(1)
    lane.until("held")
    ward.behave(answer(200))
    lane.act("retry")
    lane.until("idle")
    watch.later(3600)
    assert watch.notices(about=lane.queue_id) == []


def test_a_hold_is_told_when_somebody_can_be_told(watch: Watch, lane: Lane, hook: Receiver) -> None:
    lane.send(1)
    lane.until("held")
    watch.later(301)
    assert watch.notices(about=lane.queue_id) == []

    watch.set_up(webhook={"url": hook.url})
    watch.look()
    assert [request.json["data"]["queueId"] for request in hook.wait(1)] == [lane.queue_id]


def test_a_queue_whose_subscription_is_deleted_is_told_as_closed(watch: Watch, lane: Lane, hook: Receiver) -> None:
    watch.set_up(webhook={"url": hook.url})
    lane.send(1)
    lane.until("held")
    watch.later(301)
    hook.wait(1)
    gone = watch.house.call("DELETE", f"/waypost/v1/subscriptions/{lane.queue_id}", {"reason": "closed ward"})
    assert gone.status == 200
    watch.look()
    told = hook.wait(2)[1].json
    assert (told["type"], told["data"]["closed"]) == ("queue.drained", True)


def test_notices_go_by_mail_too(watch: Watch, lane: Lane, mail: MailServer, ward: Receiver) -> None:
    watch.set_up(smtp=smtp_of(mail, to=["night@clinic.test", "day@clinic.test"]))
    lane.send(1)
    lane.until("held")
    watch.later(301)
    (held,) = mail.wait(1)
    ward.behave(answer(200))
    lane.act("retry")
    lane.until("idle")
    watch.look()
    _, drained = mail.wait(2)

    assert (held.sender, held.to) == ("waypost@clinic.test", ("night@clinic.test", "day@clinic.test"))
    assert held.message["Subject"].endswith("a queue is held: Ward 7")
    assert held.message["Auto-Submitted"] == "auto-generated"
    assert "503 Service Unavailable" in held.text
    assert f"queueId: {lane.queue_id}" in held.text
    assert drained.message["Subject"].endswith("a queue has drained: Ward 7")
    assert held.message["Message-ID"] != drained.message["Message-ID"]


def test_no_message_content_is_in_a_notice_or_its_row(
    watch: Watch, lane: Lane, hook: Receiver, mail: MailServer, ward: Receiver
) -> None:
    ward.behave(answer(422, {"error": "patient 4711-secret is unknown"}))
    watch.set_up(webhook={"url": hook.url}, smtp=smtp_of(mail))
    body = lane.body() | {"Patient": {"Identifiers": [{"ID": "4711-secret", "IDType": "MR"}]}}
    assert watch.house.call("POST", "/endpoint", body, by="source").status == 200
    lane.until("held")
    watch.later(301)
    (told,), (mailed,) = hook.wait(1), mail.wait(1)
    for text in (told.body.decode(), mailed.text, json.dumps(watch.notices()), json.dumps(watch.house.events())):
        assert "4711-secret" not in text


def test_many_child_queues_that_are_held_are_one_notice_of_their_subscription(
    watch: Watch, lane: Lane, hook: Receiver, ward: Receiver
) -> None:
    watch.set_up(webhook={"url": hook.url})
    path = f"/waypost/v1/subscriptions/{lane.queue_id}"
    assert watch.house.call("PATCH", path, {"childQueues": MR}).status == 200
    lane.send(1, 2, 3, 3)
    until(lambda: held(lane) == 3, "three held queues")
    watch.later(301)
    (told,) = hook.wait(1)
    lane.send(4)
    until(lambda: held(lane) == 4, "the fourth")
    watch.later(301)

    ward.behave(answer(200), answer(503))
    retry(lane, told.json["data"]["queueId"])
    until(lambda: held(lane) == 3, "one to go on")
    watch.look()
    assert [each["type"] for each in watch.notices(about=lane.queue_id)] == ["queue.held"]
    ward.behave(answer(200))
    lane.patch(name="Ward 8")  # another version: all are tried
    until(lambda: held(lane) == 0 and pending(lane) == 0, "all to be delivered")
    watch.look()
    watch.look()
    first, last = hook.wait(2)

    data = first.json["data"]
    assert (data["childQueues"], data["depth"], data["subscription"]) == (3, 4, {"id": lane.queue_id})
    assert "Child queues to “Ward 7” are held: 3, the first since" in data["text"]
    assert (last.json["type"], last.json["data"]["answers"]) == ("queue.drained", data["noticeId"])
    assert "have drained" in last.json["data"]["text"]
    assert len(hook.requests) == 2


def held(lane: Lane) -> int:
    """How many of the subscription's queues are held."""
    query = sa.text("SELECT count(*) FROM queue_head WHERE subscription_id = :id AND state = 'held'")
    return int(lane.house.read(lambda tx: tx.scalar(query, {"id": lane.queue_id})) or 0)


def pending(lane: Lane) -> int:
    query = sa.text("SELECT count(*) FROM log WHERE subscription_id = :id AND state = 'pending'")
    return int(lane.house.read(lambda tx: tx.scalar(query, {"id": lane.queue_id})) or 0)


def retry(lane: Lane, queue_id: str) -> None:
    assert lane.house.call("POST", f"/waypost/v1/queues/{queue_id}/retry").status == 200
