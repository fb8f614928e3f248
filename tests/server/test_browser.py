"""Web page, tested in a headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import LOW_CONTRAST_ELEMENTS, browser_path
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from serving import EXAMPLES, TIMEOUT_S, Server, running_server

from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_rt import Digitizer
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.server.settings import workers_and_threads

pytestmark = pytest.mark.slow  # starts a Chromium and digitizes several pages
PAGE = EXAMPLES / "000001_colour_scan.jpg"
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
TIMEOUT_MS = TIMEOUT_S * 1000

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or set ECGDIGIT_BROWSER")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("--host", "0.0.0.0") as running:
        yield running


def link(server: Server) -> str:
    """Return the loopback URL with the token."""
    return f"{server.address}/#token={server.token}"


@pytest.fixture
def violations() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, server: Server, violations: list[str]) -> Iterator[Page]:
    """Open the web page, and record console errors, exceptions and requests to other hosts."""
    context = browser.new_context(viewport=DESKTOP, accept_downloads=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)

    def check_message(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            violations.append(message.text)

    def check_request(request: Request) -> None:
        if not request.url.startswith((server.address, "blob:", "data:")):
            violations.append(request.url)

    page.on("console", check_message)
    page.on("pageerror", lambda error: violations.append(str(error)))
    page.on("request", check_request)
    page.goto(link(server))
    yield page
    context.close()


def expect_state(page: Page, name: str) -> None:
    expect(page.locator("body")).to_have_attribute("data-state", name)


def digitize(page: Page, file: Path, state: str = "done") -> None:
    page.set_input_files("#file", file)
    expect_state(page, state)


def test_a_page_is_digitized_overridden_and_saved(
    page: Page, server: Server, violations: list[str], tmp_path: Path
) -> None:
    digitize(page, PAGE)
    page.screenshot(path=tmp_path / "result.png")
    expect(page.locator("#badge")).to_have_text("12 leads")
    expect(page.locator("#scene .curve")).to_have_count(12)
    expect(page.locator("#steps .done")).to_have_count(7)
    names = page.locator("#paper .name").all_text_contents()
    assert set(names) == set(LEADS)

    chip, curve = (
        page.get_by_role("button", name="V3", exact=True),
        page.locator('#scene .curve[data-lead="V3"]'),
    )
    expect(curve).to_be_visible()
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(curve).to_be_hidden()
    assert page.locator("#scene .curve:visible").count() == 11

    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    digitizer = Digitizer(threads=workers_and_threads(usable_cpus(), None, None)[1])
    assert saved.value.suggested_filename == f"{PAGE.stem}.csv"
    assert Path(saved.value.path()).read_text() == csv_from_page(digitizer.digitize(PAGE))

    page.get_by_label("Layout").select_option("/")
    page.get_by_label("Rows from the top").fill("I,II,III,aVR/aVL,aVF,V1,V2/V3,V4,V5,V6/II")
    page.get_by_label("Speed").select_option("50")
    page.get_by_role("button", name="Digitize again").click()
    expect(page.locator("#summary")).to_contain_text("50 mm/s")
    expect_state(page, "done")
    assert page.locator("#paper .name").all_text_contents()[:4] == ["I", "II", "III", "aVR"]
    assert violations == []


def test_zoom_and_pan_by_keys_and_wheel(page: Page, violations: list[str]) -> None:
    digitize(page, PAGE)
    viewer = page.locator("#viewer")

    def view() -> list[float]:
        box = page.locator("#scene").get_attribute("viewBox")
        return [float(part) for part in (box or "").split()]

    whole = view()
    viewer.focus()
    viewer.press("+")
    assert view()[2] < whole[2]
    viewer.press("ArrowRight")
    assert view()[0] > whole[0]
    viewer.press("0")
    assert view() == whole
    viewer.hover()
    page.mouse.wheel(0, -400)
    page.wait_for_function("document.getElementById('viewer').classList.contains('zoomed')")
    assert view()[2] < 0.7 * whole[2]
    before = view()
    box = viewer.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 200, steps=3)
    page.mouse.up()
    assert view()[0] > before[0]
    assert violations == []


def test_problems_are_explained(page: Page, violations: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "white").save(tmp_path / "white.png")
    digitize(page, tmp_path / "white.png", "failed")
    expect(page.locator("#problem")).to_contain_text("E-PAGE-01")
    expect(page.locator("#problem-hint")).not_to_be_empty()
    (tmp_path / "note.txt").write_text("Dear colleague")
    digitize(page, tmp_path / "note.txt", "failed")
    expect(page.locator("#problem")).to_contain_text("E-INPUT-04")
    page.get_by_role("button", name="New page").click()
    expect_state(page, "empty")
    expect(page.get_by_role("heading", name="Paper ECG to signals")).to_be_visible()
    assert violations == []


def test_phone_with_a_token(browser: Browser, server: Server) -> None:
    token = server.token
    phone = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    page = phone.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(server.address)
    page.get_by_role("dialog").get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("The token is wrong.")).to_be_visible()
    page.goto(f"{server.address}/docs")
    expect(page.get_by_role("heading", name="/v1/digitize", exact=False).first).to_be_visible()
    page.goto(link(server))
    expect(page.locator("#upload-limit")).to_contain_text("MB")
    assert "token" not in page.url
    expect(page.get_by_text("Take a photo")).to_be_visible()
    assert page.locator("#photo").get_attribute("capture") == "environment"
    digitize(page, PAGE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert server.log.count(token) == 2, "the token is printed once by itself and once in the link"
    phone.close()


def test_controls_have_names_and_text_has_contrast(page: Page) -> None:
    digitize(page, PAGE)
    page.locator("summary").click()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a, summary")].filter(e =>
            !(e.labels?.length || e.ariaLabel || e.textContent.trim() || e.hidden))
            .map(e => e.outerHTML)"""
    )
    assert unnamed == []
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.evaluate(LOW_CONTRAST_ELEMENTS) == [], theme
