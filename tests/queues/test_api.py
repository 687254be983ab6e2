"""Queues as operators see and handle them, over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.queues.conftest import World
from tests.support import rooms
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, ORGANIZATION, Room
from tests.support.serving import Answer
from tests.support.stores import Store
from tests.support.traffic import Traffic
from waypost.clock import iso
from waypost.ids import new_id
from waypost.queues import api
from waypost.queues.service import Queues
from waypost.subscriptions.model import Subscription


@dataclass
class Desk:
    """The routes of queues, and what the worker is told; `on_their_way` says which queues it runs."""

    world: World
    room: Room
    arrived: list[tuple[str, str]] = field(default_factory=list)
    on_their_way: set[str] = field(default_factory=set)

    async def queue(self, messages: int = 0) -> Subscription:
        """A queue with so many messages."""
        made = await self.world.traffic.subscription()
        for _ in range(messages):
            await self.world.traffic.accept(made)
        return made

    async def held(self, messages: int = 1) -> Subscription:
        made = await self.queue(messages)
        await self.world.hold(made.id)
        return made

    def act(self, made: Subscription, verb: str, body: Any = None, *, by: str = "engineer") -> Answer:
        return self.room.client("POST", f"/waypost/v1/queues/{made.id}/{verb}", body, token=by)

    def shown(self, made: Subscription) -> dict[str, Any]:
        answer = self.room.client("GET", f"/waypost/v1/queues/{made.id}")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.payload["queue"]
        return found

    def skip(self, made: Subscription, log_id: str, reason: str = "a poison message") -> Answer:
        return self.act(made, "skip", {"logId": log_id, "reason": reason})

    async def types(self) -> list[str]:
        return [event["type"] for event in await self.room.events()]


@pytest.fixture
async def desk(db: Store, clock: SetClock) -> AsyncIterator[Desk]:
    await db.write(rooms.set_up)
    world = World(Traffic(db, clock, DEVELOPMENT, ORGANIZATION), clock)
    await world.take_over("this one")
    arrived: list[tuple[str, str]] = []
    on_their_way: set[str] = set()

    def hear(queue_id: str, destination_id: str) -> None:
        arrived.append((queue_id, destination_id))

    queues = Queues(db, clock, arrived=hear, running=on_their_way.__contains__)
    with rooms.served(db, api.router(queues)) as room:
        yield Desk(world, room, arrived, on_their_way)


def listed(desk: Desk, **query: Any) -> tuple[list[str], str | None]:
    """Ids of a page, and the cursor of the next."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    answer = desk.room.client("GET", f"/waypost/v1/environments/{DEVELOPMENT}/queues?{text}")
    assert answer.status == 200, answer.body
    page = answer.json["meta"]["page"]
    return [queue["queueId"] for queue in answer.payload["queues"]], page.get("nextCursor")


async def test_the_list_is_narrowed_by_state_destination_and_subscription(desk: Desk) -> None:
    idle, held, paused = await desk.queue(), await desk.held(), await desk.queue(1)
    assert desk.act(paused, "pause").status == 200
    assert listed(desk, state="held") == ([held.id], None)
    assert listed(desk, state="paused") == ([paused.id], None)
    assert listed(desk, state="idle") == ([idle.id], None)
    assert listed(desk, state="delivering") == ([], None)
    assert listed(desk, destinationId=held.destination_id.upper()) == ([held.id], None)
    assert listed(desk, subscriptionId=paused.id, state="held") == ([], None)
    path = f"/waypost/v1/environments/{DEVELOPMENT}/queues?state=lost"
    assert desk.room.client("GET", path).status == 400


async def test_an_idle_queue_has_no_head(desk: Desk) -> None:
    made = await desk.queue()
    assert desk.shown(made) == {
        "queueId": made.id,
        "childQueue": False,
        "subscription": {"id": made.id},
        "destination": {"id": made.destination_id},
        "state": "idle",
        "reason": None,
        "lastStatus": None,
        "heldSince": None,
        "depth": 0,
        "oldestAcceptedAt": None,
        "head": None,
    }


