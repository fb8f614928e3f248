"""The pictures of docs/howto/serve.md, taken of the service itself: python docs/tools/serve_pictures.py.

Needs the extra `dev`, a Chromium, and a service that runs: --address. Writes JPEG files into docs/images/.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES, TO = ROOT / "examples", ROOT / "docs" / "images"
QUALITY = 74
SETTLED_MS = 1200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    address = parser.parse_args().address
    with sync_playwright() as play:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = _opened(browser, address, 1280, 820)
        _read(page, "000001_colour_scan.jpg")
        _taken(page, "serve-result")
        page.set_input_files("#file", EXAMPLES / "000004_crumpled.jpg")
        page.wait_for_selector("#viewer[data-after=layout]")
        page.wait_for_timeout(SETTLED_MS // 3)
        _taken(page, "serve-steps")
        phone = _opened(browser, address, 390, 844, is_phone=True)
        _read(phone, "000003_photo.jpg")
        _taken(phone, "serve-phone")
        browser.close()


def _opened(browser: Browser, address: str, width: int, height: int, is_phone: bool = False) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        is_mobile=is_phone,
        has_touch=is_phone,
        device_scale_factor=1.5 if is_phone else 1,
    )
    page = context.new_page()
    page.goto(address)
    return page


def _read(page: Page, name: str) -> None:
    page.set_input_files("#file", EXAMPLES / name)
    page.wait_for_selector("body[data-state=done]")
    page.wait_for_timeout(SETTLED_MS)


def _taken(page: Page, name: str) -> None:
    page.screenshot(path=TO / f"{name}.jpg", type="jpeg", quality=QUALITY)


if __name__ == "__main__":
    main()
