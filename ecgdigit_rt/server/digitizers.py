"""Digitizers of the service: one per set of request options. All of them share the opened networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ecgdigit_engine.stage_opener import StageOpener
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.results import PageRef

_MAX_DIGITIZERS = 32
"""Maximum number of cached digitizers. Hand-picked, not tuned. Each keeps the model files in memory: 3.9 MB
for `lite`."""

_BLANK_PX = 320
"""Side of the blank page that is digitized to load the models. Hand-picked, not tuned."""


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Options of one request.

    A layout, speed or gain of None is detected on the page. If `min_quality_db` is None, pages of any
    expected quality are accepted. If `is_strict`, doubtful pages are rejected.
    """

    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None
    min_quality_db: float | None = None
    is_strict: bool = False


class Digitizers:
    """Cache of digitizers by request options.

    `get` returns the digitizer for a `RequestOptions`. `default` is the digitizer for the default options.
    The constructor creates this digitizer and therefore raises what `Digitizer` raises. `opener` must return
    the same runner for equal requests (see `share_runners`), so that all digitizers use the same networks.
    """

    def __init__(self, opener: StageOpener, models: str, threads: int) -> None:
        self._models, self._threads, self._opener = models, threads, opener
        self.get: Callable[[RequestOptions], Digitizer] = lru_cache(_MAX_DIGITIZERS)(self._create)
        self.default = self.get(RequestOptions())

    def _create(self, options: RequestOptions) -> Digitizer:
        return Digitizer(
            self._models,
            self._threads,
            layout=options.layout,
            speed_mm_s=options.speed_mm_s,
            gain_mm_mv=options.gain_mm_mv,
            min_quality_db=options.min_quality_db,
            strict=options.is_strict,
            opener=self._opener,
        )

    def load_models(self) -> None:
        """Open the networks by digitizing a blank page, so that the first request does not wait for this."""
        blank = np.full((_BLANK_PX, _BLANK_PX, 3), 255, np.uint8)
        try:
            self.default.digitize_image(blank, PageRef(Path("blank")))
        except PageError:
            return
