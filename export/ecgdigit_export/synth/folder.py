"""Folders of synthetic pages with truth, written by several processes, and their contact sheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.page import synthetic_page
from ecgdigit_export.synth.recordings import Recordings, open_recordings
from ecgdigit_export.synth.signals import simulated_recording
from ecgdigit_export.synth.truth import save_truth

_recordings: Recordings | None = None


def _start_worker(signals: Path | None) -> None:
    global _recordings
    cv2.setNumThreads(1)
    _recordings = open_recordings(signals) if signals else None


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """Options of synthesis.

    `kind` and `layout` apply to all pages. If one of them is None, it is selected at random for each page.
    If `turn`, some pages are rotated by 90, 180 or 270 degrees.
    """

    kind: str | None = None
    layout: str | None = None
    turn: bool = False


def _write_page(job: tuple[int, int, Path, SynthesisRequest]) -> str:
    index, seed, folder, request = job
    rng = np.random.default_rng((seed, index))
    signals = (
        simulated_recording(rng) if _recordings is None else _recordings[int(rng.integers(len(_recordings)))]
    )
    page = synthetic_page(signals, rng, kind=request.kind, layout=request.layout, turn=request.turn)
    name = f"{index:06d}_{page.truth.kind}"
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        96,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    cv2.imwrite(str(folder / f"{name}.jpg"), page.image[..., ::-1], options)
    save_truth(page.truth, folder / f"{name}.npz")  # written last, so that a page with truth is complete
    return name


def write_pages(
    folder: Path,
    count: int,
    *,
    signals: Path | None = None,
    seed: int = 0,
    first: int = 0,
    request: SynthesisRequest = SynthesisRequest(),
    processes: int = 2,
) -> Iterator[str]:
    """Write pages `first` to `first + count - 1` as NAME.jpg and NAME.npz, and yield their names.

    A page depends only on the recordings, `seed`, `request` and its index, so that a folder can be extended
    later or written by several machines. `signals` is a path for `open_recordings`. If it is None, recordings
    are simulated. Raises the errors of `open_recordings`.
    """
    if signals is not None:
        open_recordings(signals)  # raise errors here instead of in every worker
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(i, seed, folder, request) for i in range(first, first + count)]
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start_worker, (signals,)) as pool:
        yield from pool.map(_write_page, jobs, chunksize=4)


def contact_sheet(folder: Path, columns: int = 4, tile: int = 640, max_pages: int = 24) -> NDArray[np.uint8]:
    """Return an image of the first pages of a folder, (height, width, 3) uint8 BGR."""
    tiles = []
    for path in sorted(folder.glob("*.jpg"))[:max_pages]:
        image = cv2.imread(str(path))
        if image is None:
            continue
        scale = tile / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        canvas = np.full((tile * 3 // 4, tile, 3), 48, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small[: canvas.shape[0]]
        cv2.putText(
            canvas, path.stem, (8, canvas.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 220), 2
        )
        tiles.append(canvas)
    while len(tiles) % columns or not tiles:
        tiles.append(np.full((tile * 3 // 4, tile, 3), 48, np.uint8))
    rows: Sequence[NDArray[np.uint8]] = [
        np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)
    ]
    return np.ascontiguousarray(np.vstack(rows))


def write_contact_sheet(folder: Path) -> Path:
    """Write FOLDER-contact-sheet.png and return its path.

    The file is written next to the folder, because all images in the folder are pages.
    """
    path = folder.with_name(f"{folder.name}-contact-sheet.png")
    cv2.imwrite(str(path), contact_sheet(folder))
    return path
