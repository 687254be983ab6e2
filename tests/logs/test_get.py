"""Get log: what it shows, its attempts, and who may see it."""

import pytest

from tests.logs.conftest import Archive
from tests.support.rooms import DEVELOPMENT, ORGANIZATION, OTHER_ORGANIZATION
from waypost.ids import new_id


async def test_a_log_shows_its_metadata(archive: Archive) -> None:
    made = await archive.log(facility_code="RX", event_type="Arrival")
    assert archive.shown(made) == {
        "id": made,
        "createdAt": archive.now(),
        "updatedAt": archive.now(),
        "dataModel": "PatientAdmin",
        "eventType": "Arrival",
        "facilityCode": "RX",
        "status": "pending",
        "type": "receive",
        "source": {"id": archive.made.source_id, "name": "Lab"},
        "destination": {"id": archive.made.destination_id, "name": "Ward 7"},
        "subscription": {"id": archive.made.id},
        "environment": {"id": DEVELOPMENT},
        "sequence": 1,
        "replayOf": None,
        "attempts": {"total": 0, "latest": None},
    }


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("pending", "pending"),
        ("delivered", "succeeded"),
        ("filtered", "filtered"),
        ("skipped", "failed"),
        ("parked", "failed"),
    ],
)
async def test_the_status_is_one_of_the_vendors_four_words(archive: Archive, state: str, status: str) -> None:
    assert archive.shown(await archive.log(state=state))["status"] == status


async def test_the_newest_attempt_is_shown_with_how_many_there_were(archive: Archive) -> None:
    made = await archive.log()
    for _ in range(3):
        archive.clock.advance(10)
        newest = await archive.attempt(made)
    began = archive.now()
    attempts = archive.shown(made)["attempts"]
    assert attempts == {
        "total": 3,
        "latest": {"id": newest, "attemptAt": began, "status": "failed", "operations": []},
    }


async def test_an_attempt_that_delivered_has_succeeded(archive: Archive) -> None:
    made = await archive.log(state="delivered")
    await archive.attempt(made)
    archive.clock.advance(1)
    newest = await archive.attempt(made, "delivered", 200)
    latest = archive.shown(made)["attempts"]["latest"]
    assert (latest["id"], latest["status"]) == (newest, "succeeded")


async def test_of_attempts_within_the_same_moment_the_last_one_counts(archive: Archive) -> None:
    made = await archive.log(state="delivered")
    newest, older = await archive.attempt(made, "delivered", 200), await archive.attempt(made)
    await archive.traffic.execute("UPDATE attempt SET ended_at = ended_at - 1 WHERE id = :id", id=older)
    assert archive.shown(made)["attempts"]["latest"]["id"] == newest


async def test_a_log_is_found_whatever_the_case_of_its_id(archive: Archive) -> None:
    made = await archive.log()
    assert archive.get(made.upper()).payload["result"]["id"] == made


@pytest.mark.parametrize(("query", "status"), [("?dataMode=realtime", 200), ("?dataMode=backfill", 404)])
async def test_all_traffic_is_in_real_time(archive: Archive, query: str, status: int) -> None:
    assert archive.get(await archive.log(), query).status == status


async def test_an_unknown_data_mode_is_refused(archive: Archive) -> None:
    assert archive.get(await archive.log(), "?dataMode=both").status == 400


@pytest.mark.parametrize("log_id", ["x", "00000000-0000-4000-8000-000000000000"])
async def test_an_unknown_log_is_not_found(archive: Archive, log_id: str) -> None:
    assert archive.get(log_id).status == 404


@pytest.mark.parametrize("by", ["engineer", "support", "viewer"])
async def test_every_role_sees_a_log(archive: Archive, by: str) -> None:
    assert archive.get(await archive.log(), by=by).status == 200


async def test_an_organization_role_alone_shows_no_log(archive: Archive) -> None:
    made = await archive.log()
    hidden = archive.get(made, by="owner without a role")
    missing = archive.get(new_id(), by="owner without a role")
    assert (hidden.status, hidden.json["detail"]) == (404, missing.json["detail"])


async def test_a_log_is_of_one_organization_only(archive: Archive) -> None:
    made = await archive.log()
    assert archive.get(made, of=OTHER_ORGANIZATION).status == 404
    assert archive.get(made, by="engineer elsewhere").status == 404
    assert archive.get(made, by="engineer elsewhere", of=OTHER_ORGANIZATION).status == 404
    assert archive.get(made, of=999).status == 404
    assert archive.get(made, of=ORGANIZATION).status == 200


async def test_a_source_sees_no_log(archive: Archive) -> None:
    assert archive.get(await archive.log(), by="source").status == 403


async def test_names_of_what_was_deleted_are_still_shown(archive: Archive) -> None:
    made = await archive.log()
    for table in ("source", "destination", "subscription"):
        await archive.traffic.execute(f"UPDATE {table} SET deleted_at = 1")
    shown = archive.shown(made)
    assert (shown["source"]["name"], shown["destination"]["name"]) == ("Lab", "Ward 7")
