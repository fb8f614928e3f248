"""The grid's phase over the picture by demodulation, in place of what stage 1 sees.

Multiplied by its carrier and averaged over about one period, a picture of lines becomes the phase of the
grid there. From that the mesh follows in the same way as from the network's phase.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.carrier import Wave, carriers
from ecgdigit_rt.classical.plane import is_plane, made_plane
from ecgdigit_rt.errors import NoGridFound
from ecgdigit_rt.geometry.ink_mask import mask_near_ink
from ecgdigit_rt.geometry.locate_stage import stage1_view
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase

_CELL_PX = 4
_INK_REACH_PX = 5
_LEAST_SEEN = 0.5
_AROUND_PX = 61
_CLIP = 2.0  # times the lines' usual contrast: so that a dark line tells no more than many pale ones
_AVERAGED = 0.8  # periods, a Gaussian's sigma: the fundamental passes, its neighbours do not
_FLAT_AVERAGED = 2.5  # periods, to see whether a sheet is flat
_NO_BEND_MM = 0.005
_USUAL = 0.7  # quantile of strength that counts as a clear grid


def grid_mesh(image: NDArray[np.uint8]) -> Mesh:
    """The mesh of the grid in a picture (height, width, 3) uint8; a plane where the sheet lay flat.

    Raises NoGridFound.
    """
    view, factor = stage1_view(image)
    lines, seen = _lines(view)
    waves = carriers(lines)

    def mesh(averaged: float) -> Mesh:
        sigma = averaged * waves.period_px / _CELL_PX
        fields = [_phase(lines, seen, wave, sigma) for wave in (waves.along, waves.down)]
        return mesh_from_phase(fields[0], fields[1], factor * _CELL_PX)

    fine = mesh(_AVERAGED)
    if is_plane(fine, _NO_BEND_MM):
        return fine
    try:
        flat = is_plane(mesh(_FLAT_AVERAGED))
    except NoGridFound:  # bent by more than half a period over so much
        flat = False
    return made_plane(fine) if flat else fine


def _lines(view: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The grid's lines (bright) with ink blotted out, and where they were seen (1) or not (0).

    Coloured lines are dark in one channel at least, so the darkest channel shows lines of any colour.
    """
    seen = 1 - mask_near_ink(view, 1, _INK_REACH_PX).astype(np.float32)
    if seen.mean() < _LEAST_SEEN:  # it is the grid itself that is dark
        seen[:] = 1
    dark = 255 - view.min(2).astype(np.float32)
    box = (_AROUND_PX, _AROUND_PX)
    share = cv2.blur(seen, box)
    dark = (dark - cv2.blur(dark * seen, box) / np.maximum(share, 1e-3)) * seen
    limit = _CLIP * float(np.percentile(np.abs(dark[::3, ::3]), 90))
    return np.clip(dark, -limit, limit), seen


def _phase(
    lines: NDArray[np.float32], seen: NDArray[np.float32], wave: Wave, sigma: float
) -> NDArray[np.complex64]:
    """exp(2πi·count of periods) times confidence in cells of `_CELL_PX`, complex64 (rows, columns).

    sigma: of the Gaussian over which it is averaged, in cells.
    """
    height, width = (-(-side // _CELL_PX) for side in lines.shape)
    pad = (0, height * _CELL_PX - lines.shape[0], 0, width * _CELL_PX - lines.shape[1])
    turns = [2 * np.pi * wave[k] * (np.arange(lines.shape[1 - k]) + 0.5) for k in range(2)]
    carrier = np.exp(-1j * turns[1])[:, None] * np.exp(-1j * turns[0])[None, :]

    def averaged(picture: NDArray[np.floating]) -> NDArray[np.float32]:
        whole = cv2.copyMakeBorder(picture.astype(np.float32), *pad, cv2.BORDER_CONSTANT)
        cells = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.GaussianBlur(cells, (0, 0), sigma), np.float32)

    still = averaged(lines * carrier.real) + 1j * averaged(lines * carrier.imag)
    still /= np.maximum(averaged(seen), 0.1)
    x, y = (np.arange(count) * _CELL_PX + _CELL_PX / 2 for count in (width, height))
    back = np.exp(2j * np.pi * wave[1] * y)[:, None] * np.exp(2j * np.pi * wave[0] * x)[None, :]
    strength = np.abs(still)
    usual = max(float(np.quantile(strength[::3, ::3], _USUAL)), 1e-9)
    rho = np.minimum(strength / usual, 1) * np.minimum(averaged(seen), 1)
    return np.asarray(back * still / np.maximum(strength, 1e-9) * rho, np.complex64)
