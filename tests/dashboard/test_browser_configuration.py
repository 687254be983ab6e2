"""The first run in a real browser, from nothing to the first delivery; and the set-up pages with axe-core."""

from pathlib import Path

from playwright.async_api import Page, expect

from tests.dashboard.places import environment
from tests.destinations.conftest import echo
from tests.support.axe import clean, needs_axe
from tests.support.browser import look
from tests.support.house import LOOPBACK, House
from tests.support.keyboard import press, type_into
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor

STILL = {"reduced_motion": "reduce"}


def test_an_empty_installation_leads_by_the_keys_to_the_first_delivery(tmp_path: Path, receiver: Receiver) -> None:
    receiver.behave(lambda request: echo(request) if b"challenge" in request.body else answer(200))

    async def story(page: Page) -> None:
        await page.goto(Visitor(house).home)
        await expect(page.get_by_text("To the first delivered message")).to_be_visible()
        await press(page, "A source")
        await press(page, "Make the first source")
        await type_into(page, name="Nowhere General")
        await press(page, "Make the source")
        await expect(page.get_by_text("Nowhere General is there.")).to_be_visible()
        await press(page, "Overview")
        await press(page, "A destination")
        await press(page, "Set up the first one")
        await type_into(page, name="Registry")
        await press(page, "Continue")
        await expect(page.get_by_label("Endpoint")).to_be_visible()
        await type_into(page, endpoint=receiver.url, verificationToken="a-token")
        await press(page, "Continue")
        await expect(page.get_by_label("Credential")).to_be_visible()
        await press(page, "Continue")
        await press(page, "Verify now")
        await expect(page.get_by_text("What came back: 200")).to_be_visible()
        await press(page, "Finish")
        await page.goto(Visitor(house).home)
        await press(page, "A subscription")
        await press(page, "Make the first subscription")
        await type_into(page, dataModel="PatientAdmin")
        await press(page, "Subscribe")
        await expect(page.get_by_text("Subscribed.")).to_be_visible()
        await press(page, "Overview")
        await press(page, "Send sample messages")
        first = page.get_by_text("The first delivery of this environment.")
        at_once = page.get_by_text("Everything is being delivered.")  # by the time that the page came back
        await expect(first.or_(at_once).first).to_be_visible()

    with House(tmp_path, allowed_networks=LOOPBACK) as house:
        look(house, story, **STILL)
    assert len(receiver.requests) > 1


def test_the_pages_of_the_set_up_are_accessible(quiet: House) -> None:
    needs_axe()
    source = quiet.source()
    made = quiet.subscription(source, quiet.destination(endpoint="http://127.0.0.1:9/"))
    here, clinic = environment(quiet), f"/dashboard/organizations/{quiet.household.clinic.id}"
    apikey = quiet.call("POST", f"/platform/v1{here.removeprefix('/dashboard')}/apikeys", {"name": "Engine"})
    lists = ("sources", "sources/new", "subscriptions", "subscriptions/new", "apikeys", "apikeys/new")

    async def story(page: Page) -> None:
        await clean(page, *(f"{here}/{each}" for each in (*lists, "notifications", "egress")))
        await clean(page, f"/dashboard/sources/{source['id']}", f"/dashboard/subscriptions/{made['id']}")
        await clean(page, f"/dashboard/apikeys/{apikey.payload['apikey']['id']}")
        await clean(page, f"{clinic}/members", f"{clinic}/members/1", f"{clinic}/audit")

    look(quiet, story, by="owner", **STILL)
