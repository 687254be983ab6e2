"""The page at night: why a destination holds, a new secret for its credential, and the queue as it drains."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.dashboard.places import credential, own, shown
from tests.support.house import House
from tests.support.logs import send_many
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Page, Visitor
from tests.support.waiting import until
from waypost.dashboard.pages.destinations import draining

MESSAGES = 7
WRONG = "No authorization: token endpoint answered 401 (invalid_client)."


@dataclass(frozen=True)
class Night:
    """A held destination, and what would let it go."""

    house: House
    oauth: OAuthServer
    receiver: Receiver
    held: dict[str, str]
    key: str

    @property
    def place(self) -> str:
        return own(self.held) + "/replace-credential"

    def page(self) -> Page:
        return Visitor(self.house).get(self.place)


@pytest.fixture
def night(lively: House) -> Iterator[Night]:
    with OAuthServer(Expected(client_id="a-client", client_secret="right")) as oauth, Receiver() as receiver:
        receiver.behave(lambda request: answer(200 if oauth.accepts(request.headers) else 403))
        key = credential(lively, oauth, name="Night keys", clientSecret="wrong")
        held = lively.destination(name="Ward", endpoint=receiver.url, authCredential=key)
        send_many(lively, lively.subscription(lively.source(), held), MESSAGES)
        made = Night(lively, oauth, receiver, held, key)
        until(lambda: WRONG in made.page().text, "the hold")
        yield made


def drained(night: Night, page: Page) -> Page:
    """The page behind a change, once everything is delivered."""
    assert page.goes_to.startswith(night.place + "?"), page.text
    ann = Visitor(night.house)
    until(lambda: "Drained: everything that waited is delivered" in ann.get(page.goes_to).text, "the draining")
    return ann.get(page.goes_to)


def test_the_reason_and_what_comes_next_stand_on_top(night: Night) -> None:
    page = night.page()
    assert "Delivery held" in page.text
    assert f"{MESSAGES} messages wait 0 delivered in all" in page.text
    assert "it began to hold" in page.text
    assert "Next: message" in page.text
    assert "The others wait behind it, in order." in page.text
    for place in (own(night.held), "/dashboard/queues/"):
        assert [link for link in page.links if link.startswith(place)]


def test_it_is_one_click_away_from_every_place_that_says_held(night: Night) -> None:
    ann = Visitor(night.house)
    environment = f"/dashboard/environments/{night.house.environments['Development']}"
    with Receiver() as well:  # an environment where nothing was ever delivered has a guide in place of an overview
        ann.post(own(night.house.destination(endpoint=well.url)) + "/sample", {"datasetId": "hl7v2-adt"})
        until(lambda: night.place in ann.get(environment).links, "the overview")
    (queue,) = {link for link in night.page().links if link.startswith("/dashboard/queues/")}
    for place in (environment, environment + "/destinations", own(night.held), queue):
        assert night.place in ann.get(place).links, place


def test_a_new_secret_drains_the_queue(night: Night) -> None:
    ann = Visitor(night.house)
    form = next(form for form in night.page().forms if "clientSecret" in form.fields)
    page = drained(night, ann.submit(form, clientSecret="right"))
    assert f"0 messages wait {MESSAGES} delivered since the change" in page.text
    assert f'aria-label="{MESSAGES} of {MESSAGES} delivered since the change"' in page.html
    assert len(night.receiver.bodies()) == MESSAGES


def test_another_credential_drains_the_queue(night: Night) -> None:
    key = credential(night.house, night.oauth, name="Other keys", clientSecret="right")
    page = drained(night, Visitor(night.house).post(night.place, {"how": "attach", "authCredential": key}))
    assert "0 messages wait" in page.text
    assert shown(night.house, night.held)["authCredential"] == key


def test_a_credential_made_for_it_drains_the_queue(night: Night) -> None:
    ann = Visitor(night.house)
    (new,) = [link for link in night.page().links if link.startswith("/dashboard/credentials/new")]
    form = ann.get(f"{new}&strategy=OAuth_2.0_2-legged").form("2-legged")
    made = ann.submit(form, name="Fresh", url=night.oauth.url, clientId="a-client", clientSecret="right")
    drained(night, made)


def test_a_secret_that_is_wrong_again_holds_with_the_new_reason(night: Night) -> None:
    night.oauth.refuse(403, "access_denied")
    page = Visitor(night.house).post(night.place, {"how": "secret", "clientSecret": "wrong, too"})
    until(lambda: "answered 403 (access_denied)" in Visitor(night.house).get(page.goes_to).text)
    assert "0 delivered since the change" in Visitor(night.house).get(page.goes_to).text


def test_a_value_that_cannot_be_is_told_beside_its_field(night: Night) -> None:
    page = Visitor(night.house).post(night.place, {"how": "secret", "clientSecret": "pasted\n"})
    assert page.status == 400
    assert 'id="w-clientSecret"' in page.html
    assert WRONG in page.text
    assert "pasted" not in page.html


def test_another_address_needs_the_secret_again(night: Night) -> None:
    elsewhere = {"how": "secret", "url": "https://elsewhere.example.com/token", "clientSecret": ""}
    page = Visitor(night.house).post(night.place, elsewhere)
    assert page.status == 400
    assert "The address changes: send this secret again." in page.text


def test_a_verification_token_that_the_endpoint_does_not_know_is_replaced(lively: House) -> None:
    with Receiver() as receiver:
        receiver.behave(lambda request: answer(200 if request.headers["verification-token"] == "good" else 403))
        made = lively.destination(endpoint=receiver.url, verificationToken="bad")
        send_many(lively, lively.subscription(lively.source(), made), 2)
        place = own(made) + "/replace-credential"
        until(lambda: "The endpoint answered 403 Forbidden." in Visitor(lively).get(place).text)
        page = Visitor(lively).post(place, {"how": "token", "verificationToken": "good"})
        until(lambda: "Drained" in Visitor(lively).get(page.goes_to).text)


def test_a_reason_that_no_credential_mends_points_elsewhere(lively: House) -> None:
    with Receiver(answer(422)) as receiver:
        made = lively.destination(endpoint=receiver.url)
        send_many(lively, lively.subscription(lively.source(), made), 1)
        place = own(made) + "/replace-credential"
        until(lambda: "answered 422" in Visitor(lively).get(place).text)
        page = Visitor(lively).get(place)
        assert "This does not look like a credential." in page.text
        assert own(made) + "/edit" in page.links


def test_who_else_gets_the_new_secret_is_said(night: Night) -> None:
    other = night.house.destination(name="Pharmacy", endpoint="https://x.example.com", authCredential=night.key)
    page = night.page()
    assert "It is used by 1 other destination too, which gets the new one as well: Pharmacy" in page.text
    assert own(other) in page.links


def test_the_stream_tells_how_it_drains_and_has_no_forms(night: Night) -> None:
    page = Visitor(night.house).post(night.place, {"how": "secret", "clientSecret": "right"})
    drained(night, page)
    mark = page.goes_to.partition("?")[2]
    said = first_event(night.house, f"{own(night.held)}/live?{mark}")
    assert 'hx-target="#draining"' in said
    assert f"{MESSAGES}</b>" in said
    assert "<form" not in said
    assert "<button" not in said


def first_event(house: House, path: str) -> str:
    """The first event of a live page, as an engineer's browser gets it."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=15)
    try:
        Visitor(house)
        connection.request("GET", path, headers={"cookie": "waypost_session=engineer"})
        lines: list[bytes] = []
        answered = connection.getresponse()
        while not lines or lines[-1] != b"\n" or not any(line.startswith(b"data:") for line in lines):
            lines.append(answered.readline())
        return b"".join(lines).decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("depths", "points"),
    [
        ([], ""),
        ([5], ""),
        ([0, 0], ""),
        ([10, 0], "0,2 480,54"),
        ([10, 5, 10], "0,2 240,28 480,2"),
    ],
)
def test_the_line_of_depths(depths: list[int], points: str) -> None:
    assert draining.line(depths) == points


def test_a_viewer_sees_how_it_stands_and_changes_nothing(night: Night) -> None:
    viewer = Visitor(night.house, "viewer")
    page = viewer.get(night.place)
    assert WRONG in page.text
    assert [form.action for form in page.forms] == ["/dashboard/sign-out"]
    for body in ({"how": "secret", "clientSecret": "right"}, {"how": "attach", "authCredential": ""}):
        refused = viewer.post(night.place, body)
        assert refused.status == 403
        assert "This needs the environment role engineer; yours is viewer." in refused.text
    assert Visitor(night.house, "outsider").post(night.place, {"how": "token"}).status == 404
    assert shown(night.house, night.held)["authCredential"] == night.key
