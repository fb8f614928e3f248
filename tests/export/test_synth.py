"""Synthetic pages: position of the truth for all kinds, reproducibility, layouts and files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from dataclasses import replace

from synthetic_pages import plain_style

from ecgdigit_export.synth.capture import CAPTURES
from ecgdigit_export.synth.drawing import draw_sheet
from ecgdigit_export.synth.folder import SynthesisRequest, contact_sheet, write_pages
from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.truth import load_truth, save_truth
from ecgdigit_export.synth.truth_csv import truth_csv, write_truth_csvs
from ecgdigit_kernels.paper_maps import paper_maps
from ecgdigit_rt.layout.catalog import LAYOUTS, lead_from_cell
from ecgdigit_rt.results import LEADS


@pytest.mark.parametrize("kind", list(CAPTURES))
def test_the_true_curve_is_on_the_ink(kind: str) -> None:
    rng = np.random.default_rng(7)
    signals = np.repeat(np.sin(np.arange(5000) / 300)[None], 12, 0).astype(np.float32)
    page = synthetic_page(signals, rng, kind=kind, style=plain_style())
    truth = page.truth
    errors = []
    for row, curve in zip(truth.layout.rows, truth.curves, strict=True):
        corner = (row.start_mm + 20, row.baseline_mm - 14)
        maps = paper_maps(truth.nodes_px, truth.origin_mm, truth.step_mm, corner, (0.05, 0.05), (560, 1000))
        grey = cv2.cvtColor(page.image, cv2.COLOR_RGB2GRAY)
        strip = cv2.remap(grey, *maps, cv2.INTER_CUBIC).astype(float)
        dark = np.maximum(np.percentile(strip, 40, axis=0) - strip - 60, 0)
        has_ink = dark.sum(0) > 0
        at_mm = 14 - ((np.arange(560)[:, None] + 0.5) * dark).sum(0) / np.maximum(dark.sum(0), 1e-9) * 0.05
        columns = np.round((20 + (np.arange(1000) + 0.5) * 0.05) * 20).astype(int)
        errors.append((at_mm - curve[columns])[has_ink])
    error = np.concatenate(errors)
    assert error.size > 500
    assert abs(np.median(error)) < 0.04
    assert np.percentile(np.abs(error - np.median(error)), 80) < 0.25


def test_pages_are_reproducible() -> None:
    signals = simulated_recording(np.random.default_rng(1))
    one = synthetic_page(signals, np.random.default_rng(5), kind="photo")
    two = synthetic_page(signals, np.random.default_rng(5), kind="photo")
    assert np.array_equal(one.image, two.image)


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_each_layout_is_drawn_with_all_its_leads(name: str) -> None:
    rng = np.random.default_rng(2)
    plan = LAYOUTS[name]
    rows = len(plan.rows)
    style = replace(
        plain_style(), plan=plan, baselines_mm=tuple(20.0 + 12.0 * i for i in range(rows)), has_labels=True
    )
    sheet = draw_sheet(style, simulated_recording(rng), rng)
    leads = {lead_from_cell(cell) for row in plan.rows for cell in row}
    assert {mark.name for mark in sheet.marks} >= leads
    assert {segment.lead for row in sheet.layout.rows for segment in row.segments} == leads
    assert leads in ({*LEADS}, {*LEADS[:6]}, {*LEADS[6:]})
    assert all(curve.size == 5000 for curve in sheet.curves)


def test_truth_is_stored_without_loss(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    truth = synthetic_page(simulated_recording(rng), rng, kind="crumpled", turn=True).truth
    save_truth(truth, tmp_path / "page.npz")
    stored = load_truth(tmp_path / "page.npz")
    assert stored.layout == truth.layout
    assert stored.marks == truth.marks
    assert np.array_equal(stored.nodes_px, truth.nodes_px)
    assert all(np.array_equal(a, b) for a, b in zip(stored.curves, truth.curves, strict=True))


def test_truth_csv_equals_the_recording() -> None:
    rng = np.random.default_rng(4)
    signals = simulated_recording(rng)
    truth = synthetic_page(signals, rng, kind="render", style=plain_style()).truth
    lines = truth_csv(truth).splitlines()
    names = lines[0].split(",")
    cells = [line.split(",") for line in lines[1:]]
    v2 = [float(row[names.index("V2")]) for row in cells[2500:3750]]
    assert np.allclose(v2, signals[LEADS.index("V2"), 2500:3750], atol=1e-3)
    assert cells[2499][names.index("V2")] == "" == cells[3750][names.index("V2")]


def test_folder_with_truth_and_contact_sheet(tmp_path: Path) -> None:
    names = list(write_pages(tmp_path, 2, seed=1, request=SynthesisRequest("render", "6x2"), processes=1))
    write_truth_csvs(tmp_path)
    assert names == ["000000_render", "000001_render"]
    assert (tmp_path / "truth" / "000001_render.csv").is_file()
    assert (tmp_path / "test.csv").read_text().startswith("id,lead,fs,number_of_rows\n000000_render,")
    assert len(load_truth(tmp_path / "000001_render.npz").layout.rows) == 6
    assert contact_sheet(tmp_path).std() > 10


@pytest.mark.parametrize(("option", "known"), [("--kind", "photo"), ("--layout", "12x1")])
def test_synth_lists_the_known_kinds_and_layouts(tmp_path: Path, option: str, known: str) -> None:
    command = [sys.executable, "-m", "ecgdigit_rt", "synth", str(tmp_path), option, "fresco"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert known in done.stderr
