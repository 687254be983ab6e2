"""Destinations and credentials in a real browser: the night's story, the wizard by keyboard, accessibility."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.dashboard.places import AZURE, credential, environment, own, shown
from tests.destinations.conftest import echo
from tests.support.axe import accessible, clean, needs_axe
from tests.support.browser import look
from tests.support.emulators import Azurite, needs_node
from tests.support.house import LOOPBACK, House
from tests.support.keyboard import press, type_into
from tests.support.logs import send_many
from tests.support.oauth_server import Expected, OAuthServer
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor
from tests.support.waiting import until

MESSAGES = 40
STILL = {"reduced_motion": "reduce"}
"""Without transitions between pages: whoever goes on faster than they end makes the browser complain."""


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    needs_node()
    with Azurite(tmp_path_factory.mktemp("azurite")) as started:
        started.make("inbox")
        yield started


@pytest.fixture
def oauth() -> Iterator[OAuthServer]:
    with OAuthServer(Expected(client_id="a-client", client_secret="right")) as made:
        yield made


def test_at_night_one_field_and_one_button_let_the_queue_drain(
    lively: House, oauth: OAuthServer, receiver: Receiver
) -> None:
    receiver.behave(lambda request: answer(200 if oauth.accepts(request.headers) else 401, delay=0.02))
    key = credential(lively, oauth, name="Night keys", clientSecret="wrong")
    held = lively.destination(name="Night ward", endpoint=receiver.url, authCredential=key)
    send_many(lively, lively.subscription(lively.source(), held), MESSAGES)
    until(lambda: "held" in Visitor(lively).get(own(held)).text)

    async def story(page: Page) -> None:
        await page.goto(environment(lively) + "/destinations?state=held")
        await page.get_by_role("link", name="Replace credential of Night ward").click()
        draining = page.locator("#draining")
        await expect(draining).to_contain_text("No authorization: token endpoint answered 401 (invalid_client).")
        await expect(draining).to_contain_text(f"{MESSAGES}messages wait")
        await page.get_by_label("Client secret").fill("right")
        await page.get_by_role("button", name="Save and try again now").click()
        await expect(draining).to_contain_text("Drained: everything that waited is delivered, in order.")
        await expect(draining).to_contain_text(f"{MESSAGES}delivered since the change")
        await expect(draining.get_by_role("img")).to_have_accessible_name(
            f"{MESSAGES} of {MESSAGES} delivered since the change"
        )
        await expect(draining.locator("polyline")).to_be_attached()

    look(lively, story, **STILL)
    assert len(receiver.bodies()) == MESSAGES


async def choose(page: Page, *, name: str, kind: str) -> None:
    """The first step, by keyboard: the name, then the arrows through the types."""
    await page.get_by_role("link", name="New destination").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Name").focus()
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("HTTPS")).to_be_focused()
    while not await page.get_by_label(kind).is_checked():
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name=f"Set up {name}")).to_be_visible()


def test_an_endpoint_is_set_up_left_and_finished_by_keyboard(lively: House, receiver: Receiver) -> None:
    receiver.behave(echo)

    async def story(page: Page) -> str:
        await page.goto(environment(lively) + "/destinations")
        await choose(page, name="By keys", kind="HTTPS")
        await type_into(page, endpoint=receiver.url, verificationToken="a-token")
        await press(page, "Save and leave")
        await expect(page.get_by_text("Its set-up is not finished")).to_be_visible()
        await page.goto(environment(lively) + "/destinations?state=unfinished")
        await press(page, "Continue with By keys")
        await expect(page.get_by_label("Endpoint")).to_have_value(receiver.url)
        await press(page, "Continue")
        await expect(page.get_by_label("Credential")).to_be_visible()
        await press(page, "Continue")
        await press(page, "Verify now")
        await expect(page.get_by_text("What came back: 200")).to_be_visible()
        await press(page, "Finish")
        await expect(page.get_by_text("By keys is set up.")).to_be_visible()
        return page.url

    place = look(lively, story, **STILL)
    made = {"id": place.split("/")[-2]}
    assert shown(lively, made)["setupState"] is None
    assert "verified" in Visitor(lively).get(own(made)).text


def test_a_lake_is_set_up_with_a_new_key_by_keyboard(tmp_path: Path, azurite: Azurite) -> None:
    with House(tmp_path, allowed_networks=LOOPBACK, azure_blob_url=f"{azurite.url}/{{account}}") as house:

        async def story(page: Page) -> str:
            await page.goto(environment(house) + "/destinations")
            await choose(page, name="Lake", kind="Azure Storage, for Databricks")
            await type_into(page, containerName="inbox", fileNamePrefix="adt/")
            await press(page, "Save and leave")
            await press(page, "Continue set-up")
            await expect(page.get_by_label("Container name")).to_have_value("inbox")
            await type_into(page, storageAccountName=azurite.account)
            await press(page, "Continue")
            await press(page, "Make a new credential")
            await press(page, "AzureSharedKey The key of a storage account.")
            await type_into(page, name="Lake key", accountKey=azurite.key)
            await press(page, "Make and attach")
            await press(page, "Verify now")
            await expect(page.get_by_text("written, looked at and removed").first).to_be_visible()
            await press(page, "Finish")
            await expect(page.get_by_text("Lake is set up.")).to_be_visible()
            return page.url

        made = {"id": look(house, story, **STILL).split("/")[-2]}
        assert shown(house, made)["setupState"] is None
        assert azurite.names("inbox") == []


def test_pages_of_destinations_are_accessible(quiet: House) -> None:
    needs_axe()
    key = credential(quiet)
    made = quiet.destination(endpoint="https://x.example.com", verificationToken="t0", authCredential=key)
    send_many(quiet, quiet.subscription(quiet.source(), made), 1)
    forms = ("edit", "settings", "verify", "replace-credential", "signing-secret", "delete", "subscribe")

    async def story(page: Page) -> None:
        await clean(
            page, f"{environment(quiet)}/destinations", own(made), *(f"{own(made)}/{each}" for each in forms)
        )
        await page.goto(own(made) + "/edit")
        await page.get_by_label("Name").fill(" ")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".faults")).to_be_focused()
        await accessible(page)

    look(quiet, story, **STILL)


def test_pages_of_the_wizard_and_of_credentials_are_accessible(quiet: House) -> None:
    needs_axe()
    fields = {"url": "https://x.example.com/token", "clientId": "a", "grantType": "client_credentials"}
    key = credential(quiet, None, authStrategy="SMART_Backend", **fields)
    lake = quiet.destination(cloudProviderSettings=AZURE, setupState={"step": "verify"})
    steps = [f"{own(lake)}/setup/{step}" for step in ("settings", "credential", "verify")]
    keys = [
        f"{environment(quiet)}/credentials",
        f"/dashboard/credentials/{key}",
        f"/dashboard/credentials/{key}/edit",
    ]
    new = f"/dashboard/credentials/new?destination={lake['id']}"

    async def story(page: Page) -> None:
        await clean(page, f"{environment(quiet)}/destinations/new", *steps, *keys, new)

    look(quiet, story, **STILL)
