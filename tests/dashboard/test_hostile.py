"""What others wrote stays text, wherever it is shown; and what is secret is shown to nobody it is not for."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.support.canaries import canary
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor, watching
from tests.support.waiting import until

MARKUP = "<script>alert('x')</script>"
BODY, TOKEN, ANSWER = canary("body"), canary("token"), canary("answer")


@pytest.fixture(scope="module")
def lane(lively: House) -> Iterator[Lane]:
    """A lane whose every word is markup: one message was delivered, one skipped, and one waits."""
    environment = f"/platform/v1/environments/{lively.environments['Development']}"
    source = lively.call("POST", f"{environment}/sources", {"name": MARKUP}).payload["source"]
    with Receiver() as receiver:
        named = {"endpoint": receiver.url, "name": MARKUP, "verificationToken": TOKEN}
        with Lane(lively, source=source, **named) as lane:
            send(lane)
            lane.until("idle")
            receiver.behave(answer(422, f"{MARKUP}{ANSWER}".encode()))
            send(lane)
            send(lane)
            lane.until("held")
            lane.act("pause")
            skipped = {"logId": lane.queue()["head"]["logId"], "reason": MARKUP}
            path = f"/waypost/v1/queues/{lane.queue_id}/skip"
            assert lively.call("POST", path, skipped).status == 200
            yield lane


def send(lane: Lane) -> None:
    body = lane.body()
    body["Meta"] |= {"EventType": MARKUP, "FacilityCode": MARKUP}
    body["Patient"]["Notes"] = f"{MARKUP}{BODY}"
    assert lane.house.call("POST", "/endpoint", body, by="source").status == 200


def pages_of(lane: Lane) -> list[str]:
    """Every page that shows something of the lane, by address."""
    home = Visitor(lane.house).home
    found = lane.house.call("GET", f"/waypost/v1/destinations/{lane.destination['id']}/deliveries")
    logs = [f"/dashboard/logs/{each['logId']}" for each in found.payload["deliveries"]]
    lists = [home, f"{home}/queues", f"{home}/logs", f"{home}/ledger"]
    return [*lists, f"/dashboard/queues/{lane.queue_id}", *logs]


def test_names_reasons_and_answers_stay_text(lane: Lane) -> None:
    ann = Visitor(lane.house)
    for path in pages_of(lane):
        page = ann.get(path)
        assert page.status == 200
        assert MARKUP in page.text, path
        assert "<script>alert" not in page.html, path


def test_a_message_with_markup_stays_text(lane: Lane) -> None:
    ann = Visitor(lane.house)
    page = ann.post(f"{pages_of(lane)[-1]}/message")
    assert f"{MARKUP}{BODY}" in page.text
    assert "<script>alert" not in page.html


def test_what_is_streamed_stays_text(lane: Lane) -> None:
    ann = Visitor(lane.house)
    for path in (f"{ann.home}/live", f"{ann.home}/queues/live", f"/dashboard/queues/{lane.queue_id}/live"):
        with watching(ann, path) as lines:
            until(lambda: b"&lt;script&gt;alert" in b"".join(lines), "the stream's first words")
            assert b"<script>alert" not in b"".join(lines)


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/{}",
        "/dashboard/queues/{}",
        "/dashboard/logs/{}",
        "/dashboard/environments/{}",
        "/dashboard/static/{}/{}",
        "HOME/queues?state={}&destination={}&subscription={}",
        "HOME/queues?after={}",
        "HOME/logs?status={}&dataModel={}&sourceId={}&createdAfter={}&after={}&round={}",
        "HOME/ledger?after={}",
        "HOME/replays/new?status={}&facilityCode={}",
        "HOME/replays/{}",
    ],
)
def test_what_stands_in_an_address_stays_text(lane: Lane, path: str) -> None:
    ann = Visitor(lane.house)
    page = ann.get(path.replace("HOME", ann.home).replace("{}", quote(MARKUP, safe="")))
    assert page.status in {200, 400, 404}
    assert "<script>alert" not in page.html


@pytest.mark.parametrize("value", ["done:" + quote(MARKUP), "nonsense:x", "x" * 5000, "done:%FF", 'a"b'])
def test_a_cookie_that_says_what_was_done_stays_text(lane: Lane, value: str) -> None:
    ann = Visitor(lane.house)
    ann.cookies["waypost_flash"] = value
    page = ann.get(f"{ann.home}/ledger")
    assert page.status == 200
    assert "<script>alert" not in page.html


def test_nobody_is_shown_a_token_and_a_viewer_neither_messages_nor_answers(lane: Lane) -> None:
    for path in pages_of(lane):
        seen = Visitor(lane.house, "viewer").get(path).html
        assert not [each for each in (TOKEN, BODY, ANSWER) if each in seen], path
        seen = Visitor(lane.house, "support").get(path).html
        assert not [each for each in (TOKEN, BODY) if each in seen], path
