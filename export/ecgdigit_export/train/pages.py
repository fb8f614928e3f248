"""Training pages on disk, and endless streams of batches of their samples."""

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

from ecgdigit_export.synth.folder import SynthesisRequest, write_pages
from ecgdigit_export.synth.truth import PageTruth, load_truth
from ecgdigit_export.train.settings import TrainSettings
from ecgdigit_rt.errors import TrainingPagesMissing

Sample = dict[str, NDArray[np.generic]]
PageSampler = Callable[[NDArray[np.uint8], PageTruth, np.random.Generator], Iterator[Sample]]
Sampler = Callable[[Path, np.random.Generator], Iterator[Sample]]
"""Function that yields several random samples of the page that a file contains."""

Batch = dict[str, torch.Tensor]

# Minimum number of pages per held-out page. Hand-picked, not tuned.
_MIN_PAGES_PER_HELD_OUT = 4


def pages_with_truth(folder: Path) -> list[Path]:
    """Return the sorted truth files of a folder that `synth` or `label` wrote.

    A truth file is NAME.npz with an image NAME.jpg. Raises TrainingPagesMissing if there are none.
    """
    truths = sorted(path for path in folder.glob("*.npz") if path.with_suffix(".jpg").is_file())
    if not truths:
        raise TrainingPagesMissing(folder)
    return truths


def split_held_out(truths: Sequence[Path], count: int) -> tuple[list[Path], list[Path]]:
    """Return the training pages and the held-out pages.

    At most `count` pages, and at most a quarter of all pages, are held out. They are selected by the digest
    of their names, so that most of them remain held out if pages are added.
    """
    shuffled = sorted(truths, key=lambda path: sha256(path.stem.encode()).digest())
    held_out = set(shuffled[: min(count, len(truths) // _MIN_PAGES_PER_HELD_OUT)])
    return [path for path in truths if path not in held_out], sorted(held_out)


def load_page(path: Path) -> tuple[NDArray[np.uint8], PageTruth]:
    """Return the image of a page, (height, width, 3) uint8 RGB, and its truth.

    Raises OSError if the image is missing or damaged.
    """
    image = cv2.imread(str(path.with_suffix(".jpg")), cv2.IMREAD_COLOR)
    if image is None:
        raise OSError(f"{path.with_suffix('.jpg')} is missing or damaged, but its truth exists")
    return np.ascontiguousarray(image[..., ::-1], np.uint8), load_truth(path)


@dataclass(frozen=True, slots=True)
class PageFileSampler:
    """A `Sampler` that loads the page of a truth file and passes it to a `PageSampler`."""

    sampler: PageSampler

    def __call__(self, path: Path, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield samples of the page of a truth file."""
        return self.sampler(*load_page(path), rng)


class PageStream(IterableDataset[Batch]):
    """Endless stream of batches of one stage.

    Each page that is loaded provides several samples. A buffer shuffles the samples of many pages. There is
    one buffer per shape, so that all samples of a batch have the same shape. The number of samples per batch
    is selected so that each batch contains about `batch_px` pixels and all steps take about the same time.
    The batches depend only on the arguments and the number of workers.
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
                yield {key: torch.as_tensor(np.stack([item[key] for item in picked])) for key in sample}


def ensure_pages(settings: TrainSettings, report: Callable[[str], None]) -> None:
    """Write synthetic pages until the folder contains `settings.synth.count` pages.

    `report` is called with a message before pages are written. If `settings.synth` is None, no pages are
    written.
    """
    synth = settings.synth
    if synth is None:
        return
    existing = len(list(settings.pages.glob("*.npz")))
    if existing >= synth.count:
        return
    first = max((int(path.stem[:6]) + 1 for path in settings.pages.glob("[0-9]" * 6 + "_*.npz")), default=0)
    report(f"drawing  {synth.count - existing} pages in {settings.pages}")
    pages = write_pages(
        settings.pages,
        synth.count - existing,
        signals=synth.signals,
        seed=synth.seed,
        first=first,
        request=SynthesisRequest(synth.kind, synth.layout),
        processes=synth.processes,
    )
    for _ in pages:
        pass
