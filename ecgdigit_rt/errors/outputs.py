"""Errors of outputs, of their formats, and of the journals of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ecgdigit_engine.errors import EcgDigitError


class FormatNotSpecified(EcgDigitError, LookupError):
    """Output without a format: no `--format`, no test.csv and no known suffix."""

    id = "E-FORMAT-01"
    exit_code = 1

    def __init__(self, out: Path, folders: str, suffixes: str) -> None:
        super().__init__(
            f"Cannot tell the output format from --out {out}",
            f"For a folder, specify --format {folders}. For a file, use one of the suffixes {suffixes}.",
        )
        self.out = out


class FormatConflict(EcgDigitError, ValueError):
    """Output format that contradicts another option."""

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
    """Output path that cannot be written."""

    id = "E-OUTPUT-01"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Cannot write {path}: {reason}",
            "Choose another path, free disk space, or change the permissions.",
        )
        self.path = path
        self.reason = reason


class OutputInUse(OutputError, BlockingIOError):
    """Output that another run is writing."""

    id = "E-OUTPUT-02"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Cannot write {path}: another run is writing it",
            "Wait for that run to end, or choose another --out. A run that was killed holds no lock.",
        )
        self.path = path


class JournalError(EcgDigitError):
    """Base class of errors about the journal of an earlier run."""

    exit_code = 1


class ConfigurationChanged(JournalError, ValueError):
    """Journal of a run with other options.

    `differences` lists them in words, such as "--tta was none and is flip".
    """

    id = "E-JOURNAL-01"

    def __init__(self, journal: Path, differences: Sequence[str]) -> None:
        super().__init__(
            f"Cannot resume {journal}: the options have changed: {'; '.join(differences)}",
            "Use the earlier options, choose another --out, or start over with --restart.",
        )
        self.journal = journal
        self.differences = tuple(differences)


class JournalMalformed(JournalError, ValueError):
    """File at the path of the journal that this version cannot read as one."""

    id = "E-JOURNAL-02"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"Cannot resume {journal}: it is not a journal that this version can read",
            "Move the file away if it is something else, or replace it with --restart.",
        )
        self.journal = journal


class JournalMissing(JournalError, FileNotFoundError):
    """Missing journal of the run that `--only-failed` repeats."""

    id = "E-JOURNAL-03"

    def __init__(self, journal: Path) -> None:
        super().__init__(
            f"--only-failed found no journal of an earlier run: {journal}",
            "Run without --only-failed first, with the same --out.",
        )
        self.journal = journal
