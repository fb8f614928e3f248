"""Tests of meshes fitted to synthetic phase fields with a known geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase

Array = NDArray[np.float64]
SCALE = 5.9  # original pixels per field pixel
PERIOD = 5.0  # mm


@dataclass(frozen=True)
class Sheet:
    """Bent sheet in an image, with a closed formula for the paper position of every field pixel in mm.

    px: field pixels per 5 mm at the centre. turn: degrees. tilt: relative depth per half page.
    """

    height: int = 300
    width: int = 384
    px: float = 6.5
    turn: float = 0.0
    tilt: tuple[float, float] = (0.0, 0.0)
    bend_mm: float = 0.0
    crease: float = 0.0

    def mm(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Return paper u, v at field coordinates."""
        t = np.deg2rad(self.turn)
        dx, dy = x - self.width / 2, y - self.height / 2
        half = self.width / 2
        depth = 1 + self.tilt[0] * dx / half + self.tilt[1] * dy / half
        u = (np.cos(t) * dx + np.sin(t) * dy) / self.px * PERIOD / depth
        v = (-np.sin(t) * dx + np.cos(t) * dy) / self.px * PERIOD / depth
        u = u + self.bend_mm * np.sin(v / 60 + 0.5) * np.cos(u / 80)
        v = v + self.bend_mm * np.sin(u / 70)
        kink = np.maximum(u - 20 - 0.2 * v, 0)
        return u + self.crease * kink, v + 0.5 * self.crease * kink

    def fields(self) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        u, v = self.mm(x, y)
        a, b = np.exp(2j * np.pi * u / PERIOD), np.exp(2j * np.pi * v / PERIOD)
        return a.astype(np.complex64), b.astype(np.complex64)

    def errors(self, mesh: Mesh, inset: int = 3, step: float = 1.7) -> Array:
        """Return the absolute errors of u and v in mm at a dense set of positions, (h, w, 2).

        The origin of a mesh is an arbitrary whole period, so the median error is rounded to whole periods and
        subtracted.
        """
        x, y = np.meshgrid(
            np.arange(inset, self.width - inset, step), np.arange(inset, self.height - inset, step)
        )
        measured = np.stack(mesh.mm_from_pixels(x * SCALE, y * SCALE), -1)
        error = measured - np.stack(self.mm(x, y), -1)
        return np.abs(error - PERIOD * np.round(np.nanmedian(error, axis=(0, 1)) / PERIOD))


SHEETS = {
    "flat": Sheet(),
    "turned": Sheet(turn=-20),
    "perspective": Sheet(tilt=(0.15, -0.12), turn=8),
    "bent": Sheet(bend_mm=4, tilt=(0.05, 0.1)),
    "tall": Sheet(height=384, width=300, bend_mm=2, turn=12),
    "fine": Sheet(px=3.6, tilt=(0.05, 0.05)),
    "large": Sheet(px=13.5, bend_mm=2, turn=-9),
}


def noisy(
    fields: tuple[NDArray[np.complex64], NDArray[np.complex64]], sigma: float, seed: int = 0
) -> list[NDArray[np.complex64]]:
    rng = np.random.default_rng(seed)
    return [(f * np.exp(1j * rng.normal(0, sigma, f.shape))).astype(np.complex64) for f in fields]


@pytest.mark.parametrize("name", SHEETS)
def test_clean_fields_give_an_exact_mesh(name: str) -> None:
    mesh = mesh_from_phase(*SHEETS[name].fields(), SCALE)
    # The prior on curvature flattens a strong bend slightly, even without hidden areas.
    assert SHEETS[name].errors(mesh).max() < (0.035 if SHEETS[name].bend_mm else 0.01)
    assert mesh.coverage > 0.6


@pytest.mark.parametrize("name", SHEETS)
def test_noise_is_averaged(name: str) -> None:
    a, b = noisy(SHEETS[name].fields(), 0.3)
    errors = SHEETS[name].errors(mesh_from_phase(a, b, SCALE))
    assert np.quantile(errors, 0.95) < 0.12
    assert errors.max() < 0.5


