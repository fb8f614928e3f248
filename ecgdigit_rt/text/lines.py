"""Lines of a page: words grouped by their positions, from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ecgdigit_rt.words import Word

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""

# Hand-picked, not tuned. Distances are in units of the height of a word.
_MAX_GAP = 1.0  # between two words of a run; a space is 0.3 to 0.5
_MAX_OVERLAP = 0.5  # of two words of a run; the boxes of recognized words have a margin
_MAX_SHIFT = 0.5  # between the centres of the words of a line, across the line

_MIN_REPEATED_CHARACTERS = 4  # a word of one repeated character is part of a grid drawn with letters


@dataclass(frozen=True, slots=True, repr=False)
class TextRun:
    """Consecutive words of a line without a large gap."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """Words, separated by spaces."""
        return " ".join(word.text for word in self.words)

    def box_of(self, start: int, end: int) -> Box:
        """Return the box of the characters `start` to `end` (exclusive) of `text`.

        Inside a word, all characters are assumed to be equally wide.
        """
        boxes: list[Box] = []
        at = 0
        for word in self.words:
            first, last = max(start - at, 0), min(end - at, len(word.text))
            if first < last:
                left, top, right, bottom = word.box_px
                width = (right - left) / len(word.text)
                boxes.append((left + first * width, top, left + last * width, bottom))
            at += len(word.text) + 1
        return (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )


def lines_from_words(words: Sequence[Word]) -> list[tuple[TextRun, ...]]:
    """Return the lines of an upright page from the top down, each as runs from left to right.

    Words are on the same line if their centres have about the same height.
    """
    lines: list[list[Word]] = []
    centres: list[float] = []  # of the words of the last line
    for word in sorted((word for word in words if _is_text(word)), key=_centre):
        mean = sum(centres) / len(centres) if centres else 0.0
        if not lines or _centre(word) - mean > _MAX_SHIFT * min(_height(word), _height(lines[-1][-1])):
            lines.append([])
            centres = []
        lines[-1].append(word)
        centres.append(_centre(word))
    return [tuple(_runs(sorted(line, key=lambda word: word.box_px[0]))) for line in lines]


def _runs(line: Sequence[Word]) -> Iterator[TextRun]:
    run = [line[0]]
    for previous, word in pairwise(line):
        height = max(_height(previous), _height(word))
        if not -_MAX_OVERLAP * height <= word.box_px[0] - previous.box_px[2] <= _MAX_GAP * height:
            yield TextRun(tuple(run))
            run = []
        run.append(word)
    yield TextRun(tuple(run))


def _is_text(word: Word) -> bool:
    is_repeated = len(word.text) >= _MIN_REPEATED_CHARACTERS and len(set(word.text)) == 1
    return bool(word.text.strip()) and not is_repeated


def _height(word: Word) -> float:
    return word.box_px[3] - word.box_px[1]


def _centre(word: Word) -> float:
    return (word.box_px[1] + word.box_px[3]) / 2
