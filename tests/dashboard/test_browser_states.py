"""What pages come to when something is done on them, with axe-core: answers to forms, and what is rarely seen."""

from playwright.async_api import Page, expect

from tests.dashboard.places import credential, environment, own
from tests.destinations.conftest import echo
from tests.support.axe import accessible_in_both_schemes, clean, needs_axe
from tests.support.browser import look
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor

STILL = {"reduced_motion": "reduce"}


async def submit(page: Page, button: str, shown: str) -> None:
    """Press a button, and look at what comes back."""
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_text(shown).first).to_be_visible()
    await accessible_in_both_schemes(page)


def test_the_exchange_of_a_verification_is_accessible_whether_it_worked_or_not(
    lively: House, receiver: Receiver
) -> None:
    needs_axe()
    made = lively.destination(endpoint=receiver.url, verificationToken="a-token")

    async def story(page: Page) -> None:
        receiver.behave(answer(403, b"<p>Who are you?</p>"))
        await page.goto(f"{own(made)}/verify")
        await submit(page, "Verify now", "What came back: 403")
        receiver.behave(echo)
        await page.goto(f"{own(made)}/verify")
        await submit(page, "Verify now", "What came back: 200")

    look(lively, story, **STILL)


def test_what_is_shown_once_is_accessible(quiet: House) -> None:
    needs_axe()
    made = quiet.destination(endpoint="https://x.example.com/in")

    async def story(page: Page) -> None:
        await page.goto(f"{environment(quiet)}/apikeys/new")
        await submit(page, "Make the key", "Not saved")
        await page.get_by_label("Name").fill("Engine")
        await page.get_by_label("Key set URL").fill("https://keys.example.com/set")
        await submit(page, "Make the key", "Its client id is below.")
        await page.goto(f"{own(made)}/signing-secret")
        await submit(page, "Make a new secret", "I have kept it")

    look(quiet, story, **STILL)


def test_pages_of_work_that_is_done_are_accessible(lively: House, receiver: Receiver) -> None:
    needs_axe()
    receiver.behave(answer())
    with Lane(lively, endpoint=receiver.url) as lane:
        [sent] = lane.send(1)
        lane.until("idle")
        here, key = environment(lively), credential(lively)

        async def story(page: Page) -> None:
            await clean(page, f"{here}/ledger", f"{here}/logs/messages", f"{here}/replays/new?status=succeeded")
            await page.goto(f"{here}/replays/new?status=succeeded")
            await page.get_by_text("Replay 1 log").click()
            await submit(page, "Send them once more", "are in their queues again")
            await page.goto(f"/dashboard/logs/{sent}")
            await submit(page, "Show the message", "Patient")
            await page.goto(f"{here}/logs/messages")
            await page.get_by_label("What to look for").fill("nobody has this")
            await submit(page, "Search in messages", "0 logs among")
            strategy = f"/dashboard/credentials/new?environment={lively.environments['Development']}"
            await clean(page, strategy, f"{strategy}&strategy=AWS_Sigv4", f"/dashboard/credentials/{key}")

        look(lively, story, **STILL)


def test_pages_for_those_who_may_do_little_and_of_errors_are_accessible(quiet: House) -> None:
    needs_axe()
    made = quiet.destination(endpoint="https://x.example.com/in")

    async def reader(page: Page) -> None:
        await clean(page, own(made), f"{own(made)}/edit", Visitor(quiet).home, "/dashboard/no-such-page")

    async def nowhere(page: Page) -> None:
        await clean(page, "/dashboard", f"/dashboard/organizations/{quiet.household.clinic.id}/audit")

    look(quiet, reader, by="viewer", **STILL)
    look(quiet, nowhere, by="admin without a role", **STILL)
