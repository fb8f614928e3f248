"""Words of a page: printed text with its position in the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """Printed text without line breaks, with its box in the decoded image.

    box_px: left, top, right and bottom in pixels.
    quarter_turns: clockwise rotation of the text in the image, 0 to 3.
    """

    text: str = field(repr=False)
    box_px: tuple[float, float, float, float]
    quarter_turns: int = 0

    def rotated(self, size_px: tuple[int, int], quarter_turns: int) -> Word:
        """Return the word after counterclockwise turns of its image of `size_px` (width, height)."""
        width, height = size_px
        left, top, right, bottom = self.box_px
        for _ in range(quarter_turns % 4):
            left, top, right, bottom = top, width - right, bottom, width - left
            width, height = height, width
        return Word(self.text, (left, top, right, bottom), (self.quarter_turns - quarter_turns) % 4)


WordSource = Callable[[], Sequence[Word]]
"""Function that returns the words of a page. It is called only if the words are needed."""


def no_words() -> Sequence[Word]:
    """Return no words: the file contains no text."""
    return ()
