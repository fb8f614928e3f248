"""A GPU that stops working ends a run, keeps its pages, and makes a service unready."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from ecgdigit_engine.errors import DeviceLost
from ecgdigit_engine.runner import Feeds, Fetches, Runner
from ecgdigit_engine.selection import BackendSelection, select_backend
from ecgdigit_engine.stage_opener import StageOpener, StageRequest
from ecgdigit_rt import Digitized, Digitizer, Failed
from ecgdigit_rt.results import PageRef, Result
from ecgdigit_rt.worker_processes import ProcessDigitizer

PAGES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))[:2]


class LosingRunner:
    """Runner whose GPU stops working at a call of `remaining`."""

    def __init__(self, runner: Runner, remaining: list[int]) -> None:
        self._runner, self._remaining, self._lock = runner, remaining, threading.Lock()
        self.spec = runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        with self._lock:
            self._remaining[0] -= 1
            if self._remaining[0] < 0:
                raise DeviceLost(self.spec.stage, "cuda:0", "an illegal memory access was encountered")
        return self._runner.run(feeds)


def losing_opener(pages: int) -> StageOpener:
    """Return an opener whose networks stop working after `pages` pages. Each page needs one call of grid."""
    opener, remaining = select_backend(device="cpu").opener(), [pages]

    def open_stage(request: StageRequest) -> Runner:
        runner = opener.open(request)
        return LosingRunner(runner, remaining) if runner.spec.stage == "grid" else runner

    return dataclasses.replace(opener, open=open_stage)


def test_later_pages_are_not_digitized() -> None:
    with Digitizer(threads=1, opener=losing_opener(1)) as digitizer:
        digitized = digitizer.digitize_many([*PAGES, *PAGES])
        assert isinstance(next(digitized), Digitized)
        with pytest.raises(DeviceLost):
            next(digitized)


def test_a_run_keeps_its_pages_and_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", *map(str, PAGES), "--out", str(tmp_path / "s.json"), "--threads", "1"]
    opener = losing_opener(1)
    with monkeypatch.context() as patch:
        patch.setattr(BackendSelection, "opener", lambda _: opener)
        code, _, err = call(capsys, *words)
    assert code == 3
    assert "cuda:0 cannot be used by this process any more" in err
    assert not (tmp_path / "s.json").exists()
    code, _, err = call(capsys, *words)
    assert code == 0
    assert "1 of 2 pages" in err


def open_losing(threads: int) -> Callable[[PageRef], Result]:
    def digitize(page: PageRef) -> Result:
        if page.id == "lost":
            raise DeviceLost("grid", "cuda:0", "an illegal memory access was encountered")
        return Failed(page, "E-X-00", "digitized", "")

    return digitize


def test_a_worker_process_is_replaced() -> None:
    pages = [PageRef(Path(name)) for name in ("a", "lost", "b")]
    results = list(ProcessDigitizer(open_losing, workers=1).digitize_many(pages, 1))
    assert [result.error_id for result in results if isinstance(result, Failed)] == [
        "E-X-00",
        "E-DEVICE-04",
        "E-X-00",
    ]
    assert "an illegal memory access" in results[1].message  # type: ignore[union-attr]


def test_a_service_is_no_longer_ready() -> None:
    testclient: Any = pytest.importorskip("fastapi.testclient")
    from ecgdigit_rt.server.api import create_app
    from ecgdigit_rt.server.digitizers import Digitizers
    from ecgdigit_rt.server.settings import Settings

    app = create_app(Digitizers(losing_opener(2), "lite", 1), Settings())
    with testclient.TestClient(app, base_url="http://localhost") as client:
        while client.get("/health/ready").status_code != 200:
            pass
        form = {"file": (PAGES[0].name, PAGES[0].read_bytes())}
        statuses = [client.post("/v1/digitize", files=form).status_code for _ in range(3)]
        assert statuses[-1] == 503
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200


def test_a_triton_request_gets_an_answer_for_each_image() -> None:
    from ecgdigit_rt.triton.page_service import EncodedImage, PageService

    service = PageService(threads=1, opener=losing_opener(1))
    images = [EncodedImage(f"{k}.jpg", PAGES[0].read_bytes()) for k in range(3)]
    results = list(service.results(images))
    assert isinstance(results[0], Digitized)
    assert [result.error_id for result in results[1:] if isinstance(result, Failed)] == ["E-DEVICE-04"] * 2
    assert [str(result.source.path) for result in results] == ["0.jpg", "1.jpg", "2.jpg"]
