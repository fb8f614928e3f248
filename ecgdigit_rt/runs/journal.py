"""Journal of a run: a JSON Lines file next to the output, with one line per page.

The first line contains the configuration. Each following line describes the result of one page. If the run
was completed, the last line describes its output. If the process ended while it was writing a line, the line
is incomplete and is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecgdigit_engine.untrusted_json import json_from_untrusted
from ecgdigit_rt.atomic_files import AppendOnlyFile
from ecgdigit_rt.errors import JournalMalformed, OutputNotWritable
from ecgdigit_rt.results import FAILED
from ecgdigit_rt.runs.jobs import InputFingerprint
from ecgdigit_rt.runs.report import PageReport
from ecgdigit_rt.runs.spool import SpoolRecord
from ecgdigit_rt.runs.written_files import WrittenFile

VERSION = 1  # version of the journal format
_SIGNATURE = b'{"journal": '  # first bytes of every journal


@dataclass(frozen=True, slots=True)
class PageName:
    """Name of a page: its image id in the output, its file, and its index in that file, from 0."""

    image: str
    source: str
    number: int


@dataclass(frozen=True, slots=True)
class StoredResult:
    """Storage of the result of a page. The fields are those of `JournalEntry`."""

    record: SpoolRecord | None = None
    files: tuple[WrittenFile, ...] | None = None
    overlay: WrittenFile | None = None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Journal line of one page.

    `has_leads` is True if the result has at least one lead. `record` is the position of the result in the
    spool, or None if the output is a folder. `files` are the files of the page in the output folder, and
    `overlay` is its overlay; both are None if nothing was written, or in a journal of an earlier version.
    `line` contains the offset and the length of the line in the journal, in bytes.
    """

    fingerprint: InputFingerprint
    status: str
    has_leads: bool
    record: SpoolRecord | None
    files: tuple[WrittenFile, ...] | None
    overlay: WrittenFile | None
    line: tuple[int, int]

    @property
    def is_failed(self) -> bool:
        """True if the page could not be digitized."""
        return self.status == FAILED


@dataclass(frozen=True, slots=True)
class Completion:
    """Last line of the journal of a completed run.

    `jobs` is a digest of all jobs in order. `output` is the SHA-256 of the output file, or None for an output
    folder. `failed` is the number of failed jobs.
    """

    jobs: str
    output: str | None
    failed: int


class Journal:
    """Content of a journal file. The file is created when its first line is written.

    `configuration` is None in a new journal. `entries` contains the most recent entry of each page.
    `completion` is None unless the last line of the file is a completion. Raises JournalMalformed if the file
    is not a journal, or if a later version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.configuration: dict[str, str] | None = None
        self.entries: dict[PageName, JournalEntry] = {}
        self.completion: Completion | None = None
        size = 0
        for start, line in _complete_lines(path):
            size = start + len(line)
            self._load_line(line, start)
        if size == 0 and not _SIGNATURE.startswith(_first_bytes(path)):
            raise JournalMalformed(path)  # not just an incomplete first line
        self._file = AppendOnlyFile(path, size)

    @property
    def spool_size(self) -> int:
        """Offset of the end of the last record in the spool, or 0 if the journal lists no record."""
        return max((e.record.end for e in self.entries.values() if e.record is not None), default=0)

    def reset(self, configuration: Mapping[str, str]) -> None:
        """Remove all lines and start with a new configuration. Raises OutputNotWritable."""
        self._file.remove()
        self.configuration, self.entries, self.completion = dict(configuration), {}, None

    def add(
        self, name: PageName, fingerprint: InputFingerprint, stored: StoredResult, report: PageReport
    ) -> None:
        """Append the line of one page. This marks the page as done. Raises OutputNotWritable."""
        files, overlay = stored.files, stored.overlay
        line = self._append(
            {
                "page": asdict(name),
                "made_from": json_from_fingerprint(fingerprint),
                "place": None if stored.record is None else asdict(stored.record),
                "files": None if files is None else [asdict(file) for file in files],
                "overlay": None if overlay is None else asdict(overlay),
                "report": asdict(report),
            }
        )
        has_leads = bool(report.leads)
        self.entries[name] = JournalEntry(
            fingerprint, report.status, has_leads, stored.record, files, overlay, line
        )
        self.completion = None

    def complete(self, completion: Completion) -> None:
        """Append the last line. Call this after the output has been written. Raises OutputNotWritable."""
        self._append({"finish": asdict(completion)})
        self.completion = completion

    def report(self, entry: JournalEntry) -> PageReport:
        """Return the report of a page, which is read from the journal line of `entry`.

        Raises OutputNotWritable if the file was deleted or changed during the run.
        """
        try:
            return PageReport(**json_from_untrusted(self._file.read(*entry.line))["report"])
        except (ValueError, KeyError, TypeError) as error:
            reason = "it was deleted or changed during the run. Run the same command again"
            raise OutputNotWritable(self.path, reason) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, facts: Mapping[str, object]) -> tuple[int, int]:
        """Append a line. Return its offset and length.

        If the file is empty, the configuration is written first.
        """
        if self._file.size == 0:
            self._file.append(_line({"journal": VERSION, "configuration": self.configuration}))
        line = _line(facts)
        return self._file.append(line), len(line)

    def _load_line(self, line: bytes, start: int) -> None:
        """Load one line. A damaged line is skipped, so the page of this line is digitized again.

        Raises JournalMalformed if the first line is not a configuration.
        """
        try:
            facts = json_from_untrusted(line)
            if start == 0:
                self.configuration = _configuration(facts)
                return
            self.completion = Completion(**facts["finish"]) if "finish" in facts else None
            if self.completion is None:
                self.entries[PageName(**facts["page"])] = _entry(facts, (start, len(line)))
        except (ValueError, KeyError, TypeError) as error:
            if start == 0:
                raise JournalMalformed(self.path) from error


def _entry(facts: Mapping[str, Any], line: tuple[int, int]) -> JournalEntry:
    """Return the entry of a page from the data of its line. Raises ValueError, KeyError or TypeError."""
    record, files, overlay = facts["place"], facts.get("files"), facts.get("overlay")
    return JournalEntry(
        _fingerprint_from_json(facts["made_from"]),
        facts["report"]["status"],
        bool(facts["report"]["leads"]),
        None if record is None else SpoolRecord(**record),
        None if files is None else tuple(WrittenFile(**file) for file in files),
        None if overlay is None else WrittenFile(**overlay),
        line,
    )


def json_from_fingerprint(fingerprint: InputFingerprint) -> dict[str, object]:
    """Return a fingerprint as JSON data, with the keys of the file format."""
    return {
        "sha256": fingerprint.sha256,
        "threads": fingerprint.threads,
        "asked": fingerprint.requests,
    }


def _fingerprint_from_json(facts: Mapping[str, Any]) -> InputFingerprint:
    """Return the fingerprint from JSON data. Raises KeyError or TypeError."""
    return InputFingerprint(facts["sha256"], facts["threads"], facts["asked"])


def _configuration(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration from the data of the first line. Raises ValueError, KeyError or TypeError."""
    if facts["journal"] != VERSION:
        raise ValueError(f"version {facts['journal']}")
    return dict(facts["configuration"])


def _line(facts: Mapping[str, object]) -> bytes:
    """Return data as one line of JSON, with a newline at the end."""
    return json.dumps(facts).encode() + b"\n"


def _first_bytes(path: Path) -> bytes:
    """Return as many bytes from the start of a file as the signature has. Empty if there is no such file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(_SIGNATURE))


def _complete_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the content of every line that ends with a newline."""
    start = 0
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield start, line
            start += len(line)
