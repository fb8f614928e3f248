"""PDF pages: pixels rendered by PDFium (pypdfium2), words from their text, and line drawings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.decode.limits import check_page
from ecgdigit_rt.decode.pdf_paths import drawing_from_pdf_page
from ecgdigit_rt.decode.pdf_scale import rendered_size
from ecgdigit_rt.decode.pdf_words import words_from_pdf_page
from ecgdigit_rt.decode.read_file import bytes_from_file
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import PasswordProtected, UnreadableImage, UnsupportedType
from ecgdigit_rt.words import Word

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_TAIL_BYTES = 4096  # the end marker must be in the last bytes of the file; hand-picked, not tuned
PDFIUM_LOCK = threading.Lock()
"""Lock that every call of PDFium must hold, because PDFium is not thread-safe."""


def matches(head: bytes) -> bool:
    """Return whether a file that starts with these bytes is a PDF."""
    return b"%PDF-" in head


def page_count(path: Path) -> int:
    """Return the number of pages of a file. Raises UnreadableImage, UnsupportedType or PasswordProtected."""
    return page_count_from_pdf(path, path.absolute())


def rgb(path: Path, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Render one page. Raises UnreadableImage, UnsupportedType, PasswordProtected or ImageSizeOutOfRange."""
    return rgb_from_pdf(path, path.absolute(), page, max_pixels)


def words(path: Path, page: int, max_pixels: int) -> tuple[Word, ...]:
    """Return the words of one page, in pixels of the image that `rgb` returns. Raises the errors of `rgb`."""
    return words_from_pdf(path, path.absolute(), page, max_pixels)


def drawing(path: Path, page: int, max_pixels: int) -> Drawing | None:
    """Return the line drawing of one page, in pixels of the image that `rgb` returns, or None.

    Raises the errors of `rgb`.
    """
    return drawing_from_pdf(path, path.absolute(), page, max_pixels)


def page_count_from_pdf(path: Path, source: Path | bytes) -> int:
    """Return the number of pages of the PDF `source`, a path or the bytes of a document.

    Error messages name `path`, the file that contains the document. Raises UnreadableImage, UnsupportedType
    or PasswordProtected.
    """
    with _open(path, source) as document:
        return len(document)


def rgb_from_pdf(path: Path, source: Path | bytes, page: int, max_pixels: int) -> NDArray[np.uint8]:
    """Render one page of the PDF `source`, a path or the bytes of a document.

    Error messages name `path`, the file that contains the document. Raises the same errors as `rgb`.
    """
    import pypdfium2

    with _open(path, source) as document:
        check_page(path, page, len(document))
        try:
            pdf_page = document[page]
            size = rendered_size(path, pdf_page, max_pixels)
            bitmap = pdf_page.render(scale=size.scale, rev_byteorder=True)
            pixels = np.array(bitmap.to_numpy(), np.uint8, order="C")
            bitmap.close()
        except (pypdfium2.PdfiumError, UnicodeDecodeError) as error:
            raise UnreadableImage(path, f"page {page + 1} of the PDF is damaged") from error
    return pixels


def words_from_pdf(path: Path, source: Path | bytes, page: int, max_pixels: int) -> tuple[Word, ...]:
    """Return the words of one page of the PDF `source`, a path or the bytes of a document.

    A page without text, or with damaged text, has no words. Error messages name `path`, the file that
    contains the document. Raises the same errors as `rgb`.
    """
    import pypdfium2

    with _open(path, source) as document:
        check_page(path, page, len(document))
        try:
            pdf_page = document[page]
            size = rendered_size(path, pdf_page, max_pixels)
        except (pypdfium2.PdfiumError, UnicodeDecodeError) as error:
            raise UnreadableImage(path, f"page {page + 1} of the PDF is damaged") from error
        try:
            return words_from_pdf_page(pdf_page, size)
        except pypdfium2.PdfiumError:
            return ()


def drawing_from_pdf(path: Path, source: Path | bytes, page: int, max_pixels: int) -> Drawing | None:
    """Return the line drawing of one page of the PDF `source`, a path or the bytes of a document, or None.

    Error messages name `path`, the file that contains the document. Raises the same errors as `rgb`.
    """
    import pypdfium2

    with _open(path, source) as document:
        check_page(path, page, len(document))
        try:
            pdf_page = document[page]
            size = rendered_size(path, pdf_page, max_pixels)
            return drawing_from_pdf_page(pdf_page, size)
        except (pypdfium2.PdfiumError, UnicodeDecodeError) as error:
            raise UnreadableImage(path, f"page {page + 1} of the PDF is damaged") from error


@contextmanager
def _open(path: Path, source: Path | bytes) -> Iterator[PdfDocument]:
    """Open a document, and hold PDFIUM_LOCK until the document is closed.

    Pages are loaded when they are accessed. Raises UnreadableImage, UnsupportedType or PasswordProtected.
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    _check_end(path, source)
    with PDFIUM_LOCK:
        try:
            document = pypdfium2.PdfDocument(source)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium.FPDF_ERR_PASSWORD:
                raise PasswordProtected(path) from error
            if error.err_code == pdfium.FPDF_ERR_SECURITY:
                kind = "a PDF with an unknown encryption"
                raise UnsupportedType(path, kind, "Print the document to a new PDF.") from error
            raise UnreadableImage(path, "the PDF is damaged or has no pages") from error
        try:
            yield document
        finally:
            document.close()


def _check_end(path: Path, source: Path | bytes) -> None:
    """Raise UnreadableImage if the file is truncated. PDFium would open it with missing or blank pages."""
    tail = source[-_TAIL_BYTES:] if isinstance(source, bytes) else bytes_from_file(source, last=_TAIL_BYTES)
    if b"%%EOF" not in tail:
        raise UnreadableImage(path, "the PDF is truncated")
