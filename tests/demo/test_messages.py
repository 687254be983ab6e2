"""The demo's messages are what a hospital could send. `tests/journeys` has them judged."""

from itertools import islice

from waypost.demo import messages

SOURCE, DESTINATION = "497f6eca-6276-4993-bfeb-53cbbbba6f08", "95dc8346-96b6-4721-88bf-bd96d3ac7a91"


def test_every_visit_goes_through_its_events_in_order() -> None:
    visits: dict[str, list[str]] = {}
    for message in islice(messages.feed(SOURCE, DESTINATION), 260):
        visits.setdefault(message["Visit"]["VisitNumber"], []).append(message["Meta"]["EventType"])
    assert len(visits) == 52
    assert all(tuple(events) == messages.EVENTS for events in visits.values())


def test_no_two_messages_are_the_same() -> None:
    sent = [messages.encode(message) for message in islice(messages.feed(SOURCE, DESTINATION), 260)]
    assert len(set(sent)) == len(sent)
