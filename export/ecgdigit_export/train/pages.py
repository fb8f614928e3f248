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
    """Endless samples of one stage from a folder that `synth` wrote; the folder may grow meanwhile.

    Each page is decoded once and asked for several samples; a buffer mixes the samples of many pages.
    """

    def __init__(self, folder: Path, sampler: Sampler, seed: int, buffer: int = 96) -> None:
        super().__init__()
        self.folder = folder
        self.sampler = sampler
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
        pool: list[Sample] = []
        for sample in self._samples(rng):
            if len(pool) < self.buffer:
                pool.append(sample)
                continue
            slot = int(rng.integers(self.buffer))
            sample, pool[slot] = pool[slot], sample
            yield {key: torch.as_tensor(value) for key, value in sample.items()}