async def test_a_held_queue_says_why_since_when_and_what_next(desk: Desk) -> None:
    now = desk.world.clock.now_ms()
    made = await desk.queue()
    [first] = await desk.world.traffic.accept(made)
    desk.world.clock.advance(60)
    await desk.world.traffic.accept(made)
    await desk.world.hold(made.id, due_at=now + 90_000)
    assert desk.shown(made) == {
        "queueId": made.id,
        "childQueue": False,
        "subscription": {"id": made.id},
        "destination": {"id": made.destination_id},
        "state": "held",
        "reason": "The endpoint answered 503.",
        "lastStatus": 503,
        "heldSince": iso(now + 60_000),
        "depth": 2,
        "oldestAcceptedAt": iso(now),
        "head": {"logId": first, "attempts": 1, "nextAttemptAt": iso(now + 90_000)},
    }


async def test_a_queue_on_its_way_is_delivering(desk: Desk) -> None:
    made = await desk.queue(3)
    await desk.world.advance(made.id)
    shown = desk.shown(made)
    assert (shown["state"], shown["depth"], shown["head"]["attempts"]) == ("delivering", 2, 0)


async def test_held_queues_are_listed_first_then_paused_then_delivering_then_idle(desk: Desk) -> None:
    idle, delivering, held, paused = [await desk.queue(messages) for messages in (0, 1, 1, 1)]
    desk.act(paused, "pause")
    await desk.world.hold(held.id)
    ids, following = listed(desk)
    assert (ids, following) == ([held.id, paused.id, delivering.id, idle.id], None)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
async def test_pages_follow_each_other_without_gap_or_repeat(desk: Desk, count: int) -> None:
    made = [await (desk.held() if number % 2 else desk.queue(number % 3)) for number in range(7)]
    whole, _ = listed(desk)
    found: list[str] = []
    ids, following = listed(desk, _count=count)
    found += ids
    while following is not None:
        assert len(ids) == count
        ids, following = listed(desk, _count=count, _cursor=following)
        found += ids
    assert found == whole
    assert set(whole) == {each.id for each in made}


@pytest.mark.parametrize("query", ["_cursor=nonsense", "_cursor=e30", "_count=0", "_count=501", "_count=x"])
async def test_a_page_that_cannot_be_is_refused(desk: Desk, query: str) -> None:
    answer = desk.room.client("GET", f"/waypost/v1/environments/{DEVELOPMENT}/queues?{query}")
    assert answer.status == 400


async def test_a_deleted_subscriptions_queue_is_listed_no_more(desk: Desk) -> None:
    made = await desk.queue()
    await desk.world.traffic.execute("UPDATE queue_head SET closed_at = 1")
    assert listed(desk) == ([], None)
    assert desk.room.client("GET", f"/waypost/v1/queues/{made.id}").status == 404


@pytest.mark.parametrize("by", ["engineer", "support", "viewer"])
async def test_every_role_sees_queues(desk: Desk, by: str) -> None:
    made = await desk.queue()
    assert desk.room.client("GET", f"/waypost/v1/queues/{made.id}", token=by).status == 200
    assert desk.room.client("GET", f"/waypost/v1/environments/{DEVELOPMENT}/queues", token=by).status == 200


@pytest.mark.parametrize("by", ["engineer elsewhere", "owner without a role"])
async def test_whoever_has_no_role_sees_no_queue(desk: Desk, by: str) -> None:
    made = await desk.queue(1)
    paths = [f"/waypost/v1/queues/{made.id}", f"/waypost/v1/environments/{DEVELOPMENT}/queues"]
    assert [desk.room.client("GET", path, token=by).status for path in paths] == [404, 404]
    assert {desk.act(made, verb, by=by).status for verb in ("pause", "resume", "retry")} == {404}
    there = desk.room.client("GET", f"/waypost/v1/queues/{made.id}", token=by)
    nowhere = desk.room.client("GET", f"/waypost/v1/queues/{new_id()}", token=by)
    assert there.json["detail"] == nowhere.json["detail"]


