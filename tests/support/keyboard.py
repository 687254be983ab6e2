"""Somebody who uses a page of the browser by its keys alone."""

from playwright.async_api import Page


async def press(page: Page, button: str) -> None:
    """Go to a button or link by Tab alone, and press it."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.replace(/\\s+/g, ' ').trim()") == button:
            async with page.expect_navigation():
                return await page.keyboard.press("Enter")
    raise AssertionError(f"Tab never comes to {button}")


async def type_into(page: Page, **fields: str) -> None:
    """Go to each field by Tab alone, and type."""
    for name, text in fields.items():
        for _ in range(80):
            if await page.evaluate("document.activeElement.name?.split('/').pop()") == name:
                break
            await page.keyboard.press("Tab")
        await page.keyboard.type(text)
