"""The overview: what is held comes first, the numbers are the ledger's, and a new environment leads the way."""

from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor
from waypost.cli.control import acts


def test_a_held_queue_is_there_with_its_reason_how_many_wait_and_what_to_do(
    house: House, receiver: Receiver
) -> None:
    receiver.behave(answer(401))
    with Lane(house, endpoint=receiver.url, name="Care coordination", authCredential=None) as lane:
        lane.send(1, 2, 3)
        lane.until("held")
        page = Visitor(house, "viewer").get(Visitor(house).home)
    assert "1 message waits" not in page.text
    assert "The first message waits" in page.text
    assert "The endpoint answered 401 Unauthorized." in page.text
    assert f"/dashboard/queues/{lane.queue_id}" in page.links


def test_a_viewer_sees_the_quotas_that_are_set_and_what_is_used(house: House) -> None:
    home = Visitor(house).home
    assert "Quotas" not in Visitor(house, "viewer").get(home).text
    house.destination()
    bounds = {"messagesPerSecond": 200, "pendingLogs": 50, "destinations": 1}
    params = {"environment": house.environments["Development"], "quotas": bounds}
    house.run(acts.perform(house.waypost, "quotas set", params))
    page = Visitor(house, "viewer").get(home)
    assert "Messages a second, on each node at most 200 Logs that wait 0 of 50" in page.text
    assert "Destinations 1 of 1 · nothing more is taken" in page.text
    assert "Subscriptions 0 of" not in page.text


def test_after_the_first_delivery_the_overview_has_it_all(house: House, receiver: Receiver) -> None:
    with Lane(house, endpoint=receiver.url, name="Care coordination") as lane:
        lane.send(1, 2)
        lane.until("idle")
        page = Visitor(house, "viewer").get(Visitor(house).home)
        assert "Everything is being delivered." in page.text
        assert "accepted 2 replayed 0" in page.text
        assert "delivered 2 filtered 0 skipped 0 parked 0 pending 0" in page.text

        receiver.behave(answer(503))
        lane.send(3, 4, 5)
        lane.until("held")
        house.clock.ahead_ms += 5_000
        page = Visitor(house, "viewer").get(Visitor(house).home)
        assert "1 queue is held. 3 messages wait in this environment." in page.text
        assert "Care coordination Open the queue" in page.text
        assert "The endpoint answered 503 Service Unavailable." in page.text
        assert "delivered 2 filtered 0 skipped 0 parked 0 pending 3" in page.text
        assert f"/dashboard/queues/{lane.queue_id}" in page.links
        assert f"/dashboard/destinations/{lane.destination['id']}/replace-credential" in page.links


def test_a_new_environment_leads_to_the_first_delivery(house: House, receiver: Receiver) -> None:
    ann = Visitor(house)
    page = ann.get(ann.home)
    assert "To the first delivered message" in page.text
    for step in ("A source (to do)", "A destination (to do)", "A subscription (to do)"):
        assert step in page.text
    assert "Nothing was sent yet" in page.text

    house.source()
    destination = house.destination(endpoint=receiver.url)
    house.clock.ahead_ms += 5_000
    page = ann.get(ann.home)
    assert "A source (done)" in page.text
    assert "A destination (done)" in page.text
    assert "A subscription (to do)" in page.text
    assert page.form("/sample").fields["destinationId"] == destination["id"]

    sent = ann.submit(page.form("/sample"))
    assert (sent.status, sent.goes_to) == (303, ann.home)
    receiver.wait(1)
    house.clock.ahead_ms += 5_000
    assert "The sample messages are on their way." in ann.get(ann.home).text
    assert "The sample messages are on their way." not in ann.get(ann.home).text


def test_a_viewer_sees_the_way_and_no_button_to_send_a_sample(house: House, receiver: Receiver) -> None:
    house.destination(endpoint=receiver.url)
    bob = Visitor(house, "viewer")
    page = bob.get(bob.home)
    assert "An engineer can send sample messages from here." in page.text
    assert not [form for form in page.forms if form.action.endswith("/sample")]
    refused = bob.post(f"{bob.home}/sample", {"destinationId": house.destination()["id"]})
    assert refused.status == 403


def test_a_sample_goes_to_destinations_of_the_environment_only(house: House, receiver: Receiver) -> None:
    elsewhere = house.destination("Staging", endpoint="https://ehr.example.org/in")
    ann = Visitor(house, "engineer of Development")
    assert ann.post(f"{ann.home}/sample", {"destinationId": elsewhere["id"]}).status == 404
    assert receiver.requests == []


def test_failed_attempts_of_another_environment_are_not_told(house: House, receiver: Receiver) -> None:
    receiver.behave(answer(500))
    with Lane(house, endpoint=receiver.url, name="Ward") as lane:
        lane.send(1)
        lane.until("held")
        staging = f"/dashboard/environments/{house.environments['Staging']}"
        page = Visitor(house).get(staging)
        assert "500" not in page.text
