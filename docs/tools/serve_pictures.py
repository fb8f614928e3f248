"""Screenshots for docs/howto/serve.md: python docs/tools/serve_pictures.py.

Needs the extra `dev`, a Chromium, and a running service: --address. Writes JPEG files to docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES, IMAGES = ROOT / "examples", ROOT / "docs" / "images"
JPEG_QUALITY = 74
SETTLE_MS = 1200  # transitions of the page last half a second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    address = parser.parse_args().address
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = _open_page(browser, address, 1280, 820)
        _digitize(page, "000001_colour_scan.jpg")
        _take_screenshot(page, "serve-result")
        page.set_input_files("#file", EXAMPLES / "000004_crumpled.jpg")
        page.wait_for_selector("#viewer[data-preview=layout]")
        page.wait_for_timeout(SETTLE_MS // 3)
        _take_screenshot(page, "serve-steps")
        phone = _open_page(browser, address, 390, 844, is_phone=True)
        _digitize(phone, "000003_photo.jpg")
        _take_screenshot(phone, "serve-phone")
        browser.close()


def _open_page(browser: Browser, address: str, width: int, height: int, is_phone: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        is_mobile=is_phone,
        has_touch=is_phone,
        device_scale_factor=1.5 if is_phone else 1,
    )
    page = context.new_page()
    page.goto(address)
    return page


def _digitize(page: Page, name: str) -> None:
    page.set_input_files("#file", EXAMPLES / name)
    page.wait_for_selector("body[data-state=done]")
    page.wait_for_timeout(SETTLE_MS)


def _take_screenshot(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=JPEG_QUALITY)


if __name__ == "__main__":
    main()
