"""The benchmark's perfect stages: true geometry and perfect distributions give the true signals back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from causes import error_shares, r_peaks
from loss_by_stage import round_trip, traced_leads
from measured_lead import measured_leads, page_db, page_shares
from truth_on_mesh import curves_on_mesh, layout_on_mesh, true_mesh

from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.style import style_from_rng
from ecgdigit_export.synth.truth import PageTruth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.tracing.assemble import rotate_points


@pytest.fixture(scope="module")
def truth() -> PageTruth:
    rng = np.random.default_rng(11)
    style = replace(style_from_rng(rng), speed_mm_s=25.0, gain_mm_mv=10.0, width_mm=250.0)
    return synthetic_page(simulated_recording(rng), rng, kind="render", style=style).truth


def moved(mesh: Mesh, along_mm: float, down_mm: float = 0.0) -> Mesh:
    """A mesh that counts its millimetres from another place."""
    return replace(mesh, origin_mm=(mesh.origin_mm[0] + along_mm, mesh.origin_mm[1] + down_mm))


def test_all_stages_true_give_the_signals_back(truth: PageTruth) -> None:
    assert page_db(measured_leads(truth, round_trip(truth, true_mesh(truth)))) >= 30


@pytest.mark.parametrize("along_mm", [0.025, 0.1])
def test_half_a_column_costs_clearly_and_so_do_two(truth: PageTruth, along_mm: float) -> None:
    exact = page_db(measured_leads(truth, round_trip(truth, true_mesh(truth))))
    off = page_db(measured_leads(truth, round_trip(truth, moved(true_mesh(truth), along_mm))))
    # The metric forgives whole samples but for those shifted in; of half a sample, nothing.
    assert off < exact - 10
    assert along_mm != 0.025 or off < 30


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_truth_is_found_on_a_mesh_that_counts_otherwise_in_a_turned_picture(
    truth: PageTruth, turns: int
) -> None:
    nodes = rotate_points(truth.nodes_px.reshape(-1, 2), truth.image_size, turns)
    width, height = truth.image_size
    turned = replace(
        truth,
        nodes_px=nodes.reshape(truth.nodes_px.shape),
        image_size=(height, width) if turns % 2 else (width, height),
        quarter_turns=turns,
    )
    mesh = moved(true_mesh(truth), -35.01, 60.3)
    curves = curves_on_mesh(turned, mesh, turns)
    layout = layout_on_mesh(turned, curves)
    assert layout.rows[0].start_mm == pytest.approx(truth.layout.rows[0].start_mm - 35.01, abs=2e-3)
    assert page_db(measured_leads(turned, traced_leads(layout, curves, mesh))) >= 30


def test_errors_are_told_by_cause() -> None:
    time = np.arange(1250) / 500
    mv = np.exp(-0.5 * ((time[:, None] - np.array([0.4, 1.2, 2.0])) / 0.012) ** 2).sum(1)
    peaks = r_peaks({"I": (2.5, mv), "II": (2.5, -2 * mv)}, 500.0)
    assert peaks["I"] == pytest.approx([200, 600, 1000], abs=1)
    assert peaks["II"] == pytest.approx([200, 600, 1000], abs=1)
    error = np.zeros(1250)
    error[[600 + 29, 5, 1245, 300]] = 1.0
    shares = error_shares(error, peaks["I"], 500.0)
    assert shares == pytest.approx({"peaks": 0.25, "ends": 0.5, "rest": 0.25})


def test_a_page_without_leads_is_zero_decibel_and_its_shares_are_the_signal(truth: PageTruth) -> None:
    nothing = measured_leads(truth, {})
    assert page_db(nothing) == pytest.approx(0.0)
    assert sum(page_shares(nothing).values()) == pytest.approx(1.0)
