"""Processes that decode uploaded files. A hostile file cannot take the memory or the time of the service."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.child_process import ChildProcess
from ecgdigit_rt.drawing import Drawing
from ecgdigit_rt.errors import PageCrashed, WorkerDied
from ecgdigit_rt.library_threads import limit_library_threads
from ecgdigit_rt.server.decoded_upload import DecodedUpload, DecodeRequest, decode_upload
from ecgdigit_rt.server.memfd import memory_file
from ecgdigit_rt.server.uploads import Upload
from ecgdigit_rt.words import Word


@dataclass(frozen=True, slots=True, eq=False)
class UploadedPage:
    """Decoded page of an upload.

    `page_count` is the number of pages in the file. `image` is (height, width, 3) uint8 RGB. It
    is empty if it was not decoded. `words` and `drawing` are in pixels of the image.
    """

    page_count: int
    image: NDArray[np.uint8] = field(repr=False)
    words: tuple[Word, ...] = field(repr=False)
    drawing: Drawing | None = field(repr=False)


class Decoders:
    """Processes that decode uploads. There are as many as decode at the same time, at most one per worker."""

    def __init__(self) -> None:
        self._idle: list[ChildProcess] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start a process, so that the first request does not wait for it. Raises WorkerDied."""
        with self._process() as process:
            process.start()

    def decode(
        self,
        upload: Upload,
        page: int,
        check: Callable[[], None],
        *,
        reads_drawing: bool,
        needs_image: bool,
    ) -> UploadedPage:
        """Return the page of an upload with this number, counted from 1.

        The line drawing is read if `reads_drawing` is set. Without a drawing, or if `needs_image` is set, the
        image is decoded. `check` raises an exception if the page is not needed any more, and the process is
        then ended. Raises PageCrashed, MemoryError, and what the decoders and `check` raise.
        """
        with self._process() as process, memory_file(upload.data) as path, memory_file(b"") as pixels:
            request = DecodeRequest(path, upload.name, page, reads_drawing, needs_image, pixels)
            try:
                decoded: DecodedUpload = process.call(request, check=check)
            except WorkerDied as error:  # the next request may find enough memory to start a process
                raise PageCrashed("its process cannot start") from error
            width, height = decoded.size_px
            image = np.fromfile(pixels, np.uint8).reshape(height, width, 3)
        return UploadedPage(decoded.page_count, image, decoded.words, decoded.drawing)

    def close(self) -> None:
        """End all processes. No page may be in progress."""
        with self._lock:
            for process in self._idle:
                process.close()
            self._idle.clear()

    @contextmanager
    def _process(self) -> Iterator[ChildProcess]:
        """Yield a process that no other thread uses."""
        with self._lock:
            process = self._idle.pop() if self._idle else ChildProcess(_open_decoder)
        try:
            yield process
        finally:
            with self._lock:
                self._idle.append(process)


def _open_decoder() -> Callable[[DecodeRequest], DecodedUpload]:
    """Return the function of a decoding process. Called in the new process."""
    limit_library_threads()
    return decode_upload
