"""Maps for `cv2.remap` that sample a rectangle on paper through a bilinear lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_kernels.jit import kernel

Float = NDArray[np.float32]


@kernel
def _fill(
    nodes: Float, gx0: float, gy0: float, gx_step: float, gy_step: float, map_x: Float, map_y: Float
) -> None:
    rows, columns, _ = nodes.shape
    for r in range(map_x.shape[0]):
        gy = gy0 + (r + 0.5) * gy_step
        i = min(max(int(np.floor(gy)), 0), rows - 2)
        fy = gy - i
        for c in range(map_x.shape[1]):
            gx = gx0 + (c + 0.5) * gx_step
            j = min(max(int(np.floor(gx)), 0), columns - 2)
            fx = gx - j
            for axis in range(2):
                top = nodes[i, j, axis] * (1 - fx) + nodes[i, j + 1, axis] * fx
                bottom = nodes[i + 1, j, axis] * (1 - fx) + nodes[i + 1, j + 1, axis] * fx
                value = top * (1 - fy) + bottom * fy - 0.5
                if axis == 0:
                    map_x[r, c] = value
                else:
                    map_y[r, c] = value


def paper_maps(
    nodes: Float,
    origin_mm: tuple[float, float],
    step_mm: float,
    corner_mm: tuple[float, float],
    pixel_mm: tuple[float, float],
    shape: tuple[int, int],
) -> tuple[Float, Float]:
    """Return `cv2.remap` maps (x, y) that sample a paper rectangle as an image of `shape` (rows, columns).

    `nodes` is (rows, columns, 2) float32, image x and y of the lattice nodes. `origin_mm` is the paper
    position of the first node, and `step_mm` the distance between nodes. `corner_mm` is the top left corner
    of the rectangle on the paper, and `pixel_mm` the width and height on paper of a pixel of the result.
    Samples are taken at the centres of these pixels. In the maps, the centre of image pixel i is at i, as in
    OpenCV.
    """
    map_x, map_y = np.empty(shape, np.float32), np.empty(shape, np.float32)
    gx0, gy0 = (corner_mm[0] - origin_mm[0]) / step_mm, (corner_mm[1] - origin_mm[1]) / step_mm
    _fill(
        np.ascontiguousarray(nodes, np.float32),
        gx0,
        gy0,
        pixel_mm[0] / step_mm,
        pixel_mm[1] / step_mm,
        map_x,
        map_y,
    )
    return map_x, map_y
