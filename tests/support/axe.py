"""axe-core on a page of the browser: what keeps people from using it.

    async def story(page: Page) -> None:
        await page.goto(…)
        await accessible(page)

`needs_axe()` skips where npm has not installed it, and fails in CI.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "emulators" / "node_modules" / "axe-core" / "axe.min.js"
BAD = {"serious", "critical"}


def needs_axe() -> None:
    """Skip the test where axe-core is not installed; in CI that is a failure."""
    if AXE.exists():
        return
    words = "axe-core is not installed (it comes from npm: `make test` installs it where that is)"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


async def accessible(page: Page) -> None:
    """Fail for each serious or critical finding, with the elements that have it."""
    await page.evaluate(_source())
    await _clean(page, {"resultTypes": ["violations"]})


async def accessible_in_both_schemes(page: Page) -> None:
    """The same, and then in the dark; only the colours differ, so nothing else is looked at."""
    await accessible(page)
    await page.emulate_media(color_scheme="dark")
    await _clean(page, {"resultTypes": ["violations"], "runOnly": ["color-contrast"]})
    await page.emulate_media(color_scheme="light")


async def clean(page: Page, *paths: str) -> None:
    """Fail unless every one of these pages can be used by everybody, with all that is folded in it."""
    for path in paths:
        await page.goto(path)
        await page.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
        await accessible_in_both_schemes(page)


async def _clean(page: Page, options: dict[str, Any]) -> None:
    found: dict[str, Any] = await page.evaluate("options => axe.run(document, options)", options)
    bad = [
        f"{page.url}: {each['id']} ({each['impact']}): {[node['html'][:200] for node in each['nodes']]}"
        for each in found["violations"]
        if each["impact"] in BAD
    ]
    assert bad == []


@cache
def _source() -> str:
    return AXE.read_text()
