"""Files on standard input, with NULs between them: what each decodes to and the memory it takes, in JSON.

Each is read in a process of its own that has everything loaded: what it grows by is the file's doing.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

import pillow_heif  # noqa: F401 loaded before anything is weighed, as the next ones
import pydicom.pixels  # noqa: F401
import pypdfium2  # noqa: F401

from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.errors import EcgDigitError

LONGEST_S = 60
"""Of one file. Only a hang is that long."""


def weighed(path: Path) -> dict[str, object]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages, found = 0, ""
    try:
        refs = pages_from_inputs([path])
        pages = len(refs)
        rgb_from_page(refs[-1])
    except EcgDigitError as error:
        found = error.id
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"name": os.fsencode(path.name).hex(), "pages": pages, "error_id": found, "grown_mb": grown / 1024}


def main() -> None:
    for name in sys.stdin.buffer.read().split(b"\0"):
        child = os.fork()
        if child == 0:
            signal.alarm(LONGEST_S)
            print(json.dumps(weighed(Path(os.fsdecode(name)))), flush=True)  # noqa: T201
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(f"{name!r} ended its process with {status}")


if __name__ == "__main__":
    main()
