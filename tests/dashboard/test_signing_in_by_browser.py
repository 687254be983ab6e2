"""From the link to the second factor in a real browser: nothing is blocked, and everybody can use it."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support import authenticator
from tests.support.axe import accessible, needs_axe
from tests.support.browser import look
from tests.support.guest import PASSWORD, email_of, invited
from tests.support.house import House


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_the_link_to_the_second_factor(tmp_path: Path, scheme: str) -> None:
    needs_axe()

    async def story(page: Page) -> None:
        house.waypost.faces.resume = house.waypost.people.sessions.resume  # a real session, not a visitor's
        await page.goto(link)
        await accessible(page)
        await page.get_by_label("New password").fill(PASSWORD)
        await page.get_by_label("The same once more").fill(PASSWORD)
        await page.get_by_role("button", name="Set the password").click()
        await accessible(page)
        await page.get_by_label("E-mail address").fill(email_of("engineer"))
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto("/dashboard/account/second-factor")
        await page.get_by_label("Your password").fill(PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        await accessible(page)
        assert await _can_be_scanned(page)
        secret = await page.locator(".copy code").inner_text()
        await page.get_by_label("The code that the app shows now").fill(
            authenticator.code(secret, house.clock.now_ms())
        )
        await page.get_by_role("button", name="Confirm").click()
        await expect(page.get_by_role("heading", name="Keep these recovery codes")).to_be_visible()
        await accessible(page)
        await page.goto("/dashboard/account")
        await expect(page.get_by_text("10 left")).to_be_visible()
        await accessible(page)

    with House(tmp_path, deliver=False) as house:
        link = invited(house, "engineer")
        look(house, story, by=None, color_scheme=scheme)


async def _can_be_scanned(page: Page) -> bool:
    """Whether all of the picture is there, dark on light in any theme."""
    colours = await page.evaluate(
        "['.qr', '.qr-ink'].map(name => getComputedStyle(document.querySelector(name)))"
        ".map((style, place) => place ? style.stroke : style.backgroundColor)"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    paper, ink = [await page.locator(name).bounding_box() for name in (".qr", ".qr-ink")]
    assert paper is not None
    assert ink is not None
    right = paper["x"] + paper["width"] - ink["x"] - ink["width"]
    bottom = paper["y"] + paper["height"] - ink["y"] - ink["height"]
    return min(ink["x"] - paper["x"], ink["y"] - paper["y"], right, bottom) > 0
