"""NumPy reference of `fold_phase`. The tests compare the kernel with it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.phase_fold import BOX, FoldedPhase


def fold_phase_reference(field: NDArray[np.complex64]) -> FoldedPhase:
    """Return the folded field: the four pixels of each block are rotated to its centre and averaged."""
    rows, columns = field.shape[0] // 2, field.shape[1] // 2
    whole = field[: 2 * rows, : 2 * columns].astype(np.complex128)
    step_x, agree_x = _mean_step(np.pad(whole[:, 1:] * whole[:, :-1].conj(), ((0, 0), (0, 1))))
    step_y, agree_y = _mean_step(np.pad(whole[1:] * whole[:-1].conj(), ((0, 1), (0, 0))))
    off = np.array([-0.5, 0.5])
    back = step_y[..., None, None] * off[:, None] + step_x[..., None, None] * off
    folded = (_blocks(whole) * np.exp(-2j * np.pi * back)).mean((2, 3))
    parts = (
        np.angle(folded) / (2 * np.pi),
        np.minimum(np.abs(folded), 1),
        2 * step_x,
        2 * step_y,
        np.minimum(agree_x, agree_y),
    )
    return FoldedPhase(*(part.astype(np.float32) for part in parts))


def _blocks(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the 2 x 2 blocks, indexed by block row, block column, row and column."""
    rows, columns = values.shape[0] // 2, values.shape[1] // 2
    return values.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3)


def _mean_step(products: NDArray[np.complex128]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the angle of the averaged product in periods, and its magnitude relative to the mean one."""
    sums = _blocks(products).sum((2, 3))
    lengths = np.abs(_blocks(products)).sum((2, 3))
    mean = _blur(sums.real) + 1j * _blur(sums.imag)
    return np.angle(mean) / (2 * np.pi), np.abs(mean) / (_blur(lengths) + 1e-9)


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred = cv2.blur(values, (BOX, BOX), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float64)
