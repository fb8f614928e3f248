"""Pages on disk as a training stream: shuffled, endless, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_rt.errors import TrainingPagesMissing

Sample = dict[str, NDArray[np.generic]]
PageSampler = Callable[[NDArray[np.uint8], PageTruth, np.random.Generator], Iterator[Sample]]
Sampler = Callable[[Path, np.random.Generator], Iterator[Sample]]
"""What a file teaches: several samples of it, by chance."""

Batch = dict[str, torch.Tensor]

_LEAST_PER_HELD_OUT = 4


def pages_with_truth(folder: Path) -> list[Path]:
    """The truths (NAME.npz, with NAME.jpg beside it) of a folder that `synth` or `label` wrote, by name.

    Raises TrainingPagesMissing where there is none.
    """
    truths = sorted(path for path in folder.glob("*.npz") if path.with_suffix(".jpg").is_file())
    if not truths:
        raise TrainingPagesMissing(folder)
    return truths


def held_out(truths: Sequence[Path], count: int) -> tuple[list[Path], list[Path]]:
    """Pages to train on, and at most `count` and a quarter of all to measure on.

    Which, a page's name alone decides, so that they stay out when the folder grows.
    """
    by_chance = sorted(truths, key=lambda path: sha256(path.stem.encode()).digest())
    kept = set(by_chance[: min(count, len(truths) // _LEAST_PER_HELD_OUT)])
    return [path for path in truths if path not in kept], sorted(kept)


def page_and_truth(path: Path) -> tuple[NDArray[np.uint8], PageTruth]:
    """A page's picture (height, width, 3) RGB and its truth. Raises OSError for a picture that is broken."""
    image = cv2.imread(str(path.with_suffix(".jpg")), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f"{path.with_suffix('.jpg')} is missing or broken beside its truth")
    return np.ascontiguousarray(image[..., ::-1], np.uint8), load_truth(path)


@dataclass(frozen=True, slots=True)
class FromPage:
    """A `Sampler` of pages with truth: `sampler` takes what `page_and_truth` gives."""

    sampler: PageSampler

    def __call__(self, path: Path, rng: np.random.Generator) -> Iterator[Sample]:
        return self.sampler(*page_and_truth(path), rng)


class PageStream(IterableDataset[Batch]):
    """Endless batches of one stage.

    Each page is read once and asked for several samples; a buffer mixes the samples of many pages.
    The samples of a batch have one shape: each shape has a buffer of its own, and its batch is as large
    as `batch_px` pixels allow, so that every step costs about the same. `seed` and the loader's workers
    decide everything.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sampler: Sampler,
        batch_px: int,
        seed: tuple[int, ...],
        buffer: int = 64,
    ) -> None:
        super().__init__()
        self._paths, self._sampler, self._batch_px = paths, sampler, batch_px
        self._seed, self._buffer = seed, buffer

    def _samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        while True:
            for index in rng.permutation(len(self._paths)):
                yield from self._sampler(self._paths[index], rng)

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng((*self._seed, worker.id if worker else 0))
        pools: dict[tuple[int, ...], list[Sample]] = {}
        for sample in self._samples(rng):
            pool = pools.setdefault(sample["pixels"].shape, [])
            pool.append(sample)
            height, width = sample["pixels"].shape[:2]
            batch = max(1, round(self._batch_px / (height * width)))
            if len(pool) == self._buffer + batch:
                picked = [pool.pop(int(rng.integers(len(pool)))) for _ in range(batch)]
                yield {key: torch.as_tensor(np.stack([one[key] for one in picked])) for key in sample}
