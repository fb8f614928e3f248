"""Residuals of Einthoven's and Goldberger's equations, and their optional correction."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ecgdigit_rt.results import Lead
from ecgdigit_rt.tracing.lead_relations import enforce_einthoven, repeat_difference_mv, residuals

RATE = 500.0


def lead(name: str, mv: np.ndarray, start_s: float = 0.0) -> Lead:
    return Lead(name, mv.astype(np.float32), RATE, start_s, 1.0, np.zeros((mv.size, 2), np.float32))


def limb_leads() -> dict[str, Lead]:
    """Return I and III for 2.5 s, the augmented leads for the next 2.5 s, and II for ten seconds."""
    t = np.arange(5000) / RATE
    i, ii = np.sin(7 * t), 1.3 * np.sin(7 * t + 0.4) + np.exp(-(((t % 0.8) - 0.4) ** 2) / 2e-4)
    augmented = {"aVR": -(i + ii) / 2, "aVL": i - ii / 2, "aVF": ii - i / 2}
    first, second = slice(0, 1250), slice(1250, 2500)
    leads = {"I": lead("I", i[first]), "II": lead("II", ii), "III": lead("III", (ii - i)[first])}
    return leads | {name: lead(name, mv[second], 2.5) for name, mv in augmented.items()}


def test_true_leads_satisfy_the_relations_of_simultaneous_leads() -> None:
    result = residuals(limb_leads())
    assert set(result) == {"I+III-II", "aVR+aVL+aVF", "aVF-aVR-1.5II"}
    assert all(residual.median_mv < 1e-6 and residual.seconds == 2.5 for residual in result.values())


def test_a_wrong_baseline_is_an_offset() -> None:
    leads = limb_leads()
    leads["III"] = lead("III", leads["III"].mv + 0.2)
    residual = residuals(leads)["I+III-II"]
    assert residual.offset_mv == pytest.approx(0.2, abs=1e-5)
    assert residual.median_mv == pytest.approx(0.2, abs=1e-5)


def test_the_correction_reduces_noise_and_keeps_baselines() -> None:
    rng = np.random.default_rng(0)
    true = limb_leads()
    noisy = {
        n: lead(n, clean.mv + rng.normal(0, 0.03, clean.mv.size), clean.start_s) for n, clean in true.items()
    }
    noisy["I"] = lead("I", noisy["I"].mv + 0.1)
    out = enforce_einthoven(noisy)

    def error(leads: dict[str, Lead]) -> float:
        return float(np.mean([np.std((leads[n].mv - true[n].mv)[:1250]) for n in ("I", "II", "III", "aVL")]))

    assert error(out) < 0.88 * error(noisy)
    assert np.median(out["I"].mv - true["I"].mv) == pytest.approx(0.1, abs=0.01)


def test_leads_that_disagree_are_not_corrected() -> None:
    leads = limb_leads()
    leads["III"] = lead("III", np.roll(leads["III"].mv, 150))
    out = enforce_einthoven(leads)
    assert all(np.array_equal(out[name].mv, leads[name].mv) for name in ("I", "II", "III"))


def test_a_local_error_does_not_spread_to_other_leads() -> None:
    leads = limb_leads()
    wrong = leads["III"].mv.copy()
    wrong[600:660] += 1.0
    leads["III"] = dataclasses.replace(leads["III"], mv=wrong)
    out = enforce_einthoven(leads)
    assert np.abs(out["I"].mv - leads["I"].mv).max() < 0.05


def test_the_two_segments_of_a_lead_are_compared() -> None:
    two = limb_leads()["II"]
    short = lead("II", two.mv[:1250] + 0.3)
    assert repeat_difference_mv([short, two])["II"] == pytest.approx(0, abs=1e-6)
    assert repeat_difference_mv([lead("II", two.mv[100:1350]), two])["II"] > 0.1
    assert repeat_difference_mv([two, lead("V1", two.mv)]) == {}
