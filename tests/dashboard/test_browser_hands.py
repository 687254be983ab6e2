"""Other hands at a real browser: a viewer, another site's page, and whoever plants a cookie before the sign-in."""

from pathlib import Path

from playwright.async_api import Page, expect

from tests.dashboard.places import environment, own
from tests.support.browser import look
from tests.support.guest import PASSWORD, email_of, invited
from tests.support.house import LOOPBACK, House
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor
from waypost.dashboard.navigation import addresses
from waypost.dashboard.visits import cookies

PLANTED = "A" * 43
STILL = {"reduced_motion": "reduce"}


def test_a_viewer_looks_at_everything_and_is_offered_no_change(quiet: House) -> None:
    made = quiet.destination(endpoint="http://127.0.0.1:9/", name="Registry")
    queue = quiet.subscription(quiet.source(), made)["id"]

    async def story(page: Page) -> None:
        for path in (
            Visitor(quiet).home,
            own(made),
            f"/dashboard/queues/{queue}",
            environment(quiet) + "/sources",
        ):
            await page.goto(path)
            await expect(page.locator("main form[method=post]")).to_have_count(0)
            await expect(page.locator("main a[href$='/new']")).to_have_count(0)
        await page.goto(own(made) + "/edit")
        await expect(
            page.get_by_text("This needs the environment role engineer; yours is viewer.")
        ).to_be_visible()

    look(quiet, story, by="viewer", **STILL)


def test_a_form_on_another_site_changes_nothing(quiet: House) -> None:
    queue = quiet.subscription(quiet.source(), quiet.destination(endpoint="http://127.0.0.1:9/"))["id"]
    target = f"http://127.0.0.1:{quiet.port}/dashboard/queues/{queue}/pause"
    trap = f'<form method="post" action="{target}"><input name="csrf" value="x"><button>Win</button></form>'
    with Receiver() as elsewhere:
        elsewhere.behave(answer(200, trap.encode(), {"content-type": "text/html"}))

        async def story(page: Page) -> None:
            await page.goto(elsewhere.url)
            await page.get_by_role("button", name="Win").click()
            await expect(page.get_by_text("Another site sent this.")).to_be_visible()

        look(quiet, story, **STILL)
    assert quiet.call("GET", f"/waypost/v1/queues/{queue}").payload["queue"]["state"] == "idle"


def test_a_cookie_planted_before_the_sign_in_never_becomes_a_session(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        house.waypost.faces.resume = house.waypost.people.sessions.resume  # real sessions, not a visitor's
        await page.goto(link)
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same once more").fill(PASSWORD)
        await page.get_by_role("button", name="Set the password").click()
        await page.context.add_cookies(
            [{"name": cookies.SESSION, "value": PLANTED, "domain": "127.0.0.1", "path": addresses.HOME}]
        )
        await page.get_by_label("E-mail address").fill(email_of("engineer"))
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        held = {each["name"]: each["value"] for each in await page.context.cookies()}
        assert held[cookies.SESSION] != PLANTED
        await page.context.clear_cookies()
        await page.context.add_cookies(
            [{"name": cookies.SESSION, "value": PLANTED, "domain": "127.0.0.1", "path": addresses.HOME}]
        )
        await page.goto("/dashboard")
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()

    with House(tmp_path, deliver=False, allowed_networks=LOOPBACK) as house:
        link = invited(house, "engineer")
        look(house, story, by=None, **STILL)
