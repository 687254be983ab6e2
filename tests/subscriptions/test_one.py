"""One subscription (ours): read it, change it, take it away."""

import json
from typing import Any

import pytest

from tests.conftest import SetClock
from tests.subscriptions.conftest import Served
from tests.support.rooms import NOBODYS
from waypost.errors import NotFound
from waypost.subscriptions import store


async def test_it_has_what_the_documented_one_has_no_place_for(served: Served) -> None:
    made = await served.made()
    answer = served.one("GET", made["id"])
    assert answer.status == 200
    assert answer.payload == {"subscription": {**made, "childQueues": None, "park": None}}


async def test_every_role_reads_it(served: Served) -> None:
    made = await served.made()
    for token in ("engineer", "support", "viewer"):
        assert served.one("GET", made["id"], token=token).payload["subscription"]["id"] == made["id"]


@pytest.mark.parametrize("token", ["support", "viewer"])
async def test_only_an_engineer_changes_it(served: Served, token: str) -> None:
    made = await served.made()
    for answer in (
        served.one("PATCH", made["id"], {}, token=token),
        served.one("DELETE", made["id"], token=token),
        served.one("DELETE", made["id"], query="?reason=r", token=token),
    ):
        assert answer.status == 403
        assert "engineer" in answer.json["detail"]
    assert served.one("GET", made["id"]).status == 200


@pytest.mark.parametrize("token", ["owner without a role", "engineer elsewhere"])
async def test_without_a_role_there_is_no_such_subscription(served: Served, token: str) -> None:
    made = await served.made()
    for method, body in (("GET", None), ("PATCH", {}), ("PATCH", {"nonsense": 1}), ("DELETE", None)):
        theirs = served.one(method, made["id"], body, token=token)
        nobodys = served.one(method, NOBODYS, body, token=token)
        assert theirs.status == nobodys.status == 404
        assert theirs.json["detail"] == nobodys.json["detail"]
    assert served.one("GET", made["id"]).status == 200


def test_a_path_id_that_is_no_uuid_is_not_found(served: Served) -> None:
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert served.one(method, "no-uuid", body).status == 404


async def test_a_users_token_is_needed(served: Served) -> None:
    made = await served.made()
    assert served.one("GET", made["id"], token="unknown").status == 401
    assert served.one("GET", made["id"], token="source").status == 403


async def test_what_was_read_can_be_sent_back(served: Served) -> None:
    made = await served.made()
    whole = served.one("GET", made["id"]).payload["subscription"]
    events, version = await served.room.events(), await served.room.version()
    for body in (whole, {}, {"childQueues": None}, {"park": None}, {"deletedAt": None}):
        answer = served.one("PATCH", made["id"], body)
        assert (answer.status, answer.payload) == (200, {"subscription": whole})
    assert (await served.room.events(), await served.room.version()) == (events, version)


@pytest.mark.parametrize(
    "body",
    [
        {"childQueues": {"identifierType": "MR", "path": "$.Patient.Identifiers[*].ID"}},
        {"park": {"statuses": [400, 422, 599], "after": 1}},
        {"childQueues": {"identifierType": "MRN", "path": "Patient.Identifiers"}, "park": None},
    ],
)
async def test_child_queues_and_parking_are_kept_and_audited(served: Served, body: dict[str, Any]) -> None:
    made = await served.made()
    before, version = served.one("GET", made["id"]).payload["subscription"], await served.room.version()
    answer = served.one("PATCH", made["id"], body)
    assert (answer.status, answer.payload) == (200, {"subscription": before | body})
    assert served.one("GET", made["id"]).payload == answer.payload
    assert await served.room.version() == version + 1
    event = (await served.room.events())[-1]
    details = json.loads(event["details"])
    assert (event["type"], details) == (
        "subscription-updated", {"id": made["id"], "before": before, "after": before | body},
    )  # fmt: skip
    off = served.one("PATCH", made["id"], {"childQueues": None, "park": None})
    assert (off.status, off.payload) == (200, {"subscription": before})


