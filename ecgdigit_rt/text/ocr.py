"""Words of a page image, recognized by RapidOCR (extra `ocr`).

RapidOCR executes the networks of PP-OCR on ONNX Runtime. Its wheel contains the networks, and their files are
passed explicitly, so that nothing is downloaded. Without the extra, no words are recognized.

Recognized text may contain names of patients. It is returned and never logged.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends.telemetry import disable_onnxruntime_telemetry
from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.memory import release_freed_memory
from ecgdigit_rt.text.roman_numerals import is_numeral_like, verified_numeral
from ecgdigit_rt.words import Word

MAX_SIDE_PX = 1600
"""Longer side of the image in which text is detected. Larger images are reduced.

Measured on 130 pages: with 2000 px, 102 speeds and 764 lead names are recognized; with 1600 px, 99 and 730.
None is wrong. 2000 px takes 1.9 s of CPU time a page, and 1600 px takes 1.6 s. With 2000 px, the peak memory
of a run exceeds 1.5 GB.
"""

_MIN_SIDE_PX = 1200
"""Longer side to which smaller images are magnified. Hand-picked, not tuned: at 1600 px, the dots of a coarse
grid were detected as text.
"""

_MIN_SCORE = 0.5
"""Minimum mean probability of the characters of a word. Default of RapidOCR, not tuned."""

_THREADS = min(2, usable_cpus())
"""Number of threads per page. Measured: a page takes 0.65 times as long with two threads as with one."""

_SLOTS = threading.BoundedSemaphore(max(1, usable_cpus() // 4))
"""Limit on the number of pages that are recognized at the same time. Each needs 0.6 GB (measured)."""

_ENGINE_LOCK = threading.Lock()
_DETECTION, _RECOGNITION = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"


def ocr_available() -> bool:
    """Return whether the extra `ocr` is installed with the networks that it should contain."""
    return _model_folder() is not None


def ocr_version() -> str:
    """Return the package and version that recognizes text, or `none`. It affects results."""
    return f"rapidocr {version('rapidocr')}" if ocr_available() else "none"


def ocr_words(image: NDArray[np.uint8]) -> tuple[Word, ...]:
    """Return the words of an upright page, or () if the extra `ocr` is not installed.

    A word is a line of text without large gaps, so it may contain spaces. Text that runs in another direction
    than from left to right is not recognized reliably. Numerals I, II and III are included only if the number
    of their strokes is certain. `image` is (height, width, 3) uint8 RGB; boxes are in its pixels. The
    function is thread-safe.
    """
    folder = _model_folder()
    if folder is None:
        return ()
    with _ENGINE_LOCK:  # the first call opens the networks
        engine = _engine(folder)
    height, width = image.shape[:2]
    side = max(height, width)
    scale = min(max(side, _MIN_SIDE_PX), MAX_SIDE_PX) / side
    size = max(1, round(width * scale)), max(1, round(height * scale))
    with _SLOTS:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        release_freed_memory()  # measured: the peak of a run falls from 1.45 to 1.25 GB
        resized = cv2.resize(image, size, interpolation=interpolation)
        result = engine(cv2.cvtColor(resized, cv2.COLOR_RGB2BGR))
    if result.boxes is None or result.txts is None:
        return ()
    corners = np.asarray(result.boxes, np.float64) * (width / size[0], height / size[1])  # (words, 4, 2)
    words = (
        _word(text, image, (*box.min(axis=0), *box.max(axis=0)))
        for text, box in zip(result.txts, corners, strict=True)
    )
    return tuple(word for word in words if word is not None)


def _word(text: str, image: NDArray[np.uint8], box_px: tuple[float, float, float, float]) -> Word | None:
    left, top, right, bottom = (float(value) for value in box_px)
    box = left, top, right, bottom
    numeral = verified_numeral(text.strip(), image, box) if is_numeral_like(text.strip()) else text.strip()
    return Word(numeral, box) if numeral else None


def _model_folder() -> Path | None:
    """Return the folder with the networks in the installed package, or None. The package is not imported."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "models"
    return folder if all((folder / name).is_file() for name in (_DETECTION, _RECOGNITION)) else None


@cache
def _engine(folder: Path) -> Any:  # noqa: ANN401 the package is not typed
    """Open the networks. The text direction is not classified, because the page is upright."""
    disable_onnxruntime_telemetry()
    with _without_requests():
        from rapidocr import RapidOCR
    settings = {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        "Global.text_score": _MIN_SCORE,
        "Det.model_path": str(folder / _DETECTION),
        "Det.limit_type": "max",
        "Det.limit_side_len": MAX_SIDE_PX,
        "Rec.model_path": str(folder / _RECOGNITION),
        "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
    }
    return RapidOCR(params=settings)


@contextmanager
def _without_requests() -> Iterator[None]:
    """Replace the package `requests` with an empty module while RapidOCR is imported.

    RapidOCR uses it only to download networks and images. Its import opens a socket to test whether the
    machine supports IPv6. If `requests` is loaded already, it is not replaced.
    """
    name = "requests"
    if name in sys.modules:
        yield
        return
    placeholder = ModuleType(name)
    placeholder.Response = object  # type: ignore[attr-defined] # used in annotations
    sys.modules[name] = placeholder
    try:
        yield
    finally:
        del sys.modules[name]
