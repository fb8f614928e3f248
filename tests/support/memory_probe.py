"""Measurement of the memory that decoding takes.

The files are listed on standard input, separated by NUL. The results are printed as JSON lines. Each file is
decoded in a forked process in which all libraries are already loaded, so that the growth is due to the file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

import pillow_heif  # noqa: F401 loaded before the measurement, like the next two
import pydicom.pixels  # noqa: F401
import pypdfium2  # noqa: F401

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import EcgDigitError

MAX_S = 60
"""Time limit per file. Only a hang takes that long."""


def measure(path: Path) -> dict[str, object]:
    """Decode the last page of a file and return its page count, error id and memory growth."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages, error_id = 0, ""
    try:
        refs = pages_from_inputs([path])
        pages = len(refs)
        rgb_from_page(refs[-1])
    except EcgDigitError as error:
        error_id = error.id
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "name": os.fsencode(path.name).hex(),
        "pages": pages,
        "error_id": error_id,
        "grown_mb": grown / 1024,
    }


def main() -> None:
    for name in sys.stdin.buffer.read().split(b"\0"):
        child = os.fork()
        if child == 0:
            signal.alarm(MAX_S)
            print(json.dumps(measure(Path(os.fsdecode(name)))), flush=True)  # noqa: T201
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{name!r} ended its process with {status}")


if __name__ == "__main__":
    main()
