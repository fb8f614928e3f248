"""A folder with files of its own for every page that was read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ecgdigit_rt.atomic_files import check_folder
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Digitized, Failed, Result

PageFiles = Callable[[Path, str, Digitized], None]
"""Writes one page's files: the folder, the page's id, the page. Each file appears whole."""


class PageFolder:
    """The folder is made with its first file. A page that failed, or without leads, has none.

    Files of a page that were there before are replaced; those of a page that failed now stay.
    suffixes, stem: how a page's files are called by its id.
    """

    def __init__(
        self,
        path: Path,
        write_files: PageFiles,
        suffixes: tuple[str, ...],
        stem: Callable[[str], str] = file_stem,
    ) -> None:
        self._path = path
        self._write_files = write_files
        self._suffixes, self._stem = suffixes, stem

    def __enter__(self) -> Self:
        check_folder(self._path)
        return self

    def write(self, page_id: str, result: Result) -> None:
        if not isinstance(result, Failed) and lead_names(result):
            self._write_files(self._path, page_id, result)

    def has(self, page_id: str) -> bool:
        """Whether all files of a page are there."""
        stem = self._stem(page_id)
        return all((self._path / f"{stem}{suffix}").is_file() for suffix in self._suffixes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left open."""
