"""Tests of loss_by_stage.py: true geometry and ideal distributions give the true signals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from error_causes import error_shares, r_peaks
from lead_errors import lead_errors, page_db, page_shares
from loss_by_stage import ideal_leads, round_trip
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


def translate(mesh: Mesh, along_mm: float, down_mm: float = 0.0) -> Mesh:
    """Return the mesh with another origin."""
    return replace(mesh, origin_mm=(mesh.origin_mm[0] + along_mm, mesh.origin_mm[1] + down_mm))


def test_all_true_stages_give_the_true_signals(truth: PageTruth) -> None:
    assert page_db(lead_errors(truth, round_trip(truth, true_mesh(truth)))) >= 30


@pytest.mark.parametrize("along_mm", [0.025, 0.1])
def test_half_a_column_and_two_columns_cost_accuracy(truth: PageTruth, along_mm: float) -> None:
    exact = page_db(lead_errors(truth, round_trip(truth, true_mesh(truth))))
    off = page_db(lead_errors(truth, round_trip(truth, translate(true_mesh(truth), along_mm))))
    # The alignment of the metric removes whole samples, except for those shifted in, but not half a sample.
    assert off < exact - 10
    assert along_mm != 0.025 or off < 30


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_truth_is_mapped_to_a_mesh_with_another_origin_in_a_turned_image(
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
    mesh = translate(true_mesh(truth), -35.01, 60.3)
    curves = curves_on_mesh(turned, mesh, turns)
    layout = layout_on_mesh(turned, curves)
    assert layout.rows[0].start_mm == pytest.approx(truth.layout.rows[0].start_mm - 35.01, abs=2e-3)
    assert page_db(lead_errors(turned, ideal_leads(layout, curves, mesh))) >= 30


def test_errors_are_split_by_cause() -> None:
    time = np.arange(1250) / 500
    mv = np.exp(-0.5 * ((time[:, None] - np.array([0.4, 1.2, 2.0])) / 0.012) ** 2).sum(1)
    peaks = r_peaks({"I": (2.5, mv), "II": (2.5, -2 * mv)}, 500.0)
    assert peaks["I"] == pytest.approx([200, 600, 1000], abs=1)
    assert peaks["II"] == pytest.approx([200, 600, 1000], abs=1)
    error = np.zeros(1250)
    error[[600 + 29, 5, 1245, 300]] = 1.0
    shares = error_shares(error, peaks["I"], 500.0)
    assert shares == pytest.approx({"peaks": 0.25, "ends": 0.5, "rest": 0.25})


def test_page_without_leads_has_0_db_and_shares_of_the_signal(truth: PageTruth) -> None:
    errors = lead_errors(truth, {})
    assert page_db(errors) == pytest.approx(0.0)
    assert sum(page_shares(errors).values()) == pytest.approx(1.0)
