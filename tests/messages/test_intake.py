"""Taking messages in: routing, what is stored, and how little is read for it."""

import asyncio

import pytest

from tests.conftest import SetClock
from tests.messages.conftest import World, a_message
from waypost.errors import Conflict
from waypost.ids import new_id
from waypost.messages.model import MessageInvalid
from waypost.messages.routing import Unroutable

NOTHING = {"message": 0, "log": 0, "entry": 0, "destination_seq": 0, "idempotency_key": 0}


async def refusal(world: World, body: bytes) -> Unroutable:
    with pytest.raises(Unroutable) as caught:
        await world.accept(body)
    assert await world.counts() == NOTHING
    assert world.arrived == []
    return caught.value


async def test_a_message_gets_a_log_for_each_destination_in_their_order(world: World) -> None:
    source = await world.traffic.source("Lab")
    made = [await world.traffic.subscription(source) for _ in range(5)]
    for wanted in (made, made[::-1], [made[3], made[0]]):
        ids = [each.destination_id for each in wanted]
        meta = await world.accept(a_message(*ids))
        assert [each["ID"] for each in meta["Destinations"]] == ids
        for log, each in zip(meta["Logs"], wanted, strict=True):
            [row] = await world.traffic.rows("SELECT * FROM log WHERE id = :id", id=log["ID"])
            assert (row.destination_id, row.subscription_id) == (each.destination_id, each.id)


async def test_the_answer_names_source_and_destinations(world: World) -> None:
    source = await world.traffic.source("Lab")
    destination = await world.traffic.destination("Ward 7")
    await world.traffic.subscription(source, destination, "Results")
    meta = await world.accept(a_message(destination, DataModel="results", EventType="New"))
    [log] = meta.pop("Logs")
    assert list(log) == ["ID"]
    assert meta == {
        "DataModel": "results",
        "EventType": "New",
        "Source": {"ID": source, "Name": "Lab"},
        "Destinations": [{"ID": destination, "Name": "Ward 7"}],
    }


async def test_a_log_row_says_where_the_message_came_from_and_goes(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id, FacilityCode="RX"))
    [row] = await world.traffic.rows(
        "SELECT l.*, m.accepted_at AS came FROM log l JOIN message m ON m.id = message_id"
    )
    assert (row.environment_id, row.source_id, row.destination_id) == (
        world.traffic.environment_id, made.source_id, made.destination_id,
    )  # fmt: skip
    assert (row.data_model, row.event_type, row.facility_code) == ("PatientAdmin", "NewPatient", "RX")
    assert (row.state, row.attempts, row.seq, row.replay_of, row.ended_at) == ("pending", 0, 1, None, None)
    assert row.accepted_at == row.came == world.traffic.clock.now_ms()


async def test_the_body_is_sealed_and_opens_to_the_bytes_that_came(world: World) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    await world.accept(body)
    [row] = await world.traffic.rows("SELECT id, body, meta_start, meta_end FROM message")
    assert b"secret" not in row.body
    opened = await world.db.read(lambda tx: world.vault.open(tx, row.body, table="message", row=row.id))
    assert opened == body
    assert opened[row.meta_start : row.meta_end].startswith(b'{"DataModel"')


async def test_every_queue_is_told_once_the_message_is_durable(world: World) -> None:
    source = await world.traffic.source()
    first, second = [await world.traffic.subscription(source) for _ in range(2)]
    await world.accept(a_message(second.destination_id, first.destination_id))
    assert world.arrived == [(second.id, second.destination_id), (first.id, first.destination_id)]


@pytest.mark.parametrize(
    ("subscribed", "sent"),
    [
        ("PatientAdmin", "PatientAdmin"),
        ("PatientAdmin", "patientadmin"),
        ("PatientAdmin", " Patient  Admin "),
        ("Clinical Summary", "ClinicalSummary"),
        ("clinicalsummary", "CLINICAL SUMMARY"),
    ],
)
async def test_data_models_are_compared_without_case_and_spaces(world: World, subscribed: str, sent: str) -> None:
    made = await world.traffic.subscription(data_model=subscribed)
    await world.accept(a_message(made.destination_id, DataModel=sent))
    assert (await world.counts())["log"] == 1


