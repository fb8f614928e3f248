"""Where the pages of a run are kept until it ends: in a spool, or in the folder that they are written to."""

from __future__ import annotations

from typing import Protocol

from ecgdigit_rt.formats.page_folder import PageFolder
from ecgdigit_rt.results import PageRef, Result
from ecgdigit_rt.runs.journal import JournalEntry
from ecgdigit_rt.runs.result_bytes import bytes_from_result, result_from_bytes
from ecgdigit_rt.runs.spool import Spool, SpoolRecord


class ResultStore(Protocol):
    """What is kept survives the end of the process, once the journal tells of it."""

    def keep(self, image: str, result: Result, /) -> SpoolRecord | None:
        """Raises OutputNotWritable."""
        ...

    def has(self, image: str, entry: JournalEntry, /) -> bool:
        """Whether what the journal tells of is still there, and whole."""
        ...


class SpoolStore:
    """For one file of all pages, which is put together at the end in the order of the inputs."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    def keep(self, _image: str, result: Result) -> SpoolRecord | None:
        return self.spool.append(bytes_from_result(result))

    def has(self, _image: str, entry: JournalEntry) -> bool:
        return entry.place is not None and self.spool.read(entry.place) is not None

    def result(self, entry: JournalEntry, source: PageRef) -> Result | None:
        """The page, or None where the spool was damaged meanwhile."""
        record = None if entry.place is None else self.spool.read(entry.place)
        return None if record is None else result_from_bytes(record, source)


class FolderStore:
    """For files of each page, which are written as soon as it is read."""

    def __init__(self, folder: PageFolder) -> None:
        self._folder = folder

    def keep(self, image: str, result: Result) -> SpoolRecord | None:
        self._folder.write(image, result)
        return None

    def has(self, image: str, entry: JournalEntry) -> bool:
        return not entry.has_leads or self._folder.has(image)
