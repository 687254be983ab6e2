"""Pages of sources, subscriptions and API keys: made, changed and taken away by forms, in the words of the API."""

import json

import pytest

from tests.support import keys
from tests.support.house import House
from tests.support.visitor import Visitor
from waypost.tokens import assertion

MARKUP = "<script>alert(1)</script>\"'>"


def here(house: House, noun: str) -> str:
    return f"/dashboard/environments/{house.environments['Development']}/{noun}"


def test_a_source_is_made_changed_and_taken_away(lively: House) -> None:
    ann = Visitor(lively)
    made = ann.submit(
        ann.get(here(lively, "sources/new")).form("/sources/new"), name="Ward 7", timeZone="Europe/Rome"
    )
    page = ann.get(made.goes_to)
    assert "Ward 7 is there." in page.text
    assert "Nobody is subscribed to this source." in page.text
    saved = ann.submit(page.form(made.goes_to), name="Ward 8", timeZone="")
    assert "Ward 8" in ann.get(saved.goes_to).text
    assert "Europe/Rome" not in ann.get(saved.goes_to).text
    gone = ann.submit(page.form("/delete"))
    assert "Ward 8 is gone." in ann.get(gone.goes_to).text
    assert ann.get(made.goes_to).status == 404


def test_a_refused_source_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed(quiet: House) -> None:
    ann = Visitor(quiet)
    page = ann.submit(
        ann.get(here(quiet, "sources/new")).form("/sources/new"), name=" ", timeZone="Mars/Base", ehr="Epic"
    )
    assert page.status == 400
    assert "2 things are wrong" in page.text
    assert "This must be an IANA time zone" in page.text
    assert page.form("/sources/new").fields["ehr"] == "Epic"


def test_a_source_in_use_is_not_deleted_and_says_why(lively: House) -> None:
    source, destination = lively.source(), lively.destination(endpoint="http://127.0.0.1:9/")
    lively.subscription(source, destination)
    page = Visitor(lively).post(f"/dashboard/sources/{source['id']}/delete")
    assert page.status == 409
    assert "1 subscription(s) use this source" in page.text


def test_an_unfinished_source_is_finished_by_a_click(lively: House) -> None:
    source = lively.source(setupState={"step": "name"})
    ann = Visitor(lively)
    page = ann.get(f"/dashboard/sources/{source['id']}")
    assert "no destination can subscribe" in page.text
    assert "The set-up is finished." in ann.get(ann.submit(page.form("/finish")).goes_to).text


def test_a_subscription_is_made_and_gets_its_rules(house: House) -> None:
    source, destination = house.source(), house.destination(endpoint="http://127.0.0.1:9/", name="Registry")
    ann = Visitor(house)
    form = ann.get(here(house, "subscriptions/new") + f"?destination={destination['id']}").form(
        "/subscriptions/new"
    )
    assert form.fields["destination/id"] == destination["id"]
    made = ann.submit(form, source__id=source["id"], dataModel="PatientAdmin")
    page = ann.get(made.goes_to)
    assert "Subscribed." in page.text
    rules = page.form(made.goes_to)
    assert "perPatient" not in rules.fields
    ann.submit(rules, perPatient="on", childQueues__identifierType="MR", parking="on", park__statuses="400, 422")
    whole = house.call("GET", f"/waypost/v1{made.goes_to.removeprefix('/dashboard')}").payload["subscription"]
    assert whole["childQueues"] == {"identifierType": "MR", "path": "Patient.Identifiers"}
    assert whole["park"] == {"statuses": [400, 422], "after": 3}
    listed = ann.get(here(house, "subscriptions"))
    assert "order per patient, parks" in listed.text
    assert "1 subscription" in listed.text
    rules = ann.get(made.goes_to).form(made.goes_to)
    del rules.fields["perPatient"], rules.fields["parking"]
    ann.submit(rules)
    whole = house.call("GET", f"/waypost/v1{made.goes_to.removeprefix('/dashboard')}").payload["subscription"]
    assert (whole["childQueues"], whole["park"]) == (None, None)


def test_wrong_rules_are_refused_beside_their_fields(lively: House) -> None:
    made = lively.subscription(lively.source(), lively.destination(endpoint="http://127.0.0.1:9/"))
    ann, url = Visitor(lively), f"/dashboard/subscriptions/{made['id']}"
    page = ann.submit(
        ann.get(url).form(url), perPatient="on", childQueues__path="a b", parking="on", park__statuses="200 x"
    )
    assert page.status == 400
    assert "A path names members from the top" in page.text
    assert page.form(url).fields["park/statuses"] == "200 x"