async def test_ids_are_compared_without_case(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id.upper(), source_id=made.source_id.upper()))
    assert (await world.counts())["log"] == 1


async def test_one_unmatched_destination_refuses_the_whole_message(world: World) -> None:
    source = await world.traffic.source()
    good = await world.traffic.subscription(source)
    other_model = await world.traffic.subscription(source, data_model="Results")
    alone = await world.traffic.destination()
    for bad in (new_id(), "not an id", alone, other_model.destination_id, source):
        for ids in ([bad], [good.destination_id, bad], [bad, good.destination_id]):
            error = await refusal(world, a_message(*ids))
            assert error.module == "Subscriptions"
            assert error.text.startswith("No subscriptions. Meta.Destinations needs to contain a destination")


async def test_a_subscription_of_another_source_does_not_count(world: World) -> None:
    mine, theirs = await world.traffic.source(), await world.traffic.subscription()
    assert (await refusal(world, a_message(theirs.destination_id, source_id=mine))).module == "Subscriptions"


async def test_the_environments_only_source_need_not_be_named(world: World) -> None:
    made = await world.traffic.subscription()
    meta = await world.accept(a_message(made.destination_id))
    assert meta["Source"]["ID"] == made.source_id
    for source in ({}, None, {"ID": None}):
        assert (await world.accept(a_message(made.destination_id, Source=source)))["Source"][
            "ID"
        ] == made.source_id


async def test_one_of_several_sources_must_be_named(world: World) -> None:
    made = await world.traffic.subscription()
    other = await world.traffic.source()
    assert (await refusal(world, a_message(made.destination_id))).module == "Sources"
    assert (await refusal(world, a_message(made.destination_id, source_id=other))).module == "Subscriptions"
    await world.accept(a_message(made.destination_id, source_id=made.source_id))


async def test_an_unknown_source_is_refused(world: World) -> None:
    made = await world.traffic.subscription()
    for wrong in (new_id(), made.destination_id, "x" * 10_000):
        error = await refusal(world, a_message(made.destination_id, source_id=wrong))
        assert (error.module, wrong in error.text) == ("Sources", False)


async def test_without_any_source_a_message_is_refused(world: World) -> None:
    assert (await refusal(world, a_message(new_id()))).module == "Sources"


@pytest.mark.parametrize("event", ["PatientQuery", "VisitQuery", "Query", "DocumentGet"])
async def test_an_event_that_asks_for_an_answer_is_refused_in_words(world: World, event: str) -> None:
    made = await world.traffic.subscription()
    error = await refusal(world, a_message(made.destination_id, EventType=event))
    assert error.module == "Queries"
    assert "asks for an answer" in error.text


async def test_a_new_subscription_routes_the_very_next_message(world: World) -> None:
    source = await world.traffic.source()
    first = await world.traffic.subscription(source)
    await world.accept(a_message(first.destination_id))
    second = await world.traffic.subscription(source)
    meta = await world.accept(a_message(first.destination_id, second.destination_id))
    assert len(meta["Logs"]) == 2


