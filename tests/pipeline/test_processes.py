"""`Digitizer.digitize_many` with worker processes gives the same results as with threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgdigit_engine.selection import select_backend
from ecgdigit_rt import Digitized, Digitizer, Failed
from ecgdigit_rt import digitizer as digitizer_module
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.decode.sources import Source

PAGES = sorted((Path(__file__).parents[2] / "examples").glob("*.jpg"))[:2]


def test_results_of_processes_are_identical_and_in_order(tmp_path: Path) -> None:
    image = rgb_from_file(PAGES[0])
    sources: list[Source] = [PAGES[1], image, tmp_path / "missing.png", PAGES[0]]
    with Digitizer(threads=2, gain_mm_mv=10.0) as digitizer:
        expected, found = (list(digitizer.digitize_many(sources, 1, workers)) for workers in (1, 2))
    assert [str(result.source) for result in found] == [str(result.source) for result in expected]
    assert isinstance(found[2], Failed)
    assert found[2] == expected[2]
    for index in (0, 1, 3):
        threads, process = expected[index], found[index]
        assert isinstance(threads, Digitized)
        assert isinstance(process, Digitized)
        assert process.provenance == threads.provenance
        assert {name: lead.mv.tobytes() for name, lead in process.leads.items()} == {
            name: lead.mv.tobytes() for name, lead in threads.leads.items()
        }


def test_the_number_of_processes_can_be_automatic(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def count(requested: int | None, _: Digitizer, pages: int, *, isolate: bool) -> int:
        asked.append((requested, pages, isolate))
        return 0

    monkeypatch.setattr(digitizer_module, "worker_count", count)
    with Digitizer(threads=1, method="classical") as digitizer:
        assert len(list(digitizer.digitize_many(PAGES, workers=None))) == 2
    assert asked == [(None, 2, False)]


def test_a_digitizer_with_an_opener_uses_no_processes() -> None:
    opener = select_backend(device="cpu").opener()
    with Digitizer(threads=1, opener=opener) as digitizer, pytest.raises(ValueError, match="opener"):
        list(digitizer.digitize_many(PAGES, workers=2))
