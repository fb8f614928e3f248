"""Parts of the service that a client cannot see: where bytes lie, who holds a place, what is a name."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.errors import ServiceBusy
from ecgdigit_rt.server.memfd import memory_file, memory_folder
from ecgdigit_rt.server.pool import RequestCancelled, WorkerPool
from ecgdigit_rt.server.security import is_own_name
from ecgdigit_rt.server.settings import is_loopback, token_for, workers_and_threads
from ecgdigit_rt.server.terminal_qr import qr_lines
from ecgdigit_rt.server.uploads import Upload, upload_from_request

HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'


def request_of(name: bytes, data: bytes) -> Request:
    """A form as it comes from the network, in pieces."""
    body = HEAD % name + data + b"\r\n--x--\r\n"
    pieces: Iterator[bytes] = iter([body[k : k + 65_536] for k in range(0, len(body), 65_536)])

    async def receive() -> Message:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def test_a_large_upload_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_disk(*_: object) -> None:
        raise AssertionError("the upload went to a disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", no_disk)
    data = bytes(5_000_000)
    upload = asyncio.run(upload_from_request(request_of(b"scan.jpg", data), 6_000_000))
    assert upload == Upload("scan.jpg", data)
    assert "scan" not in repr(Upload("", data)) and len(repr(upload)) < 60


@pytest.mark.parametrize(
    ("given", "name"),
    [(b"../../etc/scan.jpg", "scan.jpg"), (b"C:\\\\scans\\\\a.png", "a.png"), (b"", "page"), (b"..", "page")],
)
def test_a_name_has_no_folders(given: bytes, name: str) -> None:
    assert asyncio.run(upload_from_request(request_of(given, b"x"), 100)).name == name


def test_a_memory_file_is_on_no_disk() -> None:
    with memory_file(b"page") as path:
        assert path.read_bytes() == path.read_bytes() == b"page"
        if Path("/proc").exists():
            assert str(path.resolve()).startswith("/memfd:")
    assert not path.exists()
    with memory_folder() as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_a_place_is_free_when_its_work_has_ended() -> None:
    async def story() -> None:
        crew = WorkerPool(workers=1, queue=1)
        begun, go_on = threading.Event(), threading.Event()
        first, second = crew.place(), crew.place()
        with pytest.raises(ServiceBusy):
            crew.place()

        def steps() -> str:
            begun.set()
            go_on.wait()
            first.check()
            return "read"

        given_up, waiting = first.start(steps), second.start(lambda: "second")
        await asyncio.to_thread(begun.wait)
        first.leave()
        second.leave()
        second.leave()
        await asyncio.sleep(0.01)
        assert crew.taken == 1, "a page in work keeps its place until its next step"
        third = crew.place().start(lambda: "third")
        go_on.set()
        with pytest.raises(RequestCancelled):
            await given_up
        assert waiting.cancelled()
        assert await third == "third"
        crew.place().leave()  # who leaves before the page has come
        await asyncio.sleep(0.01)
        assert crew.taken == 0
        crew.close()

    asyncio.run(story())


def test_whose_name_it_is() -> None:
    own = ("localhost", "ecg.ward.example")
    for host in ("localhost", "localhost:8000", "ECG.ward.example", "10.0.0.7:8000", "[::1]:80", "[::1]"):
        assert is_own_name(host, own), host
    for host in (
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "localhost:8000@evil",
        "[",
    ):
        assert not is_own_name(host, own), host


def test_settings_that_nobody_gave() -> None:
    assert [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.7", "ward")] == [False] * 4
    assert token_for("127.0.0.1", None) == token_for("::1", "") == (None, False)
    assert token_for("0.0.0.0", "given") == token_for("localhost", "given") == ("given", False)
    made = [token_for("0.0.0.0", given) for given in (None, "", None)]
    assert len(set(made)) == 3 and all(is_made and len(token or "") == 32 for token, is_made in made)
    assert workers_and_threads(1, None, None) == (1, 1)
    assert workers_and_threads(8, None, None) == (4, 2)
    assert workers_and_threads(8, 2, None) == (2, 4)
    assert workers_and_threads(8, None, 8) == (1, 8)
    assert workers_and_threads(2, 4, None) == (4, 1)


def test_a_qr_code_for_a_phone() -> None:
    lines = qr_lines("http://10.0.0.7:8000/#token=abc")
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(" ▀▄█")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fastapi", None)
    assert exit_code(["serve"]) == 3
    assert "ecgdigit-rt[serve]" in capsys.readouterr().err
