"""Search metadata: every filter, its pages, and who may search."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from tests.logs.conftest import Archive
from tests.support.rooms import DEVELOPMENT, ELSEWHERE, ORGANIZATION, OTHER_ORGANIZATION, PRODUCTION
from tests.support.traffic import Traffic
from waypost.ids import new_id


async def test_logs_come_newest_first(archive: Archive) -> None:
    made = [await archive.log() for _ in range(4)]
    assert archive.found() == made[::-1]


async def test_a_search_may_have_no_body_at_all(archive: Archive) -> None:
    made = await archive.log()
    answer = archive.search()
    assert [result["id"] for result in answer.payload["results"]] == [made]


async def test_a_search_that_finds_nothing_is_an_empty_page(archive: Archive) -> None:
    answer = archive.search({})
    assert (answer.status, answer.payload) == (200, {"results": []})
    assert answer.json["meta"] == {"version": "1.0.0", "page": {"pageType": "cursor", "pageSize": 50}}


async def test_the_results_are_metadata_as_get_log_shows_it(archive: Archive) -> None:
    made = await archive.log(facility_code="RX", body=b"secret body")
    await archive.attempt(made)
    answer = archive.search({})
    assert answer.payload["results"] == [archive.shown(made)]
    assert b"secret" not in answer.body


@pytest.mark.parametrize("spelling", ["Clinical Summary", "clinicalsummary", "CLINICAL  SUMMARY"])
async def test_by_data_model_without_case_and_spaces(archive: Archive, spelling: str) -> None:
    await archive.log()
    other = await archive.traffic.subscription(data_model="Clinical Summary")
    made = await archive.log(other)
    assert archive.found({"dataModel": spelling}) == [made]


async def test_by_event_type(archive: Archive) -> None:
    await archive.log()
    made = await archive.log(event_type="Arrival")
    assert archive.found({"eventType": "Arrival"}) == [made]


async def test_by_source_and_by_destination(archive: Archive) -> None:
    await archive.log()
    other = await archive.traffic.subscription()
    made = await archive.log(other)
    assert archive.found({"sourceId": other.source_id}) == [made]
    assert archive.found({"destinationId": other.destination_id}) == [made]
    assert archive.found({"destinationId": other.destination_id.upper()}) == [made]
    assert archive.found({"sourceId": other.source_id.upper()}) == [made]
    assert archive.found({"sourceId": other.destination_id}) == []
    assert archive.found({"destinationId": "not an id"}) == []


async def test_by_facility_code(archive: Archive) -> None:
    await archive.log()
    made = await archive.log(facility_code="RX")
    assert archive.found({"facilityCode": "RX"}) == [made]
    assert archive.found({"facilityCode": "rx"}) == []


@pytest.mark.parametrize(
    ("status", "states"),
    [
        ("pending", ["pending"]),
        ("succeeded", ["delivered"]),
        ("failed", ["skipped", "parked"]),
        ("filtered", ["filtered"]),
    ],
)
async def test_by_status_in_the_vendors_words(archive: Archive, status: str, states: list[str]) -> None:
    every = ["pending", "delivered", "filtered", "skipped", "parked"]
    made = {state: await archive.log(state=state) for state in every}
    assert sorted(archive.found({"status": status})) == sorted(made[state] for state in states)
    shown = {result["status"] for result in archive.search({"status": status}).payload["results"]}
    assert shown == {status}


async def test_by_the_time_it_was_created_both_ends_included(archive: Archive) -> None:
    first, second, third = [await archive.log() for _ in range(3)]
    assert archive.found({"createdAfter": archive.now(-1)}) == [third, second]
    assert archive.found({"createdBefore": archive.now(-1)}) == [second, first]
    assert archive.found({"createdAfter": archive.now(-1), "createdBefore": archive.now(-1)}) == [second]
    assert archive.found({"createdAfter": archive.now(0.001)}) == []


async def test_by_the_time_it_was_updated(archive: Archive) -> None:
    first, second = [await archive.log() for _ in range(2)]
    archive.clock.advance(100)
    await archive.attempt(first)
    assert archive.found({"updatedAfter": archive.now()}) == [first]
    assert archive.found({"updatedBefore": archive.now(-1)}) == [second]


async def test_a_time_may_have_any_offset(archive: Archive) -> None:
    made = await archive.log()
    before = archive.now(-1).replace("Z", "+00:00")
    assert archive.found({"createdAfter": before}) == [made]
    assert archive.found({"createdAfter": before.replace("+00:00", "-05:00")}) == []


@pytest.mark.parametrize(
    ("body", "finds"),
    [
        ({"type": "receive"}, True),
        ({"type": "Receive"}, True),
        ({"type": "request"}, False),
        ({"dataMode": "realtime"}, True),
        ({"dataMode": "backfill"}, False),
        ({"serviceRegion": "AWS_USA_EAST_1"}, True),
    ],
)
async def test_by_what_all_logs_have_in_common(archive: Archive, body: dict[str, Any], finds: bool) -> None:
    made = await archive.log()
    assert archive.found(body) == ([made] if finds else [])


async def test_filters_narrow_together(archive: Archive) -> None:
    await archive.log(event_type="Arrival", state="delivered")
    await archive.log(facility_code="RX", state="delivered")
    made = await archive.log(event_type="Arrival", facility_code="RX", state="delivered")
    await archive.log(event_type="Arrival", facility_code="RX")
    wanted = {"eventType": "Arrival", "facilityCode": "RX", "status": "succeeded", "dataModel": "patientadmin"}
    assert archive.found(wanted) == [made]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"status": "held"}, "/status"),
        ({"status": 1}, "/status"),
        ({"createdAfter": "yesterday"}, "/createdAfter"),
        ({"createdBefore": "2026-13-01T00:00:00Z"}, "/createdBefore"),
        ({"updatedAfter": 5}, "/updatedAfter"),
        ({"dataMode": "both"}, "/dataMode"),
        ({"serviceRegion": "MOON"}, "/serviceRegion"),
        ({"sourceId": ["a"]}, "/sourceId"),
        ({"searchTerms": []}, "/searchTerms"),
        ([], ""),
    ],
)
async def test_a_filter_that_cannot_be_is_refused(archive: Archive, body: Any, fault: str) -> None:
    answer = archive.search(body)
    assert (answer.status, [pointer for pointer, _ in answer.faults]) == (400, [fault])


async def test_every_fault_comes_at_once(archive: Archive) -> None:
    answer = archive.search({"status": "x", "createdAfter": "y", "nothing": 1})
    assert sorted(pointer for pointer, _ in answer.faults) == ["/createdAfter", "/nothing", "/status"]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
async def test_pages_follow_each_other_without_gap_or_repeat(archive: Archive, count: int) -> None:
    made = [await archive.log() for _ in range(7)]
    await archive.traffic.execute("UPDATE log SET accepted_at = 5 WHERE seq > 3")  # many at the same moment
    found: list[str] = []
    query: str | None = f"?_count={count}"
    while query is not None:
        answer = archive.search({}, query)
        page = answer.json["meta"]["page"]
        ids = [result["id"] for result in answer.payload["results"]]
        assert (page["pageSize"], len(ids) <= count) == (count, True)
        found += ids
        following = page.get("nextCursor")
        query = None if following is None else f"?_count={count}&_cursor={following}"
    assert len(found) == 7
    assert set(found) == set(made)


async def test_a_log_that_arrives_between_two_pages_moves_neither(archive: Archive) -> None:
    made = [await archive.log() for _ in range(4)]
    first = archive.search({}, "?_count=2")
    await archive.log()
    second = archive.search({}, f"?_count=2&_cursor={first.json['meta']['page']['nextCursor']}")
    ids = [result["id"] for answer in (first, second) for result in answer.payload["results"]]
    assert ids == made[::-1]


@pytest.mark.parametrize("query", ["?_count=0", "?_count=51", "?_count=x", "?_cursor=x", "?_cursor=W10"])
async def test_a_page_that_cannot_be_is_refused(archive: Archive, query: str) -> None:
    assert archive.search({}, query).status == 400


@pytest.mark.parametrize(
    "position",
    ["[]", "[1]", '["x","y"]', '[1,"x",2]', '[99999999999999999999999,"x"]', '[-99999999999999999999,"x"]', "{}"],
)
async def test_a_cursor_that_no_page_gave_is_refused(archive: Archive, position: str) -> None:
    cursor = urlsafe_b64encode(position.encode()).decode().rstrip("=")
    assert archive.search({}, f"?_cursor={cursor}").status == 400


@pytest.mark.parametrize("by", ["engineer", "support", "viewer", "engineer of Development only"])
async def test_every_role_may_search(archive: Archive, by: str) -> None:
    assert archive.search({}, by=by).status == 200


@pytest.mark.parametrize("by", ["engineer elsewhere", "owner without a role"])
async def test_whoever_has_no_role_finds_no_environment(archive: Archive, by: str) -> None:
    here, nowhere = archive.search({}, by=by), archive.search({}, by=by, at=new_id())
    assert (here.status, nowhere.status) == (404, 404)
    assert here.json["detail"] == nowhere.json["detail"]


async def test_a_source_may_not_search(archive: Archive) -> None:
    assert archive.search({}, by="source").status == 403


async def test_a_search_stays_in_its_environment(archive: Archive) -> None:
    production = Traffic(archive.traffic.db, archive.clock, PRODUCTION, ORGANIZATION)
    far = await archive.log(await production.subscription())
    await production.execute("UPDATE log SET environment_id = :id WHERE id = :log", id=PRODUCTION, log=far)
    made = await archive.log()
    assert archive.found() == [made]
    [found] = archive.search({}, at=PRODUCTION).payload["results"]
    assert found["environment"] == {"id": PRODUCTION}


async def test_other_tenants_logs_are_not_found(archive: Archive) -> None:
    theirs = Traffic(archive.traffic.db, archive.clock, ELSEWHERE, OTHER_ORGANIZATION)
    given = theirs.message(await theirs.subscription())
    await theirs.db.write(lambda tx: theirs.hot.accept(tx, given))
    log_id = given.addressees[0].log_id
    assert archive.found() == []
    assert archive.get(log_id).status == 404
    assert archive.get(log_id, of=OTHER_ORGANIZATION).status == 404
    answer = archive.get(log_id, by="engineer elsewhere", of=OTHER_ORGANIZATION)
    assert (answer.status, DEVELOPMENT in answer.body.decode()) == (200, False)
