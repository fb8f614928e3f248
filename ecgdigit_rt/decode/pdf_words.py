"""Words of a PDF page, with boxes in pixels of the rendered page."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ecgdigit_rt.decode.pdf_scale import RenderedSize
from ecgdigit_rt.decode.pdf_transform import Box, ImageTransform
from ecgdigit_rt.words import Word

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

MAX_CHARACTERS = 50_000
"""Maximum number of characters of a page. The words of further characters are ignored.

Hand-picked, not tuned: reports have up to 2000, including grids that are drawn with letters. Reading 50 000
characters takes about 0.2 s, in which no other page is rendered.
"""

# Hand-picked, not tuned. Distances are in units of the height of the line (ascender to descender).
_MAX_GAP = 0.15  # between two characters of a word; spaces are 0.2 to 0.3
_MAX_OVERLAP = 0.5  # of two characters of a word, as with kerning
_MAX_SHIFT = 0.3  # of two characters of a word across the line, as with exponents

_SPAN = tuple[float, float]


class _Character(NamedTuple):
    """Printed character.

    `ink` is the box of its shape, and `cell` the box from the ascender to the descender of its line.
    `quarter_turns` is the clockwise rotation of its line in the image, 0 to 3.
    """

    text: str
    ink: Box
    cell: Box
    quarter_turns: int


def words_from_pdf_page(page: PdfPage, size: RenderedSize) -> tuple[Word, ...]:
    """Return the words of a page, in the order of the file.

    A word ends at a space, at a gap and at the end of its line. Words outside the page are ignored. Lines may
    run in each of the four directions. Invisible text is ignored: programs that recognize text put their
    result, with its errors, invisibly over a scan. `size` is that of the rendered page. PDFIUM_LOCK must be
    held. Raises PdfiumError.
    """
    text_page = page.get_textpage()
    try:
        transform = ImageTransform.of_page(page, size)
        return tuple(_words(_characters(text_page, transform), size))
    finally:
        text_page.close()


def _characters(text_page: PdfTextPage, transform: ImageTransform) -> Iterator[_Character | None]:
    """Yield the characters of a page, and None for each space, line break and character to be ignored."""
    import pypdfium2.raw as pdfium

    cell = pdfium.FS_RECTF()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    for index in range(min(text_page.count_chars(), MAX_CHARACTERS)):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        text = chr(code) if code < 0x110000 else ""
        turns = transform.quarter_turns(pdfium.FPDFText_GetCharAngle(text_page, index))
        is_text = text.isprintable() and not text.isspace() and turns is not None
        if (
            not is_text
            or not _is_visible(text_page, index)
            or not pdfium.FPDFText_GetCharBox(text_page, index, left, right, bottom, top)
            or not pdfium.FPDFText_GetLooseCharBox(text_page, index, cell)
        ):
            yield None
            continue
        ink = transform.box(left.value, bottom.value, right.value, top.value)
        line = transform.box(cell.left, cell.bottom, cell.right, cell.top)
        yield _Character(text, ink, line, turns or 0)


def _is_visible(text_page: PdfTextPage, index: int) -> bool:
    import pypdfium2.raw as pdfium

    text_object = pdfium.FPDFText_GetTextObject(text_page, index)
    hidden = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
    return pdfium.FPDFTextObj_GetTextRenderMode(text_object) not in hidden


def _words(characters: Iterator[_Character | None], size: RenderedSize) -> Iterator[Word]:
    """Join characters to words, and yield the words that are inside the image, with their boxes inside it."""
    word: list[_Character] = []
    for character in (*characters, None):
        if word and (character is None or not _follows(word[-1], character)):
            box = word[0].ink
            for other in word[1:]:
                box = box.union(other.ink)
            inside = Box(
                max(box.left, 0.0),
                max(box.top, 0.0),
                min(box.right, float(size.width)),
                min(box.bottom, float(size.height)),
            )
            if inside.left < inside.right and inside.top < inside.bottom:
                yield Word("".join(other.text for other in word), inside, word[0].quarter_turns)
            word = []
        if character is not None:
            word.append(character)


def _follows(previous: _Character, character: _Character) -> bool:
    """Return whether a character continues the word that ends with the previous one."""
    if character.quarter_turns != previous.quarter_turns:
        return False
    (_, end), (top, bottom) = _line_spans(previous)
    (start, _), (other_top, other_bottom) = _line_spans(character)
    height = max(bottom - top, other_bottom - other_top)
    shift = abs((top + bottom) - (other_top + other_bottom)) / 2
    return -_MAX_OVERLAP * height <= start - end <= _MAX_GAP * height and shift <= _MAX_SHIFT * height


def _line_spans(character: _Character) -> tuple[_SPAN, _SPAN]:
    """Return start and end of a character's cell along its line, and top and bottom across it, in pixels."""
    left, top, right, bottom = character.cell
    along = ((left, right), (top, bottom), (-right, -left), (-bottom, -top))[character.quarter_turns]
    across = (top, bottom) if character.quarter_turns % 2 == 0 else (left, right)
    return along, across
