"""What a program hands over (paths, pages, arrays) becomes pictures to read, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.array import rgb_from_array
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import InputError
from ecgdigit_rt.results import PageRef

Source = str | Path | PageRef | NDArray[Any]
"""A file, a page of one, or an image array as `rgb_from_array` takes it."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodablePage:
    """One page, and what gives its pixels, (height, width, 3) uint8 RGB. That raises InputError."""

    page: PageRef
    pixels: Callable[[], NDArray[np.uint8]]


def page_from_source(source: Source, number: int = 0, max_pixels: int = MAX_PIXELS) -> DecodablePage:
    """A file's first page, a page, or an array, which is called `array-NUMBER`."""
    if isinstance(source, np.ndarray):
        return DecodablePage(PageRef(Path(f"array-{number}")), partial(rgb_from_array, source, max_pixels))
    page = source if isinstance(source, PageRef) else PageRef(Path(source))
    return DecodablePage(page, partial(rgb_from_page, page, max_pixels))


def pages_from_sources(sources: Iterable[Source], max_pixels: int = MAX_PIXELS) -> Iterator[DecodablePage]:
    """Every page of every source; folders and globs are searched.

    What is not there becomes a picture whose pixels say so: one bad name costs itself only.
    """
    for number, source in enumerate(sources):
        if isinstance(source, str | Path):
            try:
                for page in pages_from_inputs([source]):
                    yield page_from_source(page, number, max_pixels)
            except InputError:
                yield page_from_source(source, number, max_pixels)
        else:
            yield page_from_source(source, number, max_pixels)
