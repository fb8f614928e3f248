"""Parts of the service that clients cannot observe, such as memory files, the pool and the settings."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pypdfium2
import pytest
from paper_page import digitized_page, signals
from pdf_files import pdf, text_at
from serving import blank_page
from starlette.requests import Request
from starlette.types import Message
from vector_pages import vector_page, write_with_reportlab

from ecgdigit_rt.child_process import ChildProcess
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.decode.file_formats import words_from_page
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import DependencyMissing, NoGridFound, PageCrashed, ServiceBusy, WorkerDied
from ecgdigit_rt.pipeline import STEPS, PageState
from ecgdigit_rt.results import LEADS, PageRef
from ecgdigit_rt.server.decoders import Decoders
from ecgdigit_rt.server.digitizers import Digitizers, RequestOptions
from ecgdigit_rt.server.downloads import download_from_page
from ecgdigit_rt.server.handlers import PageHandler, PageRequest
from ecgdigit_rt.server.memfd import memory_file, memory_folder
from ecgdigit_rt.server.metrics import Metrics
from ecgdigit_rt.server.pool import RequestCancelled, Slot, WorkerPool
from ecgdigit_rt.server.security import is_allowed_host
from ecgdigit_rt.server.settings import is_loopback, token_for_host, workers_and_threads
from ecgdigit_rt.server.terminal_qr import qr_lines
from ecgdigit_rt.server.uploads import Upload, upload_from_request
from ecgdigit_rt.vector.pipeline import VECTOR_STEPS
from ecgdigit_rt.words import WordSource

WEB = Path(__file__).parents[2] / "ecgdigit_rt" / "server" / "web"
MM_PER_PT = 25.4 / 72
FORM_START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    """Provide decoding processes."""
    opened = Decoders()
    yield opened
    opened.close()


def form_request(name: bytes, data: bytes) -> Request:
    """Return a form request that arrives in chunks."""
    body = FORM_START % name + data + b"\r\n--x--\r\n"
    chunks: Iterator[bytes] = iter([body[k : k + 65_536] for k in range(0, len(body), 65_536)])

    async def receive() -> Message:
        chunk = next(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def test_a_large_upload_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_disk(*_: object) -> None:
        raise AssertionError("the upload was written to a disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_disk)
    data = bytes(5_000_000)
    upload = asyncio.run(upload_from_request(form_request(b"scan.jpg", data), 6_000_000))
    assert upload == Upload("scan.jpg", data)
    assert "scan" not in repr(Upload("", data)) and len(repr(upload)) < 60


@pytest.mark.parametrize(
    ("sent", "name"),
    [(b"../../etc/scan.jpg", "scan.jpg"), (b"C:\\\\scans\\\\a.png", "a.png"), (b"", "page"), (b"..", "page")],
)
def test_folders_are_removed_from_upload_names(sent: bytes, name: str) -> None:
    assert asyncio.run(upload_from_request(form_request(sent, b"x"), 100)).name == name


def test_words_of_an_uploaded_pdf_reach_the_digitizer(tmp_path: Path, decoders: Decoders) -> None:
    path = tmp_path / "visit.pdf"
    path.write_bytes(pdf(text_at(100, 700, "one"), text_at(100, 700, "25 mm/s 10 mm/mV")))
    request = PageRequest(Upload(path.name, path.read_bytes()), 2, RequestOptions())
    received: list[WordSource] = []

    class Recorder:
        reads_drawings = True

        def digitize_steps(
            self, image: object, source: PageRef, observer: object, words: WordSource
        ) -> PageState:
            received.append(words)
            raise NoGridFound

    digitizers = cast("Digitizers", SimpleNamespace(get=lambda _: Recorder()))
    handler = PageHandler(digitizers, Metrics(lambda: 0, {}), decoders)
    slot = cast("Slot", SimpleNamespace(check=lambda: None))
    with pytest.raises(NoGridFound):
        handler.download(request, "json", slot)
    with pytest.raises(NoGridFound):
        handler.stream(request, slot, lambda *_: None, False)
    expected = words_from_page(PageRef(path, 1))
    assert [word.text for word in expected] == ["25", "mm/s", "10", "mm/mV"]
    assert [words() for words in received] == [expected] * 2
    blank = decoders.decode(
        Upload("a.png", blank_page()), 1, lambda: None, reads_drawing=True, needs_image=False
    )
    assert (blank.words, blank.drawing, blank.page_count) == ((), None, 1)
    assert blank.image.shape == (300, 400, 3) and blank.image.min() == 255


def test_the_lines_of_an_uploaded_vector_pdf_are_digitized(tmp_path: Path, decoders: Decoders) -> None:
    pytest.importorskip("reportlab")
    path = tmp_path / "vector.pdf"
    write_with_reportlab(vector_page("6x2"), path)
    request = PageRequest(Upload(path.name, path.read_bytes()), 1, RequestOptions())
    digitizers = cast("Digitizers", SimpleNamespace(get=lambda _: Digitizer(threads=1)))
    slot = cast("Slot", SimpleNamespace(check=lambda: None, wait_s=0.0))
    handler = PageHandler(digitizers, Metrics(lambda: 0, {}), decoders)
    page = json.loads(handler.download(request, "json", slot).data)
    assert (page["signal_source"], page["layout"]["name"]) == ("vector", "6x2")
    events: list[tuple[str, dict[str, object]]] = []
    handler.stream(request, slot, lambda kind, data: events.append((kind, json.loads(data))), True)
    assert [data["step"] for kind, data in events if kind == "step"] == [
        "decode", *(step.name for step in VECTOR_STEPS),
    ]  # fmt: skip
    assert events[-1][1]["signal_source"] == "vector"


def test_a_decoding_process_that_cannot_start_fails_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(*_: object, **__: object) -> None:
        raise WorkerDied("The worker process", "it ended 3 times while it was starting")

    monkeypatch.setattr(ChildProcess, "call", cannot_start)
    with pytest.raises(PageCrashed, match="its process cannot start"):
        Decoders().decode(
            Upload("a.png", blank_page()), 1, lambda: None, reads_drawing=False, needs_image=True
        )


def test_memory_files_are_not_on_a_disk() -> None:
    with memory_file(b"page") as path:
        assert path.read_bytes() == path.read_bytes() == b"page"
        if Path("/proc").exists():
            assert str(path.resolve()).startswith("/memfd:")
    assert not path.exists()
    with memory_folder() as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_slots_are_released_when_their_work_has_ended() -> None:
    async def scenario() -> None:
        pool = WorkerPool(workers=1, queue=1)
        started, resume = threading.Event(), threading.Event()
        first, second = pool.admit(), pool.admit()
        with pytest.raises(ServiceBusy):
            pool.admit()

        def steps() -> str:
            started.set()
            resume.wait()
            first.check()
            return "read"

        cancelled, waiting = first.start(steps), second.start(lambda: "second")
        await asyncio.to_thread(started.wait)
        first.cancel()
        second.cancel()
        second.cancel()
        await asyncio.sleep(0.01)
        assert pool.in_flight == 1, "a page in progress keeps its slot until its next step"
        third = pool.admit().start(lambda: "third")
        resume.set()
        with pytest.raises(RequestCancelled):
            await cancelled
        assert waiting.cancelled()
        assert await third == "third"
        pool.admit().cancel()  # a client that disconnects during its upload
        await asyncio.sleep(0.01)
        assert pool.in_flight == 0
        pool.close()

    asyncio.run(scenario())


def test_allowed_host_headers() -> None:
    allowed = ("localhost", "ecg.ward.example")
    for host in ("localhost", "localhost:8000", "ECG.ward.example", "10.0.0.7:8000", "[::1]:80", "[::1]"):
        assert is_allowed_host(host, allowed), host
    for host in (
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost:8000@evil",
        "[",
    ):
        assert not is_allowed_host(host, allowed), host


def test_default_settings() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.7", "ward")] == [False] * 4
    assert token_for_host("127.0.0.1", None) == token_for_host("::1", "") == (None, False)
    assert token_for_host("0.0.0.0", "mine") == token_for_host("localhost", "mine") == ("mine", False)
    generated = [token_for_host("0.0.0.0", token) for token in (None, "", None)]
    assert len(set(generated)) == 3
    assert all(is_generated and len(token or "") == 32 for token, is_generated in generated)
    assert workers_and_threads(1, None, None) == (1, 1)
    assert workers_and_threads(8, None, None) == (4, 2)
    assert workers_and_threads(8, 2, None) == (2, 4)
    assert workers_and_threads(8, None, 8) == (1, 8)
    assert workers_and_threads(2, 4, None) == (4, 1)


def test_qr_codes_consist_of_block_characters() -> None:
    lines = qr_lines("http://10.0.0.7:8000/#token=abc")
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(" ▀▄█")


def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert exit_code(["serve"]) == 3
    assert "ecgdigit-rt[serve]" in capsys.readouterr().err


def test_the_progress_bar_has_the_steps_of_the_pipeline() -> None:
    source = (WEB / "steps.js").read_text(encoding="utf-8")
    groups = re.findall(r"steps: (\[.*?\])", source)
    assert [name for group in groups for name in json.loads(group)] == [
        "decode",
        *(step.name for step in STEPS),
    ]


def test_a_printable_page_has_names_and_true_scale() -> None:
    page = digitized_page(PageRef(Path("図\udcff (née)\\.jpg")), signals(1))
    with pypdfium2.PdfDocument(download_from_page(page, "pdf").data) as document:
        (printed,) = document
        text = printed.get_textpage().get_text_bounded()
        bounds = [item.get_bounds() for item in printed.get_objects()]
    assert text.startswith("?? (née)\\")
    assert "25 mm/s" in text and "10 mm/mV" in text
    assert set(LEADS) <= set(text.split())
    sizes = [((right - left) * MM_PER_PT, (top - bottom) * MM_PER_PT) for left, bottom, right, top in bounds]
    stroke_mm = 2 * 0.25  # PDFium widens bounds by the line width on each side
    pulse_mm = pytest.approx((8 + stroke_mm, 10 + stroke_mm), abs=0.02)
    assert sum(size == pulse_mm for size in sizes) == len(page.layout.rows), "1 mV is 10 mm, 0.2 s are 5 mm"
    widths = [width for width, _ in sizes]
    samples = 1250
    assert pytest.approx((samples - 1) / 500 * 25 + stroke_mm, abs=0.02) in widths, "1 s is 25 mm"


def test_a_missing_pdf_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    monkeypatch.delitem(sys.modules, "ecgdigit_rt.server.paper_pdf", raising=False)
    page = digitized_page(PageRef(Path("page.png")), signals(1))
    with pytest.raises(DependencyMissing) as caught:
        download_from_page(page, "pdf")
    assert "ecgdigit-rt[serve]" in caught.value.hint
