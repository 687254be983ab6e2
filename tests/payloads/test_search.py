"""Payload search: what is found, how far a call goes, and what is written down of it."""

import asyncio
import json
from typing import Any

import pytest

from tests.support import logs
from tests.support.callers import MovedClock
from tests.support.house import House
from tests.support.serving import Answer
from waypost.access import operator
from waypost.clock import iso
from waypost.payloads import search as searching
from waypost.payloads.search import Bookmark, PayloadSearches
from waypost.web.routes import cursor

NAME = "Quillfeather"
DAY_SECONDS = 24 * 3600


def search(house: House, body: Any = None, query: str = "", by: str | None = "support") -> Answer:
    environment_id = house.environments["Development"]
    path = f"/platform/v1/environments/{environment_id}/logs/search/payloads{query}"
    return house.call("POST", path, body, by=by)


def of(route: dict[str, Any], *values: str, **more: Any) -> dict[str, Any]:
    """A search within a subscription's destination."""
    terms = [{"value": value, "category": "patient"} for value in values]
    return {"destinationId": route["destination"]["id"], "searchTerms": terms, **more}


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [each["id"] for each in answer.payload["results"]]


def patient(name: str) -> dict[str, Any]:
    return {"Demographics": {"LastName": name}}


def test_it_finds_the_logs_of_a_patient_newest_first(house: House, route: dict[str, Any]) -> None:
    first = logs.send(house, route, Patient=patient(NAME))
    logs.send(house, route, Patient=patient("Somebody"))
    second = logs.send(house, route, Patient=patient(NAME), Visit={"Room": "West wing"})
    logs.send(house, route, Patient=patient("Nobody"), Visit={"Guest": NAME})
    assert ids(search(house, of(route, NAME))) == [second, first]
    assert ids(search(house, of(route, NAME, "feather"), by="engineer")) == [second, first]
    both = {"searchTerms": [{"value": NAME}, {"value": "west", "category": "visit"}]}
    assert ids(search(house, of(route) | both)) == [second]
    assert ids(search(house, of(route, "Absent"))) == []


def test_only_metadata_comes_back(house: House, route: dict[str, Any]) -> None:
    log_id = logs.send(house, route, Patient=patient(NAME))
    logs.until_state(house, log_id, "delivered")
    answer = search(house, of(route, NAME))
    path = f"/platform/v1/organizations/{house.household.clinic.id}/logs/{log_id}"
    assert answer.payload["results"] == [house.call("GET", path).payload["result"]]
    assert NAME.encode() not in answer.body
    assert answer.headers["cache-control"] == "no-store"


def test_the_metadata_filter_narrows_it(house: House, route: dict[str, Any]) -> None:
    log_id = logs.send(house, route, Patient=patient(NAME))
    logs.until_state(house, log_id, "delivered")
    assert ids(search(house, of(route, NAME, status="succeeded", dataModel="patient admin"))) == [log_id]
    assert ids(search(house, of(route, NAME, status="failed"))) == []
    assert ids(search(house, of(route, NAME, dataMode="backfill"))) == []
    assert ids(search(house, of(route))) == [log_id]


def test_a_day_is_looked_through_unless_a_range_is_given(house: House, route: dict[str, Any]) -> None:
    log_id = logs.send(house, route, Patient=patient(NAME))
    at = house.call("GET", f"/platform/v1/organizations/{house.household.clinic.id}/logs/{log_id}").payload[
        "result"
    ]["createdAt"]
    house.write(
        lambda tx: (
            tx.exec_driver_sql(
                "UPDATE log SET accepted_at = accepted_at - ? WHERE id = ?", ((DAY_SECONDS + 60) * 1000, log_id)
            )
            and None
        )
    )
    assert ids(search(house, of(route, NAME))) == []
    assert ids(search(house, of(route, NAME, createdAfter="2020-01-01T00:00:00Z"))) == [log_id]
    assert ids(search(house, of(route, NAME, updatedAfter="2020-01-01T00:00:00Z"))) == [log_id]
    hour_ago = logs.row(house, log_id).accepted_at + 3600 * 1000
    assert ids(search(house, of(route, NAME, createdBefore=iso(hour_ago)))) == [log_id]
    assert ids(search(house, of(route, NAME, createdBefore=at))) == []


def test_it_comes_in_pages(house: House, route: dict[str, Any]) -> None:
    sent = [logs.send(house, route, Patient=patient(NAME)) for _ in range(5)]
    seen: list[str] = []
    query: str | None = "?_count=2"
    while query is not None:
        page = search(house, of(route, NAME), query)
        seen += ids(page)
        following = page.json["meta"]["page"].get("nextCursor")
        query = None if following is None else f"?_count=2&_cursor={following}"
    assert seen == sent[::-1]


def test_a_call_stops_when_its_time_is_up_and_the_next_one_goes_on(house: House, route: dict[str, Any]) -> None:
    wanted = logs.send(house, route, Patient=patient(NAME))
    logs.send_many(house, route, 5)
    waypost = house.waypost
    hurried = PayloadSearches(waypost.ground.db, waypost.ground.vault, waypost.ground.clock, seconds_a_call=0)

    async def look() -> tuple[list[str], list[int]]:
        seen: list[str] = []
        examined: list[int] = []
        place: Bookmark | None = None
        while not examined or place is not None:
            environment_id = house.environments["Development"]
            shown, found = await hurried.search(
                operator("test"), environment_id, of(route, NAME), place=place, count=50
            )
            seen += [each["id"] for each in shown]
            examined.append(found.examined)
            place = found.following
        return seen, examined

    assert house.run(look()) == ([wanted], [1] * 6)


