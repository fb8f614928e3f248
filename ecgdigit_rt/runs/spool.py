"""Results that wait for the end of a run: records one after another in a file beside the output."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_rt.runs.append_only_file import AppendOnlyFile


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """Where a record stands, and the CRC-32 of its bytes."""

    start: int
    size: int
    checksum: int

    @property
    def end(self) -> int:
        return self.start + self.size


class Spool:
    """Records are found by their place, which the journal tells; what no place tells of is never read."""

    def __init__(self, path: Path, used: int) -> None:
        """used: how many of its bytes the journal tells of; what stands behind them goes."""
        self._file = AppendOnlyFile(path, used)

    @property
    def path(self) -> Path:
        return self._file.path

    def append(self, record: bytes) -> SpoolRecord:
        """Raises OutputNotWritable."""
        return SpoolRecord(self._file.append(record), len(record), zlib.crc32(record))

    def read(self, place: SpoolRecord) -> bytes | None:
        """The record, or None where the file no longer has it."""
        record = self._file.read(place.start, place.size)
        return record if len(record) == place.size and zlib.crc32(record) == place.checksum else None

    def remove(self) -> None:
        """Raises OutputNotWritable."""
        self._file.remove()

    def close(self) -> None:
        self._file.close()
