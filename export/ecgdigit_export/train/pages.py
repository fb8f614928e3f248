"""Pages on disk as a training stream: shuffled, endless, split over loader workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import IterableDataset, get_worker_info

from ecgdigit_export.synth.truth import PageTruth, load_truth

Sample = dict[str, NDArray[np.generic]]
Sampler = Callable[[NDArray[np.uint8], PageTruth, np.random.Generator], Iterator[Sample]]


class PageStream(IterableDataset[dict[str, torch.Tensor]]):
    """Endless batches of one stage from a folder that `synth` wrote; the folder may grow meanwhile.

    Each page is decoded once and asked for several samples; a buffer mixes the samples of many pages.
    The samples of a batch have one shape: each shape has a buffer of its own, and its batch is as large
    as `batch_px` pixels allow, so that every step costs about the same.
    """

    def __init__(self, folder: Path, sampler: Sampler, batch_px: int, seed: int, buffer: int = 96) -> None:
        super().__init__()
        self.folder = folder
        self.sampler = sampler
        self.batch_px = batch_px
        self.seed = seed
        self.buffer = buffer

    def _samples(self, rng: np.random.Generator) -> Iterator[Sample]:
        while True:
            truths = sorted(self.folder.glob("*.npz"))
            if not truths:
                raise FileNotFoundError(f"no pages in {self.folder}: write some with `ecgdigit-rt synth`")
            for index in rng.permutation(len(truths))[:256]:
                path = truths[index]
                image = cv2.imread(str(path.with_suffix(".jpg")), cv2.IMREAD_COLOR)
                if image is None:
                    raise OSError(f"{path.with_suffix('.jpg')} is missing or broken beside its truth")
                rgb = np.ascontiguousarray(image[..., ::-1], np.uint8)
                yield from self.sampler(rgb, load_truth(path), rng)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        cv2.setNumThreads(1)
        rng = np.random.default_rng((self.seed, worker.id if worker else 0))
        pools: dict[tuple[int, ...], list[Sample]] = {}
        for sample in self._samples(rng):
            pool = pools.setdefault(sample["pixels"].shape, [])
            pool.append(sample)
            height, width = sample["pixels"].shape[:2]
            batch = max(1, round(self.batch_px / (height * width)))
            if len(pool) == self.buffer + batch:
                picked = [pool.pop(int(rng.integers(len(pool)))) for _ in range(batch)]
                yield {key: torch.as_tensor(np.stack([one[key] for one in picked])) for key in sample}