@pytest.mark.parametrize("name", ["turned", "perspective", "bent", "tall"])
@pytest.mark.parametrize("hidden", ["middle", "right", "patches"])
def test_a_hidden_third_is_interpolated(name: str, hidden: str) -> None:
    sheet = SHEETS[name]
    a, b = noisy(sheet.fields(), 0.2, seed=5)
    h, w = a.shape
    rng = np.random.default_rng(8)
    noise = (0.05 * (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape))).astype(np.complex64)
    mask = np.zeros(a.shape, bool)
    if hidden == "middle":
        mask[:, w // 3 : 2 * w // 3] = True
    elif hidden == "right":
        mask[:, 2 * w // 3 :] = True
    else:
        for _ in range(14):
            i, j = rng.integers(0, h - 60), rng.integers(0, w - 60)
            mask[i : i + 60, j : j + 60] = True
    a, b = np.where(mask, noise, a), np.where(mask, noise, b)
    errors = sheet.errors(mesh_from_phase(a, b, SCALE))
    i = np.arange(3, h - 3, 1.7).astype(int)
    j = np.arange(3, w - 3, 1.7).astype(int)
    visible = errors[~mask[np.ix_(i, j)]]
    assert np.quantile(visible, 0.95) < 0.1
    # A bend beyond the data is extrapolated, and a gap of 10 cm is nearly as uncertain.
    gap = 1.0 if sheet.bend_mm else 0.3
    limit = {"middle": gap, "right": 6.0, "patches": 0.3}[hidden]
    assert np.quantile(errors, 0.99) < limit


def test_a_crease_stays_sharp() -> None:
    sheet = Sheet(crease=0.06, turn=5)
    errors = sheet.errors(mesh_from_phase(*sheet.fields(), SCALE))
    assert errors.max() < 0.12
    assert np.quantile(errors, 0.95) < 0.03


def test_a_second_page_and_a_wrong_period_are_ignored() -> None:
    sheet = SHEETS["perspective"]
    a, b = noisy(sheet.fields(), 0.15)
    other = replace(sheet, turn=25, px=8).fields()
    half = replace(sheet, px=sheet.px * 0.75).fields()
    a[:, 330:], b[:, 330:] = other[0][:, 330:], other[1][:, 330:]
    a[100:150, 100:150], b[100:150, 100:150] = (f[100:150, 100:150] for f in half)
    errors = sheet.errors(mesh_from_phase(a, b, SCALE))
    i = np.arange(3, 297, 1.7)
    j = np.arange(3, 381, 1.7)
    page = errors[:, j < 322]
    spot = (i[:, None] > 95) & (i[:, None] < 155) & (j > 95) & (j < 155)
    assert np.quantile(page, 0.98) < 0.1
    assert errors[spot].max() < 0.5


def test_one_direction_may_be_faint() -> None:
    sheet = SHEETS["bent"]
    a, b = noisy(sheet.fields(), 0.2)
    a[60:180, 60:210] *= 0.02
    b[150:250, 220:320] *= 0.02
    errors = sheet.errors(mesh_from_phase(a, b, SCALE))
    assert np.quantile(errors, 0.98) < 0.15


def test_conversions_are_inverse() -> None:
    mesh = mesh_from_phase(*SHEETS["bent"].fields(), SCALE)
    u, v = np.meshgrid(np.linspace(0, 150, 7), np.linspace(0, 100, 5))
    back = mesh.mm_from_pixels(*mesh.pixels_from_mm(u, v))
    np.testing.assert_allclose(back, [u, v], atol=1e-6)


@pytest.mark.parametrize("kind", ["noise", "empty", "speck", "mirrored", "tiny"])
def test_fields_without_a_grid_raise(kind: str) -> None:
    rng = np.random.default_rng(0)
    a, b = SHEETS["flat"].fields()
    if kind == "noise":
        a, b = (np.exp(2j * np.pi * rng.random((2, *a.shape)))).astype(np.complex64)
    elif kind == "empty":
        a, b = np.zeros_like(a), np.zeros_like(b)
    elif kind == "speck":
        speck = np.zeros(a.shape, bool)
        speck[50:65, 50:65] = True
        a, b = np.where(speck, a, 0), np.where(speck, b, 0)
    elif kind == "mirrored":
        a = np.ascontiguousarray(a[:, ::-1])
    else:
        a, b = a[:5, :5], b[:5, :5]
    with pytest.raises(NoGridFound):
        mesh_from_phase(a, b, SCALE)
