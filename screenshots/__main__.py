"""`make screenshots`: the pictures of `pictures.py` into `docs/images`, or elsewhere: `ARGS="--to DIR --all"`."""

import argparse
import asyncio
import logging
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright
from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.visitor import Visitor

from screenshots.pictures import ALL_FORMS, PICTURES, Form, Picture
from screenshots.stage import Stage
from waypost import logging as log_lines

IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Make the pictures."""
    asked = argparse.ArgumentParser(prog="make screenshots")
    asked.add_argument("--to", type=Path, default=IMAGES, help="the folder for the pictures")
    asked.add_argument("--all", action="store_true", help="every page in every size and colour scheme")
    asked.add_argument("--only", default="", help="pictures with this in their name")
    given = asked.parse_args()
    log_lines.configure(logging.WARNING)
    given.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        stage.play()
        asyncio.run(_taken(stage, given.to, every=given.all, only=given.only))


async def _taken(stage: Stage, to: Path, *, every: bool, only: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        for picture in PICTURES:
            if only in picture.name:
                for form in ALL_FORMS if every else picture.forms:
                    await _take(browser, stage, picture, form, to)
        await browser.close()


async def _take(browser: Browser, stage: Stage, picture: Picture, form: Form, to: Path) -> None:
    size = {"width": form.width, "height": form.height}
    base = f"http://127.0.0.1:{stage.house.port}"
    context = await browser.new_context(base_url=base, viewport=size, color_scheme=form.scheme)  # type: ignore[arg-type]
    cookies = Visitor(stage.house, picture.by).cookies
    await context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
    page = await context.new_page()
    await page.goto(picture.path(stage))
    for selector in picture.clicks:
        await page.click(selector)
    path = to / f"{picture.name}{form.suffix}.png"
    await page.screenshot(path=path, full_page=form.is_whole, animations="disabled")
    print(f"{path.name}  {path.stat().st_size // 1000} kB")
    await context.close()


if __name__ == "__main__":
    main()
