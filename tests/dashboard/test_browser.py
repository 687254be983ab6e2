"""The dashboard in a real browser: live without a reload, readable without scripts, usable by everybody.

Few stories: each page load is expensive. What a page says is tested over plain HTTP beside this file.
"""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tests.support.axe import accessible, needs_axe
from tests.support.browser import look
from tests.support.house import House
from tests.support.lanes import Lane
from tests.support.receiver import Receiver, answer
from tests.support.visitor import Visitor

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def lane(lively: House, receiver: Receiver) -> Iterator[Lane]:
    """A lane with one delivered message and three that are held, whose names and answers are markup."""
    lively.waypost.faces.live.every_seconds = 0.2
    receiver.behave(answer())
    with Lane(lively, endpoint=receiver.url, name=MARKUP) as lane:
        lane.send(1)
        lane.until("idle")
        receiver.behave(answer(503, MARKUP.encode()))
        lane.send(2, 3, 4)
        lane.until("held")
        yield lane


def test_an_engineer_sees_the_queue_drain(lively: House, receiver: Receiver, lane: Lane) -> None:
    async def story(page: Page) -> None:
        await page.goto(Visitor(lively).home)
        await expect(page.locator("#status")).to_contain_text("1 queue is held. 3 messages wait")
        await page.get_by_role("link", name="Open the queue").click()
        await expect(page.locator("#status")).to_contain_text("503 Service Unavailable")
        receiver.behave(answer())
        await page.get_by_role("button", name="Retry now").click()
        await expect(page.locator("#draining")).to_contain_text("It is empty.")
        await expect(page.locator("#waiting")).to_contain_text("Nothing waits.")
        await page.get_by_role("link", name="Overview").click()
        await expect(page.locator("#status")).to_contain_text("Everything is being delivered.")
        receiver.behave(answer(500))
        lane.send(5)
        await expect(page.locator("#status")).to_contain_text("1 queue is held.")
        await expect(page.locator("#held")).to_be_visible()

    look(lively, story)


def test_everything_can_be_read_and_done_without_scripts(lively: House, lane: Lane) -> None:
    async def story(page: Page) -> None:
        await page.goto(f"/dashboard/queues/{lane.queue_id}")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("#status")).to_contain_text("paused")
        await page.get_by_text("Skip the message at the head").click()
        await page.get_by_label("Why?").fill("It is not needed")
        await page.get_by_role("button", name="Skip it").click()
        await expect(page.get_by_text("The message was skipped.")).to_be_visible()
        await page.locator("#ended a").first.click()
        await page.get_by_role("button", name="Show the message").click()
        await expect(page.locator("pre.message")).to_contain_text('"00000002"')

    look(lively, story, java_script_enabled=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_markup_stays_text(lively: House, lane: Lane, scheme: str) -> None:
    needs_axe()
    home = Visitor(lively).home
    head = lane.queue()["head"]["logId"]
    queue, log = f"/dashboard/queues/{lane.queue_id}", f"/dashboard/logs/{head}"

    async def story(page: Page) -> None:
        page.on("dialog", lambda dialog: pytest.fail("a script in a name or an answer has run"))
        for path in (home, f"{home}/queues", queue, f"{home}/logs", log):
            await page.goto(path)
            await expect(page.get_by_text(MARKUP).first).to_be_attached()
            assert await page.locator("img").count() == 0
            await accessible(page)

    look(lively, story, color_scheme=scheme)