async def test_a_change_of_child_queues_begins_behind_what_is_queued(served: Served) -> None:
    made = await served.made()
    served.engine.counts[made["destination"]["id"]] = 41

    async def row() -> tuple[int, int, bytes | None]:
        found = await served.room.db.read(lambda tx: store.get(tx, made["id"]))
        return found.generation, found.since, found.child_key

    assert await row() == (0, 0, None)
    served.one("PATCH", made["id"], {"childQueues": {"identifierType": "MR", "path": "Patient.Identifiers"}})
    generation, since, key = await row()
    assert (generation, since, key is not None) == (1, 41, True)
    served.engine.counts[made["destination"]["id"]] = 43
    served.one("PATCH", made["id"], {"park": {"statuses": [400], "after": 1}})
    assert await row() == (1, 41, key)
    served.one("PATCH", made["id"], {"childQueues": None})
    assert await row() == (2, 43, key)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"childQueues": {}}, [("/childQueues/identifierType", "required"), ("/childQueues/path", "required")]),
        ({"childQueues": {"identifierType": "", "path": 1}},
         [("/childQueues/identifierType", "string_too_short"), ("/childQueues/path", "wrong_type")]),
        ({"childQueues": {"identifierType": "MR", "path": "Patient..Identifiers"}},
         [("/childQueues/path", "invalid_path")]),
        ({"childQueues": {"identifierType": "MR", "path": "$.Patient[0].Identifiers"}},
         [("/childQueues/path", "invalid_path")]),
        ({"childQueues": True}, [("/childQueues", "wrong_type")]),
        ({"park": {"statuses": [], "after": 0}},
         [("/park/statuses", "too_short"), ("/park/after", "greater_than_equal")]),
        ({"park": {"statuses": [399], "after": 1}}, [("/park/statuses/0", "greater_than_equal")]),
        ({"park": {"statuses": [400, 600], "after": 1}}, [("/park/statuses/1", "less_than_equal")]),
        ({"park": {"statuses": [400, 400], "after": 1}}, [("/park/statuses", "duplicate")]),
        ({"park": {"statuses": ["400"], "after": True}},
         [("/park/statuses/0", "wrong_type"), ("/park/after", "wrong_type")]),
        ({"park": {"statuses": [400], "after": 1, "x": 1}}, [("/park/x", "unknown_field")]),
        ({"id": NOBODYS, "source": {"id": NOBODYS}, "destination": None, "dataModel": "A", "deletedAt": "now"},
         [(f"/{name}", "immutable") for name in ("id", "source", "destination", "dataModel", "deletedAt")]),
        ({"colour": 1}, [("/colour", "unknown_field")]),
        ([], [("", "wrong_type")]),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(served: Served, body: Any, faults: list[tuple[str, str]]) -> None:
    made = await served.made()
    answer = served.one("PATCH", made["id"], body)
    assert (answer.status, answer.faults) == (400, faults)


async def test_a_deleted_one_is_gone_but_its_row_stays(served: Served, clock: SetClock) -> None:
    made = await served.made()
    version = await served.room.version()
    answer = served.one("DELETE", made["id"])
    assert answer.status == 200
    assert isinstance(answer.payload["message"], str)
    assert served.list().payload == {"subscriptions": []}
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert served.one(method, made["id"], body).status == 404
    with pytest.raises(NotFound):
        await served.room.db.read(lambda tx: store.get(tx, made["id"]))
    rows = await served.room.db.read(lambda tx: tx.execute(store.subscription.select()).all())
    assert [(row.id, row.deleted_at) for row in rows] == [(made["id"], clock.now)]
    assert served.engine.closed == [(made["id"], clock.now)]
    assert served.engine.skipped == []
    assert await served.room.version() == version + 1


async def test_pending_messages_keep_it(served: Served) -> None:
    made = await served.made()
    served.engine.waiting[made["id"]] = 3
    events, version = await served.room.events(), await served.room.version()
    for body in (None, {}, {"reason": None}):
        answer = served.one("DELETE", made["id"], body)
        assert (answer.status, answer.json["type"]) == (409, "/problems/messages_pending")
        assert "3 message" in answer.json["detail"]
    assert served.one("GET", made["id"]).status == 200
    assert (served.engine.skipped, served.engine.closed) == ([], [])
    assert (await served.room.events(), await served.room.version()) == (events, version)


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        ("?reason=the%20lab%20closed", None, "the lab closed"),
        ("", {"reason": "moved"}, "moved"),
        ("?reason=q", {"reason": "the body wins"}, "the body wins"),
        ("?reason=q", {}, "q"),
    ],
)
async def test_with_a_reason_they_end_skipped_and_audited(
    served: Served, clock: SetClock, query: str, body: Any, reason: str
) -> None:
    made = await served.made()
    served.engine.waiting[made["id"]] = 3
    answer = served.one("DELETE", made["id"], body, query=query)
    assert answer.status == 200
    assert "3 pending" in answer.payload["message"]
    assert served.engine.skipped == [(made["id"], clock.now, reason)]
    assert served.engine.closed == [(made["id"], clock.now)]
    event = (await served.room.events())[-1]
    assert event["type"] == "subscription-deleted"
    assert json.loads(event["details"]) == {
        "id": made["id"],
        "before": {**made, "childQueues": None, "park": None},
        "reason": reason,
        "skipped": 3,
    }


@pytest.mark.parametrize(
    ("query", "body", "fault"),
    [
        ("?reason=", None, ("/reason", "string_too_short")),
        ("?reason=%20", None, ("/reason", "blank")),
        ("?reason=a%0Ab", None, ("/reason", "invalid_character")),
        ("", {"reason": "a" * 256}, ("/reason", "string_too_long")),
        ("", {"reason": 1}, ("/reason", "wrong_type")),
        ("", {"why": "x"}, ("/why", "unknown_field")),
        ("?reason=q", [], ("", "wrong_type")),
    ],
)
async def test_a_reason_is_one_line_of_words(
    served: Served, query: str, body: Any, fault: tuple[str, str]
) -> None:
    made = await served.made()
    answer = served.one("DELETE", made["id"], body, query=query)
    assert (answer.status, answer.faults) == (400, [fault])
    assert served.one("GET", made["id"]).status == 200
