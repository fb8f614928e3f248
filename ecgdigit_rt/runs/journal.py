"""The journal of a run: JSON Lines beside the output, appended to page by page.

The first line says how pages are read, each line after it what became of one page, the last one of a run
that came to its end what was written. A line cut short by the end of the process is as good as none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecgdigit_rt.errors import JournalMalformed
from ecgdigit_rt.runs.append_only_file import AppendOnlyFile
from ecgdigit_rt.runs.report import PageReport
from ecgdigit_rt.runs.spool import SpoolRecord

VERSION = 1
_BEGINS = b'{"journal": '


@dataclass(frozen=True, slots=True)
class PageName:
    """How a page is called in the output and where it comes from, `number` counting from 0."""

    image: str
    source: str
    number: int


@dataclass(frozen=True, slots=True)
class InputFingerprint:
    """What decides a page's result beside the configuration, and what is asked of it.

    sha256: of the file's bytes. threads: of one network, which decide in which order numbers are summed.
    asked: a digest of its lines of test.csv.
    """

    sha256: str
    threads: int
    asked: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One page that was read. place: of its record in the spool, if it has one. line: its place here."""

    fingerprint: InputFingerprint
    status: str
    has_leads: bool
    place: SpoolRecord | None
    line: tuple[int, int]

    @property
    def is_failed(self) -> bool:
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class Completion:
    """The end of a run. jobs: a digest of all its pages in order. output: the SHA-256 of its one file."""

    jobs: str
    output: str | None
    failed: int


class Journal:
    """What a journal says, and where the next line goes. The file is made with its first line.

    configuration: None in a new one. entries: of every page the last line. finish: where that is the last.
    Raises JournalMalformed for a file that is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.configuration: dict[str, str] | None = None
        self.entries: dict[PageName, JournalEntry] = {}
        self.finish: Completion | None = None
        size = 0
        for start, line in _whole_lines(path):
            size = start + len(line)
            self._learn(line, start)
        if size == 0 and not _BEGINS.startswith(_head(path)):
            raise JournalMalformed(path)  # cut short it would begin like one
        self._file = AppendOnlyFile(path, size)

    @property
    def spooled(self) -> int:
        """Where the last record in the spool ends."""
        return max((e.place.end for e in self.entries.values() if e.place is not None), default=0)

    def begin(self, configuration: Mapping[str, str]) -> None:
        """Forget everything and begin anew, for pages that are read like this."""
        self._file.remove()
        self.configuration, self.entries, self.finish = dict(configuration), {}, None

    def add(
        self, name: PageName, fingerprint: InputFingerprint, place: SpoolRecord | None, report: PageReport
    ) -> None:
        """Note one page, which is done by this. Raises OutputNotWritable."""
        facts = {
            "page": asdict(name),
            "made_from": asdict(fingerprint),
            "place": None if place is None else asdict(place),
            "report": asdict(report),
        }
        line = self._append(facts)
        self.entries[name] = JournalEntry(fingerprint, report.status, bool(report.leads), place, line)
        self.finish = None

    def end(self, finish: Completion) -> None:
        """Note that the output is written. Raises OutputNotWritable."""
        self._append({"finish": asdict(finish)})
        self.finish = finish

    def report(self, entry: JournalEntry) -> PageReport:
        """What the report says of a page."""
        found = json.loads(self._file.read(*entry.line))
        return PageReport(**found["report"])

    def close(self) -> None:
        self._file.close()

    def _append(self, facts: Mapping[str, object]) -> tuple[int, int]:
        if self._file.size == 0:
            self._file.append(_line({"journal": VERSION, "configuration": self.configuration}))
        line = _line(facts)
        return self._file.append(line), len(line)

    def _learn(self, line: bytes, start: int) -> None:
        """Take in one line; one that damage made unreadable is passed over, and its page is read again."""
        try:
            facts = json.loads(line)
            if start == 0:
                self.configuration = _configuration(facts)
                return
            self.finish = Completion(**facts["finish"]) if "finish" in facts else None
            if self.finish is None:
                place = None if facts["place"] is None else SpoolRecord(**facts["place"])
                name, fingerprint = PageName(**facts["page"]), InputFingerprint(**facts["made_from"])
                status, leads = facts["report"]["status"], facts["report"]["leads"]
                self.entries[name] = JournalEntry(fingerprint, status, bool(leads), place, (start, len(line)))
        except (ValueError, KeyError, TypeError) as error:
            if start == 0:
                raise JournalMalformed(self.path) from error


def _configuration(facts: Mapping[str, Any]) -> dict[str, str]:
    """Raises ValueError and KeyError."""
    if facts["journal"] != VERSION:
        raise ValueError(f"version {facts['journal']}")
    return dict(facts["configuration"])


def _line(facts: Mapping[str, object]) -> bytes:
    return json.dumps(facts).encode() + b"\n"


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(_BEGINS))


def _whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Every line that has its end, with where it begins."""
    start = 0
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield start, line
            start += len(line)
