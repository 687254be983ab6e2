"""A queue that is held too long, and that has drained: one notice each, by webhook and by mail."""

import json

from tests.notifications.conftest import Watch, smtp_of
from tests.support.lanes import Lane
from tests.support.mail import MailServer
from tests.support.receiver import Receiver, answer
from tests.support.waiting import until


def sent(watch: Watch, kind: str, about: str) -> bool:
    found = watch.notices(kind, about)
    return bool(found) and all(each["state"] == "sent" for each in found[-1]["deliveries"])


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