@pytest.mark.parametrize("by", ["support", "viewer"])
@pytest.mark.parametrize("verb", ["pause", "resume", "retry", "skip"])
async def test_only_an_engineer_handles_queues(desk: Desk, by: str, verb: str) -> None:
    made = await desk.queue(1)
    answer = desk.act(made, verb, {"logId": new_id(), "reason": "x"}, by=by)
    assert (answer.status, "engineer" in answer.json["detail"]) == (403, True)


async def test_another_environments_list_is_not_found(desk: Desk) -> None:
    assert desk.room.client("GET", f"/waypost/v1/environments/{ELSEWHERE}/queues").status == 404


async def test_a_paused_queue_stores_and_sends_nothing(desk: Desk) -> None:
    made = await desk.queue(1)
    assert desk.act(made, "pause").payload["queue"]["state"] == "paused"
    await desk.world.traffic.accept(made)
    shown = desk.shown(made)
    assert (shown["state"], shown["depth"], shown["head"]["nextAttemptAt"]) == ("paused", 2, None)
    assert not (await desk.world.head(made.id)).may_run(2**60)
    assert desk.arrived == []


async def test_a_resumed_queue_goes_on_at_once(desk: Desk) -> None:
    made = await desk.queue(1)
    desk.act(made, "pause")
    assert desk.act(made, "resume").payload["queue"]["state"] == "delivering"
    assert (await desk.world.head(made.id)).due_at == desk.world.clock.now_ms()
    assert desk.arrived == [(made.id, made.destination_id)]


async def test_a_held_queue_that_was_paused_is_tried_at_once_when_it_is_resumed(desk: Desk) -> None:
    made = await desk.held()
    desk.act(made, "pause")
    shown = desk.act(made, "resume").payload["queue"]
    assert (shown["state"], shown["heldSince"], shown["reason"], shown["lastStatus"]) == (
        "delivering", None, None, None,
    )  # fmt: skip


async def test_an_empty_queue_is_idle_when_it_is_resumed_and_still_begins(desk: Desk) -> None:
    made = await desk.queue()
    desk.act(made, "pause")
    assert desk.act(made, "resume").payload["queue"]["state"] == "idle"
    await desk.world.traffic.accept(made)
    assert desk.shown(made)["state"] == "delivering"


async def test_a_held_queue_is_retried_now(desk: Desk) -> None:
    made = await desk.held()
    shown = desk.act(made, "retry").payload["queue"]
    assert (shown["state"], shown["head"]["nextAttemptAt"]) == ("held", iso(desk.world.clock.now_ms()))
    assert (await desk.world.head(made.id)).may_run(desk.world.clock.now_ms())
    assert desk.arrived == [(made.id, made.destination_id)]


async def test_retrying_leaves_a_paused_queue_paused(desk: Desk) -> None:
    made = await desk.held()
    desk.act(made, "pause")
    assert desk.act(made, "retry").payload["queue"]["state"] == "paused"
    assert desk.arrived == []


async def test_the_head_is_skipped_and_the_queue_goes_on(desk: Desk) -> None:
    made = await desk.held(2)
    first, second = [pending.log_id for pending in await desk.world.waiting(made.id)]
    answer = desk.skip(made, first)
    assert answer.status == 200
    queue = answer.payload["queue"]
    assert (queue["state"], queue["depth"], queue["reason"], queue["head"]["logId"]) == (
        "delivering", 1, None, second,
    )  # fmt: skip
    [log] = await desk.world.traffic.rows("SELECT * FROM log WHERE id = :id", id=first)
    assert (log.state, log.end_reason, log.ended_at) == ("skipped", "a poison message", desk.world.clock.now_ms())
    [(bodies,)] = await desk.world.traffic.rows("SELECT count(*) FROM message")
    assert bodies == 2
    assert desk.arrived == [(made.id, made.destination_id)]