def test_a_day_is_the_day_of_the_first_call(house: House, route: dict[str, Any]) -> None:
    sent = [logs.send(house, route, Patient=patient(NAME)) for _ in range(2)]
    clock = MovedClock()
    searches = PayloadSearches(house.waypost.ground.db, house.waypost.ground.vault, clock)

    async def look(place: Bookmark | None) -> tuple[list[str], Bookmark | None]:
        environment_id = house.environments["Development"]
        shown, found = await searches.search(
            operator("test"), environment_id, of(route, NAME), place=place, count=1
        )
        return [each["id"] for each in shown], found.following

    shown, place = house.run(look(None))
    assert shown == [sent[1]]
    clock.ahead_ms = (DAY_SECONDS - 600) * 1000
    assert house.run(look(place))[0] == [sent[0]]
    clock.ahead_ms = (DAY_SECONDS + 600) * 1000
    assert house.run(look(place))[0] == [sent[0]]
    assert house.run(look(None)) == ([], None)


def test_more_than_a_read_is_looked_through(house: House, route: dict[str, Any]) -> None:
    wanted = logs.send(house, route, Patient=patient(NAME))
    logs.send_many(house, route, 2 * searching.LOGS_A_READ + 10)
    answer = search(house, of(route, NAME))
    assert ids(answer) == [wanted]
    assert answer.json["meta"]["search"] == {"examined": 2 * searching.LOGS_A_READ + 11, "unopened": 0}


def test_what_does_not_open_hides_nothing_else(house: House, route: dict[str, Any]) -> None:
    first, second = [logs.send(house, route, Patient=patient(NAME)) for _ in range(2)]
    house.write(
        lambda tx: (
            tx.exec_driver_sql(
                "UPDATE message SET body = x'01' WHERE id = (SELECT message_id FROM log WHERE id = ?)", (second,)
            )
            and None
        )
    )
    answer = search(house, of(route, NAME))
    assert ids(answer) == [first]
    assert answer.json["meta"]["search"] == {"examined": 2, "unopened": 1}


def test_a_search_is_audited_without_what_was_searched(house: House, route: dict[str, Any]) -> None:
    logs.send(house, route, Patient=patient(NAME))
    answer = search(house, of(route, NAME, facilityCode=None))
    event = house.events()[-1]
    assert (event["type"], event["request_id"]) == ("log-search", answer.headers["x-request-id"])
    assert (event["details"]["terms"], event["details"]["examined"], event["details"]["found"]) == (1, 1, 1)
    assert event["details"]["fields"] == ["destinationId", "facilityCode"]
    assert NAME not in json.dumps(event)


def test_nothing_is_found_that_could_not_be_audited(house: House, route: dict[str, Any]) -> None:
    logs.send(house, route, Patient=patient(NAME))
    house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE audit_event RENAME TO away") and None)
    try:
        answer = search(house, of(route, NAME))
    finally:
        house.write(lambda tx: tx.exec_driver_sql("ALTER TABLE away RENAME TO audit_event") and None)
    assert answer.status == 503


def test_few_search_at_a_time(house: House, route: dict[str, Any]) -> None:
    logs.send_many(house, route, 20)

    async def one() -> int:
        searches, environment_id = house.waypost.engine.payload_searches, house.environments["Development"]
        _, found = await searches.search(operator("test"), environment_id, of(route, NAME), place=None, count=1)
        return found.examined

    async def together() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(8)))

    assert house.run(together()) == [20] * 8


@pytest.mark.parametrize(
    ("by", "status"),
    [("viewer", 403), ("outsider", 404), ("admin without a role", 404), ("source", 403), (None, 401)],
)
def test_it_is_for_engineer_and_support(house: House, by: str | None, status: int) -> None:
    assert search(house, {}, by=by).status == status


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"searchTerms": [{"value": ""}]}, [("/searchTerms/0/value", "string_too_short")]),
        ({"searchTerms": [{"category": "patient"}]}, [("/searchTerms/0/value", "required")]),
        (
            {"searchTerms": "x", "createdAfter": "y"},
            [("/createdAfter", "invalid_time"), ("/searchTerms", "wrong_type")],
        ),
        ({"searchTerms": [{"value": "x"}] * 11}, [("/searchTerms", "too_long")]),
        ({"searchTerm": "x"}, [("/searchTerm", "unknown_field")]),
    ],
)
def test_every_fault_comes_back_at_once(house: House, body: Any, faults: list[tuple[str, str]]) -> None:
    answer = search(house, body)
    assert (answer.status, sorted(answer.faults)) == (400, faults)


@pytest.mark.parametrize("made_up", ["x", cursor.write((1, "a/b")), cursor.write((1, "a/" + "9" * 30))])
def test_a_made_up_cursor_is_refused(house: House, made_up: str) -> None:
    answer = search(house, {}, f"?_cursor={made_up}")
    assert (answer.status, answer.faults) == (400, [("/_cursor", "invalid_cursor")])


def test_a_place_behind_the_range_finds_nothing(house: House) -> None:
    place = Bookmark(0, "", None)
    assert ids(search(house, {}, f"?_cursor={cursor.write((place.accepted_at, '/'))}")) == []
