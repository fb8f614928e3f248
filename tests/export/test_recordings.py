"""Recordings from npz files and from folders of WFDB records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
wfdb = pytest.importorskip("wfdb")

from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.synth.recordings import open_recordings
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.truth import load_truth
from ecgdigit_rt.errors import RecordingsUnusable
from ecgdigit_rt.results import LEADS

TRUE = simulated_recording(np.random.default_rng(5))


def write_record(
    folder: Path, name: str, mv: np.ndarray, rate_hz: float, leads: tuple[str, ...], unit: str = "mV"
) -> None:
    """Write a WFDB record. `mv` is (leads, samples)."""
    folder.mkdir(parents=True, exist_ok=True)
    scale = {"mV": 1.0, "uV": 1000.0}[unit]
    wfdb.wrsamp(
        name, rate_hz, [unit] * len(leads), list(leads), mv.T.astype(float) * scale, fmt=["16"] * len(leads),
        adc_gain=[1000.0 / scale] * len(leads), baseline=[0] * len(leads), write_dir=str(folder),
    )  # fmt: skip


def test_a_folder_such_as_ptb_xl(tmp_path: Path) -> None:
    """Each record exists at 100 and at 500 Hz, with lead names such as AVR. The one at 500 Hz is used."""
    names = tuple(lead.upper() for lead in LEADS)
    write_record(tmp_path / "records500" / "00000", "00001_hr", TRUE, 500, names)
    write_record(tmp_path / "records100" / "00000", "00001_lr", TRUE[:, ::5], 100, names)
    recordings = open_recordings(tmp_path)
    assert len(recordings) == 1
    assert recordings[0].shape == (12, 5000)
    assert recordings[0].dtype == np.float32
    assert np.abs(recordings[0] - TRUE).max() < 0.001


def test_eight_leads_in_microvolts_are_sufficient(tmp_path: Path) -> None:
    eight = ("V6", "I", "II", "V1", "V2", "V3", "V4", "V5")
    write_record(tmp_path, "a", TRUE[[LEADS.index(lead) for lead in eight]], 500, eight, "uV")
    assert np.abs(open_recordings(tmp_path)[0] - TRUE).max() < 0.002


def test_other_rates_are_resampled_to_500_hz(tmp_path: Path) -> None:
    time = np.arange(11_000) / 1000
    slow = np.stack([np.sin(2 * np.pi * (0.5 + 0.2 * k) * time) for k in range(12)])
    write_record(tmp_path, "a", slow, 1000, LEADS)
    off = np.abs(open_recordings(tmp_path)[0] - slow[:, :10_000:2])
    assert off[:, 50:-50].max() < 0.005
    assert off.max() < 0.1  # resampling by FFT has errors at the ends


@pytest.mark.parametrize("what", ["short", "two leads", "no header", "empty"])
def test_folders_without_recordings_are_rejected(what: str, tmp_path: Path) -> None:
    if what == "short":
        write_record(tmp_path, "a", TRUE[:, :3000], 500, LEADS)
    elif what == "two leads":
        write_record(tmp_path, "a", TRUE[:2], 500, LEADS[:2])
    elif what == "no header":
        (tmp_path / "a.hea").write_text("what?\n")
    with pytest.raises(RecordingsUnusable):
        open_recordings(tmp_path)


def test_an_npz_of_millivolts(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, signals_mv=TRUE[None, :, ::2], rate_hz=250)
    recordings = open_recordings(path)
    assert len(recordings) == 1
    inner = slice(200, 4800)
    assert np.abs(recordings[0] - TRUE)[:, inner].max() < 0.15  # R peaks contain frequencies above 125 Hz
    np.savez(path, other=TRUE)
    with pytest.raises(RecordingsUnusable, match="its arrays are other"):
        open_recordings(path)
    np.savez(path, signals_mv=TRUE, rate_hz=500)
    with pytest.raises(RecordingsUnusable, match=r"not \(count, 12, samples\)"):
        open_recordings(path)
    path.write_bytes(b"no npz")
    with pytest.raises(RecordingsUnusable):
        open_recordings(path)


def test_pages_contain_the_recording(tmp_path: Path) -> None:
    write_record(tmp_path / "records", "a", TRUE, 500, LEADS)
    request = SynthesisRequest("render", "12x1")
    (name,) = write_pages(
        tmp_path / "pages", 1, signals=tmp_path / "records", request=request, seed=1, processes=1
    )
    truth = load_truth(tmp_path / "pages" / f"{name}.npz")
    rows = {row.segments[0].lead: curve for row, curve in zip(truth.layout.rows, truth.curves, strict=True)}
    drawn = rows["V2"] / truth.layout.gain_mm_mv
    expected = TRUE[LEADS.index("V2")]
    samples = np.arange(drawn.size) * 500 / 20 / truth.layout.speed_mm_s
    assert np.corrcoef(drawn, np.interp(samples, np.arange(5000), expected))[0, 1] > 0.98
