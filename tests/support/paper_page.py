"""Test pages with known signals in the competition's geometry, and a digitizer that returns these signals."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import EcgDigitError, NoGridFound
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.results import (
    LEADS,
    Digitized,
    Layout,
    Lead,
    PageRef,
    Result,
    Row,
    Segment,
    failed_from_error,
)

RATE_HZ, PX_PER_S, PX_PER_MV, LEFT_PX = 500, 196.85, 78.74, 117.6
BASELINES_PX = (707.8, 991.2, 1274.5, 1534.2)
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))


def beats(seconds: float, seed: int) -> NDArray[np.float64]:
    """Return a lead in mV at 75 beats per minute. Its waves are Gaussians; `seed` sets the amplitudes."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(seed)
    waves = [(0.1, -0.17, 0.02), (-0.12, -0.03, 0.01), (1.1, 0, 0.012), (-0.25, 0.03, 0.012)]
    waves.append((0.3, 0.28, 0.045))
    out = np.zeros_like(t)
    for height, at, width in waves:
        gain = height * rng.uniform(0.5, 1.4)
        for beat in np.arange(0.35, seconds + 1, 0.8):
            out += gain * np.exp(-(((t - beat - at) / width) ** 2) / 2)
    return out


def signals(seed: int) -> dict[str, NDArray[np.float64]]:
    """Return twelve leads in mV: lead II for 10 s, the others for 2.5 s."""
    return {
        name: beats(10, seed)[: 5000 if name == "II" else 1250] * (-0.8 if name == "aVR" else 1) + 0.02 * i
        for i, name in enumerate(LEADS)
    }


def window_start_s(lead: str) -> float:
    """Return the start of a lead's window in the record, in seconds."""
    return next(row.index(lead) for row in ROWS if lead in row) * 2.5


def write_truth(path: Path, leads: dict[str, NDArray[np.float64]], rows: int = 5000) -> None:
    """Write a truth CSV with one column per lead, empty outside its window."""
    cells = [[""] * len(leads) for _ in range(rows)]
    for column, (name, mv) in enumerate(leads.items()):
        start = 0 if mv.size == rows else round(window_start_s(name) / 10 * rows)
        for i, value in enumerate(mv):
            cells[start + i][column] = f"{value:.4f}"
    lines = [",".join(leads), *(",".join(row) for row in cells)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def curve_px(name: str, mv: NDArray[np.float64], rate_hz: float) -> NDArray[np.float32]:
    """Return x and y of a lead's samples (n, 2) on the competition's page at 200 dpi."""
    is_rhythm = mv.size / rate_hz > 5
    row = 3 if is_rhythm else next(i for i, row in enumerate(ROWS) if name in row)
    start_s = 0 if is_rhythm else window_start_s(name)
    x = LEFT_PX + (start_s + np.arange(mv.size) / rate_hz) * PX_PER_S
    return np.stack([x, BASELINES_PX[row] - mv * PX_PER_MV], axis=1).astype(np.float32)


def draw_page(leads: dict[str, NDArray[np.float64]]) -> NDArray[np.uint8]:
    """Return a page with a red grid and black traces as (1700, 2200, 3) uint8 RGB."""
    page = np.full((1700, 2200, 3), 255, np.uint8)
    for k in range(300):
        at = round(k * 39.37 / 5)
        shade = (240, 170, 170) if k % 5 == 0 else (252, 225, 225)
        cv2.line(page, (at, 0), (at, 1700), shade, 1)
        cv2.line(page, (0, at), (2200, at), shade, 1)
    for name, mv in leads.items():
        points = np.round((curve_px(name, mv, RATE_HZ) - 0.5) * 16).astype(np.int32)
        cv2.polylines(page, [points], False, (20, 20, 20), 2, cv2.LINE_AA, 4)
    return page


def write_page(path: Path, leads: dict[str, NDArray[np.float64]]) -> None:
    """Write a page with these leads as an image file."""
    cv2.imwrite(str(path), draw_page(leads)[..., ::-1])


def digitized_page(source: PageRef, leads: dict[str, NDArray[np.float64]]) -> Digitized:
    """Return the result of a page in the competition's layout with these leads."""
    lead_signals = {
        name: Lead(
            name,
            mv.astype(np.float32),
            RATE_HZ,
            0.0 if mv.size > 1250 else window_start_s(name),
            0.97,
            curve_px(name, mv, RATE_HZ),
        )
        for name, mv in leads.items()
    }
    rows = tuple(
        Row(
            BASELINES_PX[i] / 7.874,
            tuple(
                Segment(name, 15 + 62.5 * k, 77.5 + 62.5 * k, 2.5 * k, 2.5 * k + 2.5)
                for k, name in enumerate(row)
            ),
        )
        for i, row in enumerate(ROWS)
    )
    return Digitized(source, lead_signals, Layout("3x4+1", rows), 0.21, {"trace": 0.3})


class TruthDigitizer:
    """Substitute for the Digitizer, which returns the leads of the truth CSV in the folder `truth`.

    A page without truth fails with NoGridFound. A page whose name contains "bug" fails with an unexpected
    error, reported as the real digitizer does.
    """

    truth = Path()
    device = "none (truth)"
    models = "none"
    notes = ("results are the truth",)
    identity: ClassVar[dict[str, str]] = {"models": "truth"}
    threads = 1

    received_options: ClassVar[dict[str, object]] = {}

    def __init__(
        self,
        models: str,
        threads: int | None,
        tta: str,
        enforce_einthoven: bool,
        no_beat_prior: bool,
        backend: str,
        device: str,
        precision: str,
        **options: object,
    ) -> None:
        assert (models, threads, tta, enforce_einthoven, no_beat_prior) == (
            "lite",
            None,
            "none",
            False,
            False,
        )
        assert (backend, device, precision) == ("auto", "auto", "auto")
        type(self).received_options = options

    def network_threads(self, pages: int) -> int:
        """Return the number of threads per network."""
        return 1

    def digitize_many(self, pages: Iterable[PageRef], /, network_threads: int = 1) -> Iterator[Result]:
        """Yield a result for every page, in order."""
        for page in pages:
            try:
                rgb_from_page(page)
                yield self._digitize(page)
            except (EcgDigitError, ZeroDivisionError) as error:
                yield failed_from_error(page, error)

    def _digitize(self, page: PageRef) -> Digitized:
        if "bug" in page.id:
            raise ZeroDivisionError("division by zero")
        path = self.truth / f"{page.id}.csv"
        if not path.exists():
            raise NoGridFound
        return digitized_page(page, dict(read_truth(path).leads))


def scans_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch, names: Sequence[str], digitizer: type[TruthDigitizer]
) -> Path:
    """Create ROOT/scans with a page of each name, and make ROOT the working directory.

    `digitizer` replaces the real one and returns the true leads of these pages.
    """
    folder, truth = root / "scans", root / "truth"
    folder.mkdir()
    truth.mkdir()
    for i, name in enumerate(names):
        write_page(folder / f"{name}.png", signals(i))
        write_truth(truth / f"{name}.csv", signals(i))
    stub = types.ModuleType("ecgdigit_rt.digitizer")
    stub.__dict__["Digitizer"] = digitizer
    monkeypatch.setitem(sys.modules, "ecgdigit_rt.digitizer", stub)
    monkeypatch.setattr(TruthDigitizer, "truth", truth)
    monkeypatch.chdir(root)
    return folder
