"""Tests of the refinement of a rough mesh by minor lines."""

from __future__ import annotations

import cv2
import numpy as np

from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.minor_grid import refine_with_minor_lines

PX = 7.9
ANGLE = 0.01


def true_px(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    x = 30 + PX * (np.cos(ANGLE) * u - np.sin(ANGLE) * v)
    return np.stack([x, 20 + PX * (np.sin(ANGLE) * u + np.cos(ANGLE) * v)], -1)


def draw_image(lines: bool) -> np.ndarray:
    image = np.full((1300, 1900, 3), 250, np.uint8)
    for k in range(241 if lines else 0):
        for a, b in (((k, 0), (k, 150)), ((0, k), (240, k))):
            if max(a[1], b[1]) <= 150:
                ends = [
                    np.round(true_px(np.array(float(end[0])), np.array(float(end[1]))) * 16).astype(int)
                    for end in (a, b)
                ]
                cv2.line(image, ends[0].tolist(), ends[1].tolist(), (90, 90, 200), 2, cv2.LINE_AA, 4)
    cv2.putText(image, "25 mm/s 10 mm/mV", (300, 600), 0, 2, (0, 0, 0), 3)
    return image


def rough_mesh() -> Mesh:
    """Return a mesh that is 2 % too large, rotated by 0.2 degrees and shifted."""
    v, u = np.mgrid[0:150:5, 0:240:5].astype(float)
    nodes = true_px(1.02 * u + 0.004 * v + 0.3, 1.02 * v - 0.004 * u + 0.2)
    return Mesh(nodes.astype(np.float32), (0.0, 0.0), float("nan"), 0.0)


def test_lines_are_moved_to_whole_millimetres() -> None:
    mesh = refine_with_minor_lines(rough_mesh(), draw_image(lines=True))
    assert mesh.residual_px > 0
    u, v = np.meshgrid(np.arange(20.0, 200, 10), np.arange(20.0, 130, 10))
    x, y = np.moveaxis(true_px(u, v), -1, 0)
    measured_u, measured_v = mesh.mm_from_pixels(x + 0.5, y + 0.5)  # OpenCV counts pixel centres from 0
    for error in (measured_u - u, measured_v - v):
        assert np.abs(error - np.round(np.median(error))).max() < 0.02


def test_a_mesh_without_lines_is_unchanged() -> None:
    mesh = rough_mesh()
    assert refine_with_minor_lines(mesh, draw_image(lines=False)) is mesh
