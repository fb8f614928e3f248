"""`phase_fold` as its formulas read, in NumPy; the tests compare the kernels with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.phase_fold import BOX, FoldedPhase


def fold_phase_reference(field: NDArray[np.complex64]) -> FoldedPhase:
    """Neighbours' products summed over blocks and averaged; four pixels turned onto the block's centre."""
    rows, columns = field.shape[0] // 2, field.shape[1] // 2
    whole = field[: 2 * rows, : 2 * columns].astype(np.complex128)
    along, agree_along = _mean_step(np.pad(whole[:, 1:] * whole[:, :-1].conj(), ((0, 0), (0, 1))))
    down, agree_down = _mean_step(np.pad(whole[1:] * whole[:-1].conj(), ((0, 1), (0, 0))))
    off = np.array([-0.5, 0.5])
    back = down[..., None, None] * off[:, None] + along[..., None, None] * off
    folded = (_blocks(whole) * np.exp(-2j * np.pi * back)).mean((2, 3))
    parts = (
        np.angle(folded) / (2 * np.pi),
        np.minimum(np.abs(folded), 1),
        2 * along,
        2 * down,
        np.minimum(agree_along, agree_down),
    )
    return FoldedPhase(*(part.astype(np.float32) for part in parts))


def _blocks(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Two by two pixels: block row, block column, row, column."""
    rows, columns = values.shape[0] // 2, values.shape[1] // 2
    return values.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3)


def _mean_step(products: NDArray[np.complex128]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The averaged product's angle in periods, and its length against that of its parts."""
    sums = _blocks(products).sum((2, 3))
    lengths = np.abs(_blocks(products)).sum((2, 3))
    mean = _blurred(sums.real) + 1j * _blurred(sums.imag)
    return np.angle(mean) / (2 * np.pi), np.abs(mean) / (_blurred(lengths) + 1e-9)


def _blurred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.blur(values, (BOX, BOX), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64)
