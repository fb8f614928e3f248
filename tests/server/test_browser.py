"""The page as a person uses it, in a real Chromium without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from serving import EXAMPLES, PATIENCE_S, Server, serving

from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt import Digitizer
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.server.settings import workers_and_threads

pytestmark = pytest.mark.slow  # a Chromium, and pages read four times
PAGE = EXAMPLES / "000001_colour_scan.jpg"
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE_MS = PATIENCE_S * 1000
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

expect.set_options(timeout=PATIENCE_MS)


def browser_path() -> str | None:
    found = (shutil.which(name) for name in BROWSERS)
    return os.environ.get("ECGDIGIT_BROWSER") or next(filter(None, found), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or name one in ECGDIGIT_BROWSER")
    with sync_playwright() as play:
        one = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--host", "0.0.0.0") as one:
        yield one


def link(server: Server) -> str:
    """The address with the token, by the loopback interface."""
    return f"{server.address}/#token={server.said('token    (.*)')}"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, server: Server, complaints: list[str]) -> Iterator[Page]:
    """The service's page; what it logs, throws or asks of other hosts is a complaint."""
    context = browser.new_context(viewport=DESK, accept_downloads=True)  # type: ignore[arg-type]
    one = context.new_page()
    one.set_default_timeout(PATIENCE_MS)
    one.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    one.on("pageerror", lambda error: complaints.append(str(error)))
    one.on("request", lambda asked: complaints.append(asked.url) if is_foreign(asked.url, server) else None)
    one.goto(link(server))
    yield one
    context.close()


def is_foreign(url: str, server: Server) -> bool:
    return not url.startswith((server.address, "blob:", "data:"))


def state(page: Page, name: str) -> None:
    expect(page.locator("body")).to_have_attribute("data-state", name)


def read(page: Page, file: Path, becomes: str = "done") -> None:
    page.set_input_files("#file", file)
    state(page, becomes)


def test_a_page_is_read_corrected_and_saved(
    page: Page, server: Server, complaints: list[str], tmp_path: Path
) -> None:
    read(page, PAGE)
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
    told = Digitizer(threads=workers_and_threads(usable_cpus(), None, None)[1])
    assert saved.value.suggested_filename == f"{PAGE.stem}.csv"
    assert Path(saved.value.path()).read_text() == csv_from_page(told.digitize(PAGE))

    page.get_by_label("Layout").select_option("/")
    page.get_by_label("Rows from the top").fill("I,II,III,aVR/aVL,aVF,V1,V2/V3,V4,V5,V6/II")
    page.get_by_label("Speed").select_option("50")
    page.get_by_role("button", name="Read again").click()
    expect(page.locator("#figures")).to_contain_text("50 mm/s")
    state(page, "done")
    assert page.locator("#paper .name").all_text_contents()[:4] == ["I", "II", "III", "aVR"]
    assert complaints == []


def test_zoom_and_pan_by_keys_and_wheel(page: Page, complaints: list[str]) -> None:
    read(page, PAGE)
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
    page.wait_for_function("document.getElementById('viewer').classList.contains('near')")
    assert view()[2] < 0.7 * whole[2]
    before = view()
    box = viewer.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 200, steps=3)
    page.mouse.up()
    assert view()[0] > before[0]
    assert complaints == []


def test_what_cannot_be_read_is_explained(page: Page, complaints: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "white").save(tmp_path / "white.png")
    read(page, tmp_path / "white.png", "failed")
    expect(page.locator("#problem")).to_contain_text("E-GRID-01")
    expect(page.locator("#problem-hint")).not_to_be_empty()
    (tmp_path / "note.txt").write_text("Dear colleague")
    read(page, tmp_path / "note.txt", "failed")
    expect(page.locator("#problem")).to_contain_text("E-INPUT-04")
    page.get_by_role("button", name="New page").click()
    state(page, "empty")
    expect(page.get_by_role("heading", name="Paper ECG to signals")).to_be_visible()
    assert complaints == []


def test_on_a_phone_with_a_token(browser: Browser, server: Server) -> None:
    token = server.said("token    (.*)")
    phone = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)  # type: ignore[arg-type]
    page = phone.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(server.address)
    page.get_by_role("dialog").get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("That is not the token.")).to_be_visible()
    page.goto(f"{server.address}/docs")
    expect(page.get_by_role("heading", name="/v1/digitize", exact=False).first).to_be_visible()
    page.goto(link(server))
    expect(page.locator("#limit")).to_contain_text("MB")
    assert "token" not in page.url
    expect(page.get_by_text("Take a photo")).to_be_visible()
    assert page.locator("#photo").get_attribute("capture") == "environment"
    read(page, PAGE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert server.log.count(token) == 2, "shown once, as itself and in the link"
    phone.close()


def test_every_control_has_a_name_and_contrast(page: Page) -> None:
    read(page, PAGE)
    page.locator("summary").click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a, summary")].filter(one =>
            !(one.labels?.length || one.ariaLabel || one.textContent.trim() || one.hidden))
            .map(one => one.outerHTML)"""
    )
    assert nameless == []
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        assert page.evaluate(CONTRASTS) == [], theme


CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
  const rgba = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map(v => linear(v / 255))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = one => {
    for (; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] > 200) return colour;
    }
    return [255, 255, 255, 255];
  };
  const words = [...document.querySelectorAll("main *, header *")].filter(one => one.checkVisibility() &&
    !one.closest("svg, .unseen") && [...one.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return words.filter(one => {
    const [a, b] = [light(rgba(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map(one => one.outerHTML.slice(0, 120));
}"""
