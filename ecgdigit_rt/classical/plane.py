"""A mesh of a sheet that lay flat, made plane.

Phases by demodulation are some hundredths of a period off near ink, and a surface follows that. Whether a
sheet is flat shows better where the phase is averaged over several periods: a bend stays, the rest goes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ecgdigit_rt.geometry.homography import apply_homography, fit_homography
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import MARGIN

_FLAT_MM = 0.2  # root mean square: 0.12 at most on flat sheets, 0.4 and more on bent ones


def is_plane(mesh: Mesh, within_mm: float = _FLAT_MM) -> bool:
    """Whether a homography goes through all nodes that stand on data, to `within_mm`."""
    inner = _inner(mesh)
    miss = (made_plane(mesh).pixels - mesh.pixels)[inner]
    middle = [(mesh.extent_mm[k] + mesh.extent_mm[k + 2]) / 2 for k in range(2)]
    px_per_mm = mesh.px_per_mm(middle[0], middle[1])[0]
    return bool(np.sqrt((miss**2).sum(-1).mean()) < within_mm * px_per_mm)


def made_plane(mesh: Mesh) -> Mesh:
    """The mesh of the homography that fits its nodes best."""
    inner = _inner(mesh)
    rows, columns = mesh.pixels.shape[:2]
    places = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float64)
    seen = mesh.pixels[inner].reshape(-1, 2).astype(np.float64)
    # From pixels to nodes: the fit's priors are meant for targets that count periods.
    matrix = fit_homography(seen, places[inner].reshape(-1, 2), np.ones(len(seen)))
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    return dataclasses.replace(mesh, pixels=apply_homography(back, places).astype(np.float32))


def _inner(mesh: Mesh) -> tuple[slice, slice]:
    """The nodes within the margins that every mesh has beyond the grid that was seen."""
    rows, columns = mesh.pixels.shape[:2]
    return slice(MARGIN, rows - MARGIN), slice(MARGIN, columns - MARGIN)
