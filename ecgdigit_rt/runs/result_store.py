"""Storage of page results until the end of a run, in a spool or in the output folder itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, cast

from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.formats.page_folder import PageFolder, has_files
from ecgdigit_rt.formats.writer import PageWriter
from ecgdigit_rt.results import PageRef, Result
from ecgdigit_rt.runs.jobs import Job, missing_page_result
from ecgdigit_rt.runs.journal import JournalEntry, StoredResult
from ecgdigit_rt.runs.spool import Spool, bytes_from_result, result_from_bytes
from ecgdigit_rt.runs.written_files import WrittenFile, are_intact


class ResultStore(Protocol):
    """Durable storage of results.

    A stored result is on the disk. After its journal line has been written, it is not lost when the process
    ends or the power fails.
    """

    def store(self, image: str, result: Result, /) -> StoredResult:
        """Store one result, and return its position in the spool or its files. Raises OutputNotWritable."""
        ...

    def has(self, image: str, entry: JournalEntry, /, *, verify: bool) -> bool:
        """Return True if the result of a journal entry is still available and undamaged.

        The digests of files are compared only with `verify`.
        """
        ...

    def write_output(
        self, entries: Iterable[tuple[Job, JournalEntry | None]], stop: Callable[[], bool], /
    ) -> None:
        """Write the output from the stored results of all jobs, in the order of the jobs.

        Raises OutputNotWritable, or KeyboardInterrupt once `stop()` is true.
        """
        ...

    def discard(self) -> None:
        """Delete the stored results, except files of the output. Raises OutputNotWritable."""
        ...

    def close(self) -> None:
        """Close the files of the store."""
        ...


class SpoolStore:
    """Store for a single output file. Results are kept in a spool until the file is written from them."""

    def __init__(self, spool: Spool, writer: PageWriter) -> None:
        self._spool, self._writer = spool, writer

    def store(self, _image: str, result: Result) -> StoredResult:
        """Append the result to the spool."""
        return StoredResult(record=self._spool.append(bytes_from_result(result)))

    def has(self, _image: str, entry: JournalEntry, *, verify: bool) -> bool:  # noqa: ARG002 always verified
        """Return True if the spool contains the record of this entry, and its checksum is right."""
        return entry.record is not None and self._spool.read(entry.record) is not None

    def write_output(
        self, entries: Iterable[tuple[Job, JournalEntry | None]], stop: Callable[[], bool]
    ) -> None:
        """Write the output file atomically."""
        with self._writer as writer:
            for job, entry in entries:
                if stop():
                    raise KeyboardInterrupt
                if job.page is None or entry is None:
                    writer.write(job.image, missing_page_result(job.image))
                    continue
                result = self._result(entry, job.page)
                if result is None:
                    damage = f"the stored result of {job.image} is damaged"
                    raise OutputNotWritable(self._spool.path, f"{damage}. Run the same command to repair it")
                writer.write(job.image, result)

    def discard(self) -> None:
        """Delete the spool."""
        self._spool.remove()

    def close(self) -> None:
        """Close the spool."""
        self._spool.close()

    def _result(self, entry: JournalEntry, source: PageRef) -> Result | None:
        """Return the stored result, or None if its record is missing or damaged."""
        data = None if entry.record is None else self._spool.read(entry.record)
        return None if data is None else result_from_bytes(data, source)


class FolderStore:
    """Store for an output folder. The files of each page are written as soon as the page is digitized."""

    def __init__(self, folder: PageFolder) -> None:
        self._folder = folder

    def store(self, image: str, result: Result) -> StoredResult:
        """Write the files of one page."""
        self._folder.write(image, result)
        paths = self._folder.paths(image) if has_files(result) else []
        return StoredResult(files=tuple(map(WrittenFile.from_path, paths)))

    def has(self, image: str, entry: JournalEntry, *, verify: bool) -> bool:
        """Return True if all files of the page exist and are unchanged.

        A page without leads has no files. Journals of earlier versions do not contain the sizes of files.
        """
        exists = not entry.has_leads or self._folder.has(image)
        return exists and are_intact(entry.files or (), self._folder.folder, verify=verify)

    def write_output(
        self, entries: Iterable[tuple[Job, JournalEntry | None]], stop: Callable[[], bool]
    ) -> None:
        """Do nothing, because `store` has written all files."""

    def discard(self) -> None:
        """Do nothing, because all files are part of the output."""

    def close(self) -> None:
        """Do nothing, because no file is open."""


def open_store(writer: PageWriter, spool: Path, spool_size: int, *, is_folder: bool) -> ResultStore:
    """Return the store of an output format.

    `writer` is the writer of the format, and `is_folder` is True for formats that write a folder. `spool` is
    the path of the spool. `spool_size` is the offset of the end of the last record in the journal.
    """
    if is_folder:
        return FolderStore(cast("PageFolder", writer))  # every folder format opens a PageFolder
    return SpoolStore(Spool(spool, spool_size), writer)