async def test_skipping_the_only_message_leaves_an_idle_queue(desk: Desk) -> None:
    made = await desk.held()
    queue = desk.skip(made, (await desk.world.first(made.id)).log_id).payload["queue"]
    assert (queue["state"], queue["depth"], queue["head"]) == ("idle", 0, None)


async def test_skipping_in_a_paused_queue_leaves_it_paused(desk: Desk) -> None:
    made = await desk.held(2)
    desk.act(made, "pause")
    queue = desk.skip(made, (await desk.world.first(made.id)).log_id).payload["queue"]
    assert (queue["state"], queue["depth"]) == ("paused", 1)


async def test_only_the_head_can_be_skipped(desk: Desk) -> None:
    made = await desk.held(2)
    _, second = await desk.world.waiting(made.id)
    before = await desk.world.everything()
    for log_id in (second.log_id, new_id(), "x"):
        answer = desk.skip(made, log_id)
        assert (answer.status, answer.json["type"]) == (409, "/problems/not_the_head")
    assert await desk.world.everything() == before


async def test_a_message_on_its_way_cannot_be_skipped(desk: Desk) -> None:
    made = await desk.queue(1)
    desk.on_their_way.add(made.id)
    answer = desk.skip(made, (await desk.world.first(made.id)).log_id)
    assert (answer.status, answer.json["type"]) == (409, "/problems/in_flight")


async def test_an_empty_queue_has_nothing_to_skip(desk: Desk) -> None:
    assert desk.skip(await desk.queue(), new_id()).status == 409


@pytest.mark.parametrize(
    "body", [{}, {"logId": "x"}, {"reason": "x"}, {"logId": 1, "reason": "x"}, {"logId": "x", "reason": "  "}, []]
)
async def test_skipping_needs_a_log_and_a_reason(desk: Desk, body: Any) -> None:
    assert desk.act(await desk.held(), "skip", body).status == 400


async def test_a_late_attempt_of_a_skipped_message_changes_nothing(desk: Desk) -> None:
    made = await desk.held(2)
    fence, sent = await desk.world.fence(made.id), await desk.world.first(made.id)
    desk.skip(made, sent.log_id)
    before = await desk.world.everything()
    assert await desk.world.advance(made.id, fence, sent) is None
    assert await desk.world.everything() == before


async def test_every_act_is_audited_once_and_only_when_it_changed_something(desk: Desk) -> None:
    made = await desk.held(2)
    for verb in ("pause", "pause", "retry", "resume", "resume", "retry"):
        assert desk.act(made, verb).status == 200
    assert await desk.types() == ["queue-paused", "queue-resumed"]
    await desk.world.hold(made.id)
    desk.act(made, "retry")
    log_id = (await desk.world.first(made.id)).log_id
    desk.skip(made, log_id)
    assert await desk.types() == ["queue-paused", "queue-resumed", "queue-retried", "log-skipped"]
    assert log_id in (await desk.room.events())[-1]["details"]


async def test_the_counters_add_up_after_everything(desk: Desk) -> None:
    made = await desk.queue(5)
    await desk.world.advance(made.id)
    await desk.world.hold(made.id)
    desk.skip(made, (await desk.world.first(made.id)).log_id)
    await desk.world.advance(made.id)
    [row] = await desk.world.traffic.rows(
        "SELECT t.accepted, h.delivered, h.skipped FROM queue_head h JOIN queue_tail t ON t.queue_id = h.queue_id"
    )
    assert tuple(row) == (5, 2, 1)
    assert desk.shown(made)["depth"] == 2
