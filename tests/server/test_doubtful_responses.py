"""Doubtful pages in the responses of a real server, its metrics and its web page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import jsonschema
import pypdfium2
import pytest
from chromium import LOW_CONTRAST_ELEMENTS, browser_path
from doubtful_pages import DOUBTS, MARK, METADATA, doubtful_import_path, doubtful_page
from playwright.sync_api import expect, sync_playwright
from serving import EXAMPLES, TIMEOUT_S, Server, running_server, upload_form

from ecgdigit_rt.results import FURTHER_LEADS
from ecgdigit_rt.server.downloads import download_from_page

PAGE = EXAMPLES / "000001_colour_scan.jpg"
DOUBTFUL = f"{MARK}.jpg"
WEB = Path(__file__).parents[2] / "ecgdigit_rt" / "server" / "web"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server whose pipeline has doubts about files with `MARK` in their name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", doubtful_import_path(tmp_path_factory.mktemp("site")))
        with running_server() as running:
            yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_json_has_status_and_doubts(client: httpx.Client) -> None:
    page = client.post("/v1/digitize", files=upload_form(PAGE, DOUBTFUL)).json()
    assert (page["status"], page["doubts"]) == ("doubtful", METADATA)
    streamed = client.post("/v1/digitize/stream", files=upload_form(PAGE, DOUBTFUL)).text
    assert '"status": "doubtful"' in streamed
    clear = client.post("/v1/digitize", files=upload_form(PAGE)).json()
    assert (clear["status"], clear["doubts"]) == ("digitized", [])
    description = client.get("/openapi.json").json()
    schema = {"$ref": "#/components/schemas/Page", "components": description["components"]}
    jsonschema.validate(page, schema, jsonschema.Draft202012Validator)
    assert "doubtful" in description["info"]["description"]


def test_strict_requests_reject_doubtful_pages(client: httpx.Client) -> None:
    strict = {"strict": "true"}
    response = client.post("/v1/digitize", files=upload_form(PAGE, DOUBTFUL), params=strict)
    assert (response.status_code, response.json()["error_id"]) == (422, "E-DOUBT-01")
    assert "D-LEADS-01" in response.json()["detail"]
    assert client.post("/v1/digitize", files=upload_form(PAGE), params=strict).status_code == 200


def test_metrics_count_doubts(client: httpx.Client) -> None:
    def counts() -> tuple[float, float]:
        text = client.get("/metrics").text
        patterns = (
            r'^ecgdigit_pages_total\{error_id="",outcome="doubtful"\} (.+)$',
            r'^ecgdigit_doubts_total\{doubt_id="D-LEADS-01"\} (.+)$',
        )
        found = [re.search(pattern, text, re.MULTILINE) for pattern in patterns]
        pages, doubts = (float(match[1]) if match else 0.0 for match in found)
        return pages, doubts

    before = counts()
    client.post("/v1/digitize", files=upload_form(PAGE, DOUBTFUL))
    assert counts() == (before[0] + 1, before[1] + 1)


def test_printable_page_names_the_doubts() -> None:
    with pypdfium2.PdfDocument(download_from_page(doubtful_page(), "pdf").data) as document:
        text = document[0].get_textpage().get_text_bounded()
    assert "DOUBTFUL [D-LAYOUT-01, D-LEADS-01]" in text
    assert "II - I" in text
    with pypdfium2.PdfDocument(
        download_from_page(replace(doubtful_page(), doubts=()), "pdf").data
    ) as document:
        assert "DOUBTFUL" not in document[0].get_textpage().get_text_bounded()


def test_the_web_page_has_a_colour_for_every_further_lead() -> None:
    drawing, style = ((WEB / name).read_text(encoding="utf-8") for name in ("drawing.js", "style.css"))
    for name in FURTHER_LEADS:
        assert f'"{name}"' in drawing
        assert f"--lead-{name}: #" in style
        assert f'[data-lead="{name}"] {{ --lead-colour: var(--lead-{name}); }}' in style


@pytest.mark.slow
def test_the_web_page_marks_doubtful_pages(server: Server, tmp_path: Path) -> None:
    path = browser_path()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or set ECGDIGIT_BROWSER")
    doubtful, clear = tmp_path / DOUBTFUL, tmp_path / "clear.jpg"
    for copy in (doubtful, clear):
        copy.write_bytes(PAGE.read_bytes())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_S * 1000)
        page.goto(server.address)
        page.set_input_files("#file", doubtful)
        expect(page.locator("body")).to_have_attribute("data-state", "done")
        expect(page.locator("#doubt-badge")).to_have_text("doubtful")
        expect(page.locator("#doubt-badge")).to_be_visible()
        expect(page.locator("#doubt-mark")).to_be_visible()
        sentences = page.locator("#doubt-list li").all_text_contents()
        assert sentences == [f"{doubt.message} {doubt.id}" for doubt in DOUBTS]
        expect(page.locator("#status")).to_contain_text("The signals may be wrong.")
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            assert page.evaluate(LOW_CONTRAST_ELEMENTS) == [], theme
        page.set_input_files("#file", clear)
        expect(page.locator("#page-name")).to_have_text("clear.jpg")
        expect(page.locator("body")).to_have_attribute("data-state", "done")
        for name in ("#doubt-badge", "#doubt-mark", "#doubts"):
            expect(page.locator(name)).to_be_hidden()
        browser.close()