async def test_a_deleted_subscription_routes_no_message_more(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await world.traffic.execute("UPDATE subscription SET deleted_at = 1 WHERE id = :id", id=made.id)
    await world.traffic.execute("UPDATE environment SET version = version + 1")
    with pytest.raises(Unroutable):
        await world.accept(a_message(made.destination_id))
    assert (await world.counts())["log"] == 1


async def test_a_new_name_shows_in_the_very_next_answer(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await world.traffic.execute("UPDATE destination SET name = 'Renamed'")
    await world.traffic.execute("UPDATE environment SET version = version + 1")
    meta = await world.accept(a_message(made.destination_id))
    assert meta["Destinations"][0]["Name"] == "Renamed"


async def test_an_accepted_message_costs_one_write_and_no_read(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    reads, writes = world.db.reads, world.db.writes
    for _ in range(10):
        await world.accept(a_message(made.destination_id), key=new_id())
    assert (world.db.reads - reads, world.db.writes - writes) == (0, 10)


async def test_a_refused_message_costs_one_read_and_no_write(world: World) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    reads, writes = world.db.reads, world.db.writes
    for _ in range(10):
        with pytest.raises(Unroutable):
            await world.accept(a_message(new_id()))
    assert (world.db.reads - reads, world.db.writes - writes) == (10, 0)


async def test_a_change_reads_no_more_of_the_destinations_than_their_names(
    world: World, statements: list[str]
) -> None:
    made = await world.traffic.subscription()
    await world.accept(a_message(made.destination_id))
    await world.traffic.execute("UPDATE environment SET version = version + 1")
    statements.clear()
    await world.accept(a_message(made.destination_id))
    read = [each.partition("FROM")[0] for each in statements if "FROM destination " in each]
    assert [each.split() for each in read] == [["SELECT", "destination.id,", "destination.name"]]


async def test_a_message_that_cannot_be_read_costs_neither(world: World) -> None:
    for body in (b"", b"{}", b'{"Meta":{}}'):
        with pytest.raises(MessageInvalid):
            await world.accept(body)
    assert (world.db.reads, world.db.writes) == (0, 0)


async def test_changed_routes_are_read_once_for_many_messages_at_a_time(world: World) -> None:
    made = await world.traffic.subscription()
    await asyncio.gather(*(world.accept(a_message(made.destination_id)) for _ in range(50)))
    await world.traffic.execute("UPDATE environment SET version = version + 1")
    await asyncio.gather(*(world.accept(a_message(made.destination_id)) for _ in range(50)))
    rows = await world.traffic.rows("SELECT seq FROM log ORDER BY seq")
    assert [row.seq for row in rows] == list(range(1, 101))


async def test_a_key_gives_the_same_answer_and_no_second_message(world: World) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    first = await world.accept(body, key="k")
    assert [await world.accept(body, key="k") for _ in range(3)] == [first] * 3
    assert (await world.counts())["log"] == 1
    assert len(world.arrived) == 1


async def test_one_key_at_a_time_makes_one_message(world: World) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    answers = await asyncio.gather(*(world.accept(body, key="k") for _ in range(30)))
    assert all(answer == answers[0] for answer in answers)
    assert (await world.counts())["message"] == 1


async def test_a_key_used_for_another_body_is_a_conflict(world: World) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    await world.accept(body, key="k")
    with pytest.raises(Conflict) as caught:
        await world.accept(body + b" ", key="k")
    assert caught.value.reason_code == "idempotency_key_reused"
    assert (await world.counts())["message"] == 1


async def test_a_key_is_forgotten_after_a_day(world: World, clock: SetClock) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    first = await world.accept(body, key="k")
    clock.advance(24 * 3600 - 1)
    assert await world.accept(body, key="k") == first
    clock.advance(1)
    assert (await world.accept(body, key="k"))["Logs"] != first["Logs"]
    assert (await world.counts()) == {
        "message": 2, "log": 2, "entry": 2, "destination_seq": 1, "idempotency_key": 1,
    }  # fmt: skip


async def test_a_key_holds_although_the_routes_have_changed(world: World) -> None:
    made = await world.traffic.subscription()
    body = a_message(made.destination_id)
    first = await world.accept(body, key="k")
    await world.traffic.execute("UPDATE subscription SET deleted_at = 1 WHERE id = :id", id=made.id)
    await world.traffic.execute("UPDATE environment SET version = version + 1")
    assert await world.accept(body, key="k") == first
    with pytest.raises(Unroutable):
        await world.accept(body, key="another")


async def test_a_refused_message_uses_up_no_key(world: World) -> None:
    source = await world.traffic.source()
    destination = await world.traffic.destination()
    body = a_message(destination)
    with pytest.raises(Unroutable):
        await world.accept(body, key="k")
    await world.traffic.subscription(source, destination)
    assert len((await world.accept(body, key="k"))["Logs"]) == 1
