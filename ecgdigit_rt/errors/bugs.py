"""Error that reports an unexpected exception, and the translation of exceptions into named errors."""

from __future__ import annotations

import re

from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_rt.errors.pages import OutOfMemory

_OPENCV_NO_MEMORY = -4
"""Value of `code` of the cv2.error that OpenCV raises if memory runs out (`cv::Error::StsNoMem`)."""

_NO_MEMORY = re.compile(
    r"bad_alloc|can't alloc|(cannot|unable to|failed to) allocate|failed to map segment|out of memory"
    r"|can't start new thread",
    re.IGNORECASE,
)
"""Texts with which libraries report that memory runs out, in exceptions other than MemoryError.

They are from C++, OpenVINO, ONNX Runtime, the dynamic loader, and Python if it cannot create the stack of a
thread.
"""

_MAX_DETAIL_CHARS = 200  # hand-picked, not tuned


class InternalError(EcgDigitError, RuntimeError):
    """An unexpected exception occurred. `error_type` is the name of its class."""

    id = "E-BUG-01"

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"Unexpected {type(error).__name__}: {error}",
            "This is a bug in ecgdigit-rt. Please report it, with the page if you may share it.",
        )
        self.error_type = type(error).__name__


def named_error(error: BaseException) -> EcgDigitError:
    """Return the error that reports an exception to the user.

    Exhausted memory is E-PAGE-05. An exception that is neither this nor an EcgDigitError is E-BUG-01.
    """
    if isinstance(error, EcgDigitError):
        return error
    text = " ".join(str(error).split())
    is_memory = isinstance(error, MemoryError) or getattr(error, "code", None) == _OPENCV_NO_MEMORY
    if is_memory or _NO_MEMORY.search(text):
        return OutOfMemory(text[:_MAX_DETAIL_CHARS])
    return InternalError(error)
