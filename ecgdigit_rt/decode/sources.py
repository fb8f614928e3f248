"""Conversion of sources (paths, page references and arrays) to decodable pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.file_formats import drawing_from_page, rgb_from_page, words_from_page
from ecgdigit_rt.decode.limits import MAX_PIXELS
from ecgdigit_rt.decode.memory_limit import limited_memory
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.decode.pixels import rgb_from_array
from ecgdigit_rt.drawing import DrawingSource, no_drawing
from ecgdigit_rt.errors import InputError
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.words import WordSource, no_words

T = TypeVar("T")

Source = str | Path | PageRef | NDArray[Any]
"""Path of a file, one page of a file, or an image array that `rgb_from_array` accepts."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodablePage:
    """Page and the functions that decode it.

    `pixels()` returns (height, width, 3) uint8 RGB. `words()` returns the words that the file contains, with
    boxes in pixels of this image, and `drawing()` its line drawing; only PDFs contain words and lines. All of
    them raise InputError, or DependencyMissing if the package that decodes the format is not installed.
    """

    page: PageRef
    pixels: Callable[[], NDArray[np.uint8]]
    words: WordSource = no_words
    drawing: DrawingSource = no_drawing

    def with_memory_limit(self, extra_bytes: int) -> DecodablePage:
        """Return the page with functions that allocate at most `extra_bytes`. See `limited_memory`."""
        return replace(
            self,
            pixels=partial(_call_limited, self.pixels, extra_bytes),
            words=partial(_call_limited, self.words, extra_bytes),
            drawing=partial(_call_limited, self.drawing, extra_bytes),
        )


def _call_limited(decode: Callable[[], T], extra_bytes: int) -> T:
    with limited_memory(extra_bytes):
        return decode()


def page_from_source(source: Source, number: int = 0, max_pixels: int = MAX_PIXELS) -> DecodablePage:
    """Return the page of a source: the first page of a file, the page of a `PageRef`, or an array.

    The id of an array is `array-NUMBER`, with the number `number`.
    """
    if isinstance(source, np.ndarray):
        return DecodablePage(PageRef(Path(f"array-{number}")), partial(rgb_from_array, source, max_pixels))
    page = source if isinstance(source, PageRef) else PageRef(Path(source))
    return DecodablePage(
        page,
        partial(rgb_from_page, page, max_pixels),
        partial(words_from_page, page, max_pixels),
        partial(drawing_from_page, page, max_pixels),
    )


def pages_from_sources(sources: Iterable[Source], max_pixels: int = MAX_PIXELS) -> Iterator[DecodablePage]:
    """Yield every page of every source. Folders and globs are expanded.

    For a source whose pages cannot be listed, a page is yielded that raises an error when it is decoded.
    Therefore one wrong name does not stop the other pages.
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