def test_the_same_subscription_twice_is_refused_in_words(lively: House) -> None:
    source, destination = lively.source(), lively.destination(endpoint="http://127.0.0.1:9/")
    lively.subscription(source, destination)
    page = Visitor(lively).post(
        here(lively, "subscriptions/new"),
        {"source/id": source["id"], "destination/id": destination["id"], "dataModel": "patient admin"},
    )
    assert page.status == 409
    assert "There is a subscription of this data model" in page.text


def test_what_is_pending_needs_a_reason_to_end(lively: House) -> None:
    source, destination = lively.source(), lively.destination(endpoint="http://127.0.0.1:9/")
    made = lively.subscription(source, destination)
    lively.call("POST", f"/waypost/v1/queues/{made['id']}/pause", {})
    lively.message(source, destination)
    ann, url = Visitor(lively), f"/dashboard/subscriptions/{made['id']}"
    assert ann.post(f"{url}/delete").status == 409
    form = ann.get(url).form("/delete")
    gone = ann.submit(form, reason="The ward has closed")
    assert "1 pending messages ended skipped." in ann.get(gone.goes_to).text


def test_an_api_key_is_made_of_a_pasted_key_and_revoked(lively: House) -> None:
    ann = Visitor(lively)
    public = assertion.public_of(keys.rsa("a"))
    form = ann.get(here(lively, "apikeys/new")).form("/apikeys/new")
    made = ann.submit(form, name="Engine", jwkSet=json.dumps(public))
    page = ann.get(made.goes_to)
    assert public["kid"] in page.text
    assert "1 key" in ann.get(here(lively, "apikeys")).text
    cleared = ann.submit(page.form(made.goes_to), jwkSet="")
    assert "It has no public key" in ann.get(cleared.goes_to).text
    gone = ann.submit(page.form("/delete"))
    assert "Engine is revoked" in ann.get(gone.goes_to).text


@pytest.mark.parametrize("pasted", ["{", "[]", "7", "[" * 100_000])
def test_what_is_no_key_is_refused(quiet: House, pasted: str) -> None:
    page = Visitor(quiet).post(here(quiet, "apikeys/new"), {"name": "Engine", "jwkSet": pasted})
    assert page.status == 400
    assert "Paste a public key, or a set, as JSON." in page.text


def test_a_private_key_is_refused_and_not_shown_again_in_the_words(quiet: House) -> None:
    page = Visitor(quiet).post(here(quiet, "apikeys/new"), {"name": "Engine", "jwkSet": json.dumps(keys.rsa("b"))})
    assert page.status == 400
    assert "This is a private or shared key." in page.text


@pytest.mark.parametrize("noun", ["sources", "subscriptions", "apikeys"])
def test_a_viewer_sees_what_there_is_and_may_change_nothing(quiet: House, noun: str) -> None:
    viewer = Visitor(quiet, "viewer")
    page = viewer.get(here(quiet, noun))
    assert page.status == 200
    assert not [link for link in page.links if link.endswith("/new")]
    refused = viewer.get(here(quiet, f"{noun}/new"))
    assert refused.status == 403
    assert "This needs the environment role engineer; yours is viewer." in refused.text
    assert viewer.post(here(quiet, f"{noun}/new"), {"name": "x"}).status == 403


def test_one_thing_offers_a_viewer_no_form(lively: House) -> None:
    made = lively.subscription(lively.source(), lively.destination(endpoint="http://127.0.0.1:9/"))
    for path in (f"sources/{made['source']['id']}", f"subscriptions/{made['id']}"):
        page = Visitor(lively, "viewer").get(f"/dashboard/{path}")
        assert [form.action for form in page.forms] == ["/dashboard/sign-out"]
        assert Visitor(lively, "viewer").post(f"/dashboard/{path}", {"name": "x"}).status == 403
        assert Visitor(lively, "outsider").get(f"/dashboard/{path}").status == 404


def test_markup_in_names_stays_text(lively: House) -> None:
    source = lively.source(name=MARKUP, ehr=MARKUP)
    made = lively.subscription(source, lively.destination(endpoint="http://127.0.0.1:9/", name=MARKUP))
    ann = Visitor(lively)
    for path in (
        here(lively, "sources"),
        here(lively, "subscriptions"),
        f"/dashboard/sources/{source['id']}",
        f"/dashboard/subscriptions/{made['id']}",
        here(lively, "subscriptions/new"),
    ):
        page = ann.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html
        assert MARKUP in page.text or "alert(1)" in page.html
