"""Folder outputs: one set of files per page, named after the page id."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from re import Pattern
from types import TracebackType
from typing import Self

from ecgdigit_rt.atomic_files import check_folder_writable
from ecgdigit_rt.formats.registry import REPORT
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Digitized, Result
from ecgdigit_rt.sanitize import CONTROL_CHARS

WritePage = Callable[[Path, str, Digitized], None]
"""Function that writes the files of one page. Arguments: folder, page id, page.

Each file must appear atomically.
"""

_UNSAFE = re.compile(rf'[{CONTROL_CHARS}/\\:*?"<>|]|^\.|[. ]$')
"""Unsafe parts of a file name.

They are characters that some file systems or terminals reject or that UTF-8 cannot encode, a leading dot
(hidden file), and a trailing dot or space, which Windows drops.
"""

_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
"""Start of names that refer to devices on Windows, also with a suffix, such as CON.csv."""

_MAX_STEM_BYTES = 200
"""Maximum length of a stem. Hand-picked, not tuned.

It is less than the 255 bytes that file systems allow, because the name of a temporary file is longer than the
name of the final file.
"""


class PageFolder:
    """Page writer for a folder of files.

    The folder is created with its first file. Failed pages and pages without leads get no files. Existing
    files of a page are replaced. If a page fails, its existing files stay.

    `folder` is the path of the folder. `suffixes` are the suffixes of the files of one page. `stem_from_id`
    returns the common stem of these files for a page id.
    """

    def __init__(
        self,
        path: Path,
        write_page: WritePage,
        suffixes: tuple[str, ...],
        stem_from_id: Callable[[str], str] | None = None,
    ) -> None:
        self.folder = path
        self._write_page = write_page
        self._suffixes, self._stem_from_id = suffixes, stem_from_id or file_stem

    def __enter__(self) -> Self:
        check_folder_writable(self.folder)
        return self

    def write(self, page_id: str, result: Result) -> None:
        """Write the files of one page. Raises OutputNotWritable."""
        if isinstance(result, Digitized) and has_files(result):
            self._write_page(self.folder, page_id, result)

    def has(self, page_id: str) -> bool:
        """Return whether all files of a page exist."""
        return all(path.is_file() for path in self.paths(page_id))

    def paths(self, page_id: str) -> list[Path]:
        """Return the paths of all files of a page with leads."""
        stem = self._stem_from_id(page_id)
        return [self.folder / f"{stem}{suffix}" for suffix in self._suffixes]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing. Every file was closed when its page was written."""


def has_files(result: Result) -> bool:
    """Return whether a page gets files: it was digitized and has leads."""
    return isinstance(result, Digitized) and bool(lead_names(result))


def file_stem(page_id: str, unsafe: Pattern[str] = _UNSAFE, max_bytes: int = _MAX_STEM_BYTES) -> str:
    """Return a safe file stem for a page id.

    Equal ids give equal stems. Different ids give different stems, apart from collisions of the 32-bit
    digest. A safe id is returned unchanged. Otherwise the unsafe characters are replaced and a digest of the
    id is appended. These ids also count as unsafe:

    - an id that is empty or longer than `max_bytes`
    - the stem of the report of the run, in upper or lower case
    - the name of a device on Windows, such as CON, also with a suffix; `_` is put before it
    - an id that is not in Unicode normal form NFC, because some file systems treat all normal forms of a name
      as the same name
    """
    safe = unicodedata.normalize("NFC", unsafe.sub("_", page_id))
    safe = f"_{safe}" if _RESERVED.match(safe) else safe
    is_reserved = safe.lower() == REPORT.removesuffix(".json")
    if safe == page_id and safe and not is_reserved and len(safe.encode()) <= max_bytes:
        return safe
    digest = hashlib.sha256(page_id.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    short = safe.encode("utf-8", "replace")[: max_bytes - 9].decode("utf-8", "ignore")
    return f"{short}-{digest}"
