"""The data set itself: messages that a hospital could have sent. `tests/journeys` has them judged."""

from datetime import UTC, datetime

from waypost.samples import hl7v2_adt

SOURCE, DESTINATION = "497f6eca-6276-4993-bfeb-53cbbbba6f08", "95dc8346-96b6-4721-88bf-bd96d3ac7a91"
NOW = datetime(2026, 5, 4, 20, 0, tzinfo=UTC)
MADE = hl7v2_adt.messages(SOURCE, DESTINATION, NOW)


def test_they_are_several_people_and_events_and_all_of_them_tests() -> None:
    assert {message["Meta"]["DataModel"] for message in MADE} == {"PatientAdmin"}
    assert all(message["Meta"]["Test"] is True for message in MADE)
    assert len({message["Patient"]["Identifiers"][0]["ID"] for message in MADE}) == 4
    assert len({message["Meta"]["EventType"] for message in MADE}) == 10


def test_time_goes_on_from_one_to_the_next_and_ends_now() -> None:
    times = [message["Meta"]["EventDateTime"] for message in MADE]
    assert times == sorted(set(times))
    assert times[-1] == "2026-05-04T20:00:00.000Z"


def test_nobody_is_moved_or_discharged_before_they_came() -> None:
    here: set[str] = set()
    for message in MADE:
        event, visit = message["Meta"]["EventType"], message.get("Visit", {}).get("VisitNumber")
        if event == "Arrival":
            here.add(visit)
        if event in {"Transfer", "VisitUpdate", "Cancel", "Discharge"}:
            assert visit in here
        if event in {"Cancel", "Discharge"}:
            here.remove(visit)


def test_a_merge_names_the_number_that_ends() -> None:
    [merge] = [message for message in MADE if message["Meta"]["EventType"] == "PatientMerge"]
    assert merge["Patient"]["PreviousIdentifiers"] == [{"ID": "SF-205011", "IDType": "MR"}]
