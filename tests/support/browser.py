"""The system's Chromium, one for the whole test process, with a fresh profile for each story.

    def test_the_numbers_move(house: House) -> None:
        async def story(page: Page) -> None:
            await page.goto(f"{Visitor(house).home}")
            ...
        look(house, story, by="engineer")           # signed in as one of PEOPLE

`look` skips the test where there is no Chromium, and fails for it in CI. A story fails, too, when the browser
reports an error of a script, a request that failed, or anything that the content security policy has blocked.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.support.house import House
from tests.support.visitor import Visitor

T = TypeVar("T")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STORY_SECONDS = 60
PAGE_MS = 15_000
EXPECTED = "the server responded with a status of 4"
"""What the browser says of an answer that a story asks for on purpose."""

Story = Callable[[Page], Awaitable[T]]


def look(house: House, story: Story[T], *, by: str | None = "engineer", **context: Any) -> T:
    """Play the story in a page of its own; `context` is what Playwright's new context is told besides."""
    needs_chromium()
    cookies = Visitor(house, by).cookies
    base = f"http://127.0.0.1:{house.port}"
    return _thread().run(_play(story, base, cookies, context))


def needs_chromium() -> None:
    """Skip the test where no Chromium is installed; in CI that is a failure."""
    if CHROMIUM.exists():
        return
    words = f"Chromium is not installed ({CHROMIUM}; on Debian: apt-get install chromium)"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


class _Thread:
    """An event loop in a thread of its own, with the browser in it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.browser: Browser = self.run(self._launch())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STORY_SECONDS)

    async def _launch(self) -> Browser:
        playwright = await async_playwright().start()
        return await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))


@cache
def _thread() -> _Thread:
    return _Thread()


async def _play(story: Story[T], base: str, cookies: dict[str, str], context: dict[str, Any]) -> T:
    async with await _thread().browser.new_context(base_url=base, **context) as opened:
        opened.set_default_timeout(PAGE_MS)
        await opened.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
        page = await opened.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        found = await story(page)
        assert [each for each in wrong if EXPECTED not in each] == []
        return found
