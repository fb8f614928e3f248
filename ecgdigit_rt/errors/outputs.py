"""Errors of outputs, of output formats, and of the journals of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class FormatNotSpecified(EcgDigitError, LookupError):
    """Neither `--format`, nor a test.csv, nor the path of the output determines the output format."""

    id = "E-FORMAT-01"
    exit_code = 1

    def __init__(self, out: Path, folders: str, suffixes: str) -> None:
        super().__init__(
            f"Cannot determine the output format from --out {out}",
            f"For a folder, set --format (one of {folders}). For a file, use a known suffix ({suffixes}).",
        )
        self.out = out


class FormatConflict(EcgDigitError, ValueError):
    """The output format contradicts another option."""

    id = "E-FORMAT-02"
    exit_code = 1

    def __init__(self, name: str, problem: str, fix: str) -> None:
        super().__init__(f"Cannot use the format {name}: {problem}", fix)
        self.name = name
        self.problem = problem


class OutputError(EcgDigitError):
    """Base class of errors that prevent writing the output."""

    exit_code = 4


class OutputNotWritable(OutputError, OSError):
    """The output path cannot be written."""

    id = "E-OUTPUT-01"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Cannot write {path}: {reason}",
            "Choose another path, free disk space, or change the permissions.",
        )
        self.path = path
        self.reason = reason


class OutputInUse(OutputError, BlockingIOError):
    """Another run is writing the same output."""

    id = "E-OUTPUT-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot write {path}: another run is writing it",
            "Wait until that run ends, or choose another --out. The lock of a killed run is released.",
        )
        self.path = path


class JournalError(EcgDigitError):
    """Base class of errors about the journal of an earlier run."""

    exit_code = 1


class ConfigurationChanged(JournalError, ValueError):
    """The options of a run differ from those in its journal.

    `differences` describes each difference, such as "--tta was none and is flip".
    """

    id = "E-JOURNAL-01"

    def __init__(self, journal: Path | str, differences: Sequence[str]) -> None:
        super().__init__(
            f"Cannot resume {journal}: the options have changed ({'; '.join(differences)})",
            "Use the earlier options, choose another --out, or restart the run with --restart.",
        )
        self.journal = journal
        self.differences = tuple(differences)


class JournalMalformed(JournalError, ValueError):
    """The journal file is damaged, from another version, or not a journal."""

    id = "E-JOURNAL-02"

    def __init__(self, journal: Path | str) -> None:
        super().__init__(
            f"Cannot resume {journal}: it is not a journal that this version can read",
            "Move the file if it is not a journal, or replace it with --restart.",
        )
        self.journal = journal


class JournalMissing(JournalError, FileNotFoundError):
    """The journal that lists the failed pages for `--only-failed` does not exist."""

    id = "E-JOURNAL-03"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"The journal of the earlier run does not exist: {journal}",
            "Run without --only-failed first, with the same --out.",
        )
        self.journal = journal
