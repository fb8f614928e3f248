"""Output of a run: its format, path and working files, determined by `--out`, `--format` and `--test`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgdigit_rt.atomic_files import (
    check_file_writable,
    check_folder_writable,
    is_stream,
    reraise_as_output_error,
)
from ecgdigit_rt.decode.page_list import is_address
from ecgdigit_rt.durable_files import make_folder
from ecgdigit_rt.errors import AddressNeedsCluster, OutputInUse
from ecgdigit_rt.formats.registry import STDOUT, OutputDestination, OutputFormat, select_format
from ecgdigit_rt.formats.writer import PageWriter

if TYPE_CHECKING:
    from ecgdigit_rt.formats.test_csv import LeadRequest


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """Destination of the results and the report of a run.

    `requests` are the lines of test.csv by image id, or None without test.csv.
    """

    out: Path
    form: OutputFormat
    requests: Mapping[str, Sequence[LeadRequest]] | None

    @property
    def is_stream(self) -> bool:
        """True for standard output, a pipe or a device, where a run cannot be resumed."""
        return str(self.out) == STDOUT or is_stream(self.out)

    @property
    def report_path(self) -> Path:
        """Path of the report."""
        return self.form.report_path(self.out)

    @property
    def files(self) -> WorkingFiles:
        """Paths of journal, spool and lock.

        In an output folder, each format has a separate journal, because runs with different formats may write
        to the same folder.
        """
        out, is_folder = self.out, self.form.is_folder
        stem = out / f".{self.form.name}" if is_folder else out
        journal, spool = (stem.with_name(f"{stem.name}.{suffix}") for suffix in ("journal", "spool"))
        lock = out / ".run.lock" if is_folder else out.with_name(f".{out.name}.lock")
        outputs = () if is_folder else (out, self.report_path)
        return WorkingFiles(out, outputs, journal, spool, lock)

    def writer(self) -> PageWriter:
        """Return a writer for the format. Raises DependencyMissing."""
        stream = sys.stdout if str(self.out) == STDOUT else None
        return self.form.open_writer(OutputDestination(self.out, stream, self.requests))

    def check(self) -> None:
        """Check that the output can be written, unless it is a stream. Raises OutputNotWritable."""
        if not self.is_stream:
            (check_folder_writable if self.form.is_folder else check_file_writable)(self.out)


def output_target(
    out: str, form: str | None, requests: Mapping[str, Sequence[LeadRequest]] | None
) -> OutputTarget:
    """Return the target of a run.

    Raises UnknownChoice, FormatNotSpecified or FormatConflict. Raises AddressNeedsCluster if `out` is a URL.
    """
    if is_address(out):
        raise AddressNeedsCluster(out)
    path = Path(out)
    return OutputTarget(path, select_format(form, path, has_requests=requests is not None), requests)


@dataclass(frozen=True, slots=True)
class WorkingFiles:
    """Paths of the journal, the spool and the lock of one output.

    These files are next to an output file such as `submission.csv`, or inside an output folder. In an output
    folder, the name of the journal contains the format, as in `.csv.journal`, and no spool is created.
    `outputs` are the output file and its report, which are in the same folder as the lock. It is empty for an
    output folder, because its lock covers all files in the folder.
    """

    out: Path
    outputs: tuple[Path, ...]
    journal: Path
    spool: Path
    lock_file: Path

    def remove(self) -> None:
        """Delete the journal and the spool of an earlier run. Raises OutputNotWritable."""
        for path in (self.journal, self.spool):
            with reraise_as_output_error(path):
                path.unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the output against other runs, and delete the temporary files of runs that were killed.

        The operating system releases the lock when the process exits, even after a crash. At the end of the
        block, folders that were created for the lock are deleted if they are empty. Raises OutputInUse or
        OutputNotWritable.
        """
        import filelock

        folder = self.lock_file.parent
        created = [path for path in (folder, *folder.parents) if not path.exists()]
        with reraise_as_output_error(self.lock_file):
            make_folder(folder)
            lock = filelock.FileLock(self.lock_file, timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                # raises OSError if the file cannot be created, which is not the fault of another run
                os.close(os.open(self.lock_file, os.O_RDWR | os.O_CREAT))
                raise OutputInUse(self.out) from error
        try:
            with reraise_as_output_error(self.out):
                self._remove_temporary_files()
            yield
        finally:
            with suppress(OSError):
                self.lock_file.unlink()  # before the release, so that other processes detect the deletion
            lock.release()
            _remove_empty(created)

    def _remove_temporary_files(self) -> None:
        """Delete the temporary files of `ecgdigit_rt.atomic_files` that killed processes left behind.

        Next to an output file, only temporary files of this output and its report are deleted.
        """
        prefixes = tuple(f".{path.name}." for path in self.outputs) or (".",)
        for path in list(self.lock_file.parent.iterdir()):
            if path.name.endswith(".part") and path.name.startswith(prefixes):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    """Delete nested folders, the innermost first. Stop at the first folder that is not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
