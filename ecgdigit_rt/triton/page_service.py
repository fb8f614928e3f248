"""Digitization of encoded images inside a Triton server."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from ecgdigit_engine.selection import AUTO, select_backend
from ecgdigit_engine.stage_opener import StageOpener, share_runners
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import DeviceLost, EcgDigitError, RequestMalformed, WorkerDied
from ecgdigit_rt.models import graph_precisions
from ecgdigit_rt.results import Failed, PageRef, Result, failed_from_error

_MAX_DIGITIZERS = 8
"""Maximum number of cached digitizers. Hand-picked, not tuned. Each keeps the model files in memory."""


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Overrides for one image. A value of None is detected on the page."""

    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None

    def check(self) -> None:
        """Raise RequestMalformed if speed (5 to 200 mm/s) or gain (1 to 80 mm/mV) is out of range."""
        _check_range("speed_mm_s", self.speed_mm_s, 5, 200)
        _check_range("gain_mm_mv", self.gain_mm_mv, 1, 80)

    def with_defaults(self, defaults: PageOptions) -> PageOptions:
        """Return these options. Values that are not specified are taken from `defaults`."""
        return PageOptions(
            self.layout or defaults.layout,
            defaults.speed_mm_s if self.speed_mm_s is None else self.speed_mm_s,
            defaults.gain_mm_mv if self.gain_mm_mv is None else self.gain_mm_mv,
        )


def _check_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise RequestMalformed(name, f"{value:g}", f"it must be from {low:g} to {high:g}")


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Encoded image file of a request. `name` identifies it in messages and reports."""

    name: str
    data: bytes = field(repr=False)
    options: PageOptions = field(default_factory=PageOptions)


class PageService:
    """Digitization of requests with one model family.

    - `threads` is the number of CPU threads. With None, `Digitizer` selects it.
    - `defaults` are used for options that an image does not specify.
    - `backend`, `device` and `precision` select the runtime of the networks.
    - `opener` replaces these three settings.

    The attribute `description` names models and device. The constructor raises what `select_backend` and
    `Digitizer` raise, and RequestMalformed if a default is out of range.
    """

    def __init__(
        self,
        models: str = "lite",
        threads: int | None = None,
        defaults: PageOptions = PageOptions(),
        *,
        backend: str = AUTO,
        device: str = AUTO,
        precision: str = AUTO,
        opener: StageOpener | None = None,
    ) -> None:
        self._defaults = defaults
        selected = opener or select_backend(backend, device, precision, graph_precisions(models)).opener()
        shared = share_runners(selected)

        @lru_cache(_MAX_DIGITIZERS)
        def digitizer(options: PageOptions) -> Digitizer:
            options.check()
            return Digitizer(models, threads, opener=shared, **dataclasses.asdict(options))

        self._digitizer = digitizer
        self.description = f"{digitizer(defaults).models}, {digitizer(defaults).device}"

    def results(self, images: Sequence[EncodedImage]) -> Generator[Result]:
        """Yield one result per image, in order. The result of a page that fails is a `Failed`."""
        with tempfile.TemporaryDirectory(prefix="ecgdigit-") as folder:
            files = [Path(folder) / str(index) for index in range(len(images))]
            pairs = zip(images, files, strict=True)
            for options, group in groupby(pairs, lambda pair: pair[0].options.with_defaults(self._defaults)):
                yield from self._group_results(options, list(group))

    def _group_results(
        self, options: PageOptions, group: Sequence[tuple[EncodedImage, Path]]
    ) -> Iterator[Result]:
        """Yield the results of consecutive images with equal options.

        Each image has its own temporary file.
        """
        try:
            digitizer = self._digitizer(options)
        except EcgDigitError as error:
            for image, _ in group:
                yield failed_from_error(PageRef(Path(image.name)), error)
            return
        for image, file in group:
            file.write_bytes(image.data)
        results = digitizer.digitize_many(PageRef(file) for _, file in group)
        done = 0
        try:
            for (image, file), result in zip(group, results, strict=True):
                yield _with_image_name(result, image.name, file)
                done += 1
        except (DeviceLost, WorkerDied) as error:
            for image, _ in group[done:]:
                yield failed_from_error(PageRef(Path(image.name)), error)


def _with_image_name(result: Result, name: str, file: Path) -> Result:
    """Replace the path of the temporary file with the name of the image, also in a failure's message."""
    source = PageRef(Path(name))
    if isinstance(result, Failed):
        message = result.message.replace(str(file), name)
        return dataclasses.replace(result, source=source, message=message)
    return dataclasses.replace(result, source=source)
